/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How far the kernel reads ahead on a file-backed EROFS mount. Such a mount has a backing device
 * info of its own ("erofs-N" in /sys/class/bdi, super_setup_bdi()), which begins with 128 KiB
 * whatever the disk below is set to; a restore reads gigabytes once and in order, and wants far
 * more.
 *
 * Only speed is at stake: without sysfs, or without the right to write there, nothing happens.
 */
#ifndef FIRN_KERNEL_READ_AHEAD_H
#define FIRN_KERNEL_READ_AHEAD_H

/* The number of the newest such device, 0 when there is none: to be asked before mounting. */
unsigned long read_ahead_newest(void);

/*
 * Raise the read-ahead of every EROFS mount newer than @newest. One that somebody else made at the
 * same moment gets it as well, which does it no harm.
 */
void read_ahead_raise(unsigned long newest);

#endif

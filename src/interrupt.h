/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP while something is half done. A build needs none of this: its blobs
 * have no name yet and vanish with the process.
 */
#ifndef FIRN_SRC_INTERRUPT_H
#define FIRN_SRC_INTERRUPT_H

/*
 * From here to the end: a signal turns this process into `firn umount DIR`, which takes down what
 * there is and then dies of the signal. Who sees status 0 has a mount, who sees a signal has none.
 * Both strings are borrowed; @state may be NULL.
 */
void interrupt_unmounts(const char *state, const char *dir);

/*
 * Until interrupt_default(): a signal turns this process into the `firn export IMAGE DIR` that
 * removes what there is of the folder, and then dies of the signal. Both strings are borrowed.
 */
void interrupt_cleans(const char *image, const char *dir);

/*
 * Until interrupt_default(): a signal ends the programs that we run (a runtime, CRIU), and then the
 * library cleans up and returns; where there is none, who asks for it cleans up.
 */
void interrupt_passes(void);
/* The signal that came then, or 0. */
int interrupt_passed(void);

void interrupt_default(void);

/* Die of signal @sig. */
_Noreturn void interrupt_die(int sig);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A window over the pages that CRIU reads from an EROFS mount: threads beside the restore have the
 * kernel forget what CRIU has behind it, so that a restore of any size takes some megabytes of the
 * page cache, and the same ones all the time. Others keep what they have there, and memory that
 * nobody had in use lately is slow to fill: several times so where a hypervisor has taken it back.
 * Of compressed layers they unpack what CRIU will ask for, on all processors, from before it has
 * started until it is through.
 *
 * Where CRIU is, the page cache tells. What nobody but CRIU has read ends where the kernel's
 * read-ahead for it does, a little before it. What is unpacked in advance has marks: pieces that
 * are left to CRIU, and are cached once it was there.
 *
 * Nothing here can fail a restore: what was forgotten too early is read again, what isn't unpacked
 * yet CRIU unpacks itself. Pages of a mount that other bundles have as well stay, for those.
 */
#ifndef FIRN_NODE_WINDOW_H
#define FIRN_NODE_WINDOW_H

#define WINDOW_AHEAD_BYTES  (64u << 20) /* unpacked before CRIU asks for it, of all files */
#define WINDOW_BEHIND_BYTES (16u << 20) /* of a file, from where CRIU is */

struct window;

/*
 * On the images in the folder @images, of a bundle that has the mounts of @staging (STATE/ID, as in
 * view/shared.h; NULL: nobody else has them). NULL when there is nothing to do.
 */
struct window *window_open(const char *images, const char *staging);
/* The images are in use until this has returned. NULL is nothing. */
struct window *window_close(struct window *w);
void window_closep(struct window **w);

#endif

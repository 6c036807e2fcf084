/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Uploads that another run may go on with: a small file (0600) for each in a folder of the user's,
 * with the address that the registry gave last. Whoever has it open has it locked; a second upload
 * of the same blob at the same time does without. Nothing depends on these files: one that can't be
 * written or read is as good as none.
 */
#ifndef FIRN_REMOTE_SESSION_H
#define FIRN_REMOTE_SESSION_H

#include "bytes/digest.h"
#include "remote/url.h"

#define SESSION_DAYS      7 /* after which nobody goes on any more: registries forget them, too */
#define SESSION_CHUNK_MIN (256u << 10)
#define SESSION_CHUNK_MAX (16u << 20)

struct session;

/*
 * For the blob @d in the repository @name. NULL when another process sends it, or when nothing can
 * be noted: then nobody goes on with it. *ret_where, which has no host otherwise, is where the last
 * run was. Files that are too old are removed.
 */
struct session *session_open(const char *folder, const char *name, const struct digest *d,
			     struct url *ret_where);
/* From now on it goes on at @where. @s may be NULL in all of these. */
void session_note(struct session *s, const struct url *where);
/* It is all there: nothing to go on with. */
void session_end(struct session *s);
void session_close(struct session *s);

/* The blob is in the repository: whatever some run has noted of it is of no use. */
void session_forget(const char *folder, const char *name, const struct digest *d);

/*
 * How many bytes go in one request to the registry @host, SESSION_CHUNK_MIN to SESSION_CHUNK_MAX;
 * 0: any number, as far as is known.
 */
uint64_t session_chunk(const char *folder, const char *host);
void session_note_chunk(const char *folder, const char *host, uint64_t bytes);

/* The address in such a file, if it is for that blob: bytes in, structs out. */
int session_parse(const char *text, size_t len, const char *name, const struct digest *d,
		  struct url *ret, struct firn_error *err) _must_check_;
/* What session_chunk() reads. */
int session_parse_chunk(const char *text, size_t len, const char *host, uint64_t *ret,
			struct firn_error *err) _must_check_;

#endif

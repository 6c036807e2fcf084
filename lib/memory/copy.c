/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a process, piece by piece or into a file. */
#include "memory/look.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/criu_task.h"
#include "memory/open.h"
#include "store/place.h"

#include <inttypes.h>
#include <unistd.h>

#define PIECE_BYTES (256u << 10)

typedef int memory_take_fn(const struct firn_memory_piece *piece, void *ctx);

struct copy {
	struct process *process;
	memory_take_fn *take;
	void *ctx;
	uint8_t *bytes; /* PIECE_BYTES */
};

static int take_bytes(struct copy *c, const struct extent *e, struct firn_memory_piece *piece,
		      struct firn_error *err)
{
	int rc = 0;

	for (uint64_t at = 0; rc == 0 && at < e->bytes; at += piece->n) {
		piece->address = e->address + at;
		piece->n = e->bytes - at < PIECE_BYTES ? e->bytes - at : PIECE_BYTES;
		piece->bytes = c->bytes;
		rc = space_read_run(c->process->space, e->run, e->skip + at, c->bytes,
				    (size_t)piece->n, err);
		if (rc == 0)
			rc = c->take(piece, c->ctx);
	}
	return rc;
}

static int take_extent(const struct extent *e, void *ctx, struct firn_error *err)
{
	struct copy *c = ctx;
	const struct criu_area *a = &space_mm(c->process->space)->areas[e->run->area];
	char protection[PROTECTION_MAX];
	struct firn_memory_piece piece = {
		.address = e->address,
		.n = e->bytes,
		.start = a->start,
		.end = a->end,
		.protection = memory_protection(a, protection),
		.kind = criu_area_kind(a),
		.path = mapped_path(&c->process->mapped, a),
	};

	if (e->run->where == SPACE_LAZY)
		process_warn(c->process, "pages that the dump left to a page server are missing");
	if (!space_there(e->run))
		return 0;
	return e->run->where == SPACE_PRESENT ? take_bytes(c, e, &piece, err)
					      : c->take(&piece, c->ctx);
}

static int find_process(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	uint32_t *wanted = ctx;

	(void)err;
	if (p->pid == *wanted)
		*wanted = 0;
	return 0;
}

/* Podman's folders have images of processes that are gone, too: pstree.img counts. */
static int check_process(struct members *m, uint32_t pid, struct firn_error *err)
{
	struct member_images images;
	uint32_t wanted = pid;
	int rc;

	member_images_init(&images, m, CHECKPOINT_IMAGES_DIR);
	rc = criu_each_process(&images.base, find_process, &wanted, err);
	if (rc >= 0 && wanted)
		return firn_fail(err, FIRN_ENOTFOUND, "there is no process %" PRIu32, pid);
	return rc < 0 ? rc : 0;
}

static int copy_process(struct members *m, const struct firn_memory_opts *opts,
			memory_take_fn *take, void *ctx, struct firn_error *err)
{
	_cleanup_(process_done) struct process p = { 0 };
	_free_ uint8_t *bytes = malloc(PIECE_BYTES);
	struct copy c = { .process = &p, .take = take, .ctx = ctx, .bytes = bytes };
	int rc;

	if (!bytes)
		return firn_fail_oom(err, "memory");
	if ((rc = check_process(m, opts->pid, err)) < 0 ||
	    (rc = process_open(m, opts->pid, opts, &p, err)) < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "the process has no memory: it has ended");
	rc = space_unpack(p.space, err);
	return rc < 0 ? rc : process_each(&p, take_extent, &c, err);
}

static int copy_memory(const char *checkpoint, const struct firn_memory_opts *opts,
		       memory_take_fn *take, void *ctx, struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = NULL;
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (!opts->pid)
		return firn_fail(err, FIRN_EINVAL, "of which process?");
	rc = memory_open(checkpoint, opts, &m, err);
	if (rc == 0)
		rc = firn_wrap(err, copy_process(m, opts, take, ctx, err), "process %" PRIu32,
			       opts->pid);
	return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
}

int firn_memory_read(const char *checkpoint, const struct firn_memory_opts *given,
		     int (*take)(const struct firn_memory_piece *piece, void *ctx), void *ctx,
		     struct firn_error *err)
{
	struct firn_memory_opts opts;
	int rc = memory_take_opts(given, &opts, err);

	return rc < 0 ? rc : copy_memory(checkpoint, &opts, take, ctx, err);
}

/* Bytes on their way into a file. */
struct saving {
	struct place place;
	uint64_t base; /* address of its first byte */
	bool begun;    /* base is known */
	uint64_t end;  /* size so far */
	uint64_t bytes;
	struct firn_error *err;
};

/* Fifos and standard output have no holes. */
static int save_in_line(struct saving *s, const struct firn_memory_piece *piece)
{
	if (piece->bytes)
		return sink_write(s->place.sink, piece->bytes, (size_t)piece->n, s->err);
	return sink_zeros(s->place.sink, piece->n, s->err);
}

static int save_in_place(struct saving *s, const struct firn_memory_piece *piece)
{
	uint64_t at;

	if (!s->begun)
		s->base = s->base ? s->base : piece->start;
	s->begun = true;
	at = piece->address - s->base;
	if (at > INT64_MAX || piece->n > INT64_MAX - at)
		return firn_fail(s->err, FIRN_ELIMIT, "%" PRIx64 " is no offset in a file",
				 piece->address);
	s->end = at + piece->n;
	if (!piece->bytes)
		return 0;
	return firn_wrap(s->err,
			 fd_pwrite(s->place.file.fd, piece->bytes, (size_t)piece->n, at, s->err),
			 "%s: memory at %" PRIx64, s->place.name, piece->address);
}

static int save_piece(const struct firn_memory_piece *piece, void *ctx)
{
	struct saving *s = ctx;

	s->bytes += piece->n;
	return s->place.name ? save_in_place(s, piece) : save_in_line(s, piece);
}

int firn_memory_save(const char *checkpoint, const char *file, const struct firn_memory_opts *given,
		     uint64_t *ret_bytes, struct firn_error *err)
{
	_cleanup_(place_done) struct place place = PLACE_NONE;
	struct saving s = { .err = err };
	struct firn_memory_opts opts;
	char quoted[PATH_QUOTE_MAX];
	int rc = memory_take_opts(given, &opts, err);

	if (rc < 0)
		return rc;
	rc = place_open(file, &place, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(file, quoted));
	s.place = place;
	s.base = opts.from;
	rc = copy_memory(checkpoint, &opts, save_piece, &s, err);
	if (rc == 0 && place.name && ftruncate(place.file.fd, (off_t)s.end) < 0)
		rc = firn_fail_errno(err, "%s: a file of %" PRIu64 " bytes", file, s.end);
	if (rc == 0)
		rc = place_finish(&place, err);
	if (rc < 0)
		return rc;
	if (ret_bytes)
		*ret_bytes = s.bytes;
	return 0;
}

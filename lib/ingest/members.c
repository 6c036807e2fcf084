/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every member of the checkpoint goes to its layer in the moment in which it comes. */
#include "ingest/ingest.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "ingest/diff.h"
#include "ingest/kept.h"
#include "ingest/names.h"
#include "ingest/rehearse.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define ZERO_PAGE_BYTES 4096            /* on every machine: what it counts is room */
#define DOCUMENT_MAX    CONFIG_DUMP_MAX /* bytes of any document that is read into memory */

static bool is_pages(const char *path)
{
	return strncmp(path_basename(path), "pages-", 6) == 0;
}

/* Pieces begin at pages of the file. */
static uint64_t count_zero_pages(const uint8_t *bytes, size_t n)
{
	uint64_t zero = 0;

	for (; n >= ZERO_PAGE_BYTES; bytes += ZERO_PAGE_BYTES, n -= ZERO_PAGE_BYTES)
		zero += bytes[0] == 0 && memcmp(bytes, bytes + 1, ZERO_PAGE_BYTES - 1) == 0;
	return zero;
}

static void watch_images(const char *path, const void *bytes, size_t n, uint64_t at, void *ctx)
{
	struct ingest *g = ctx;

	if (at == 0 && origin_wants(path))
		origin_look(&g->facts.origin, path, bytes,
			    n < ORIGIN_PEEK_BYTES ? n : ORIGIN_PEEK_BYTES);
	if (is_pages(path))
		g->zero_pages += count_zero_pages(bytes, n);
	notes_progress(&g->notes, path, g->input->done, g->input->total);
}

void ingest_release(struct ingest *g)
{
	delta_done(&g->delta);
	changeset_done(&g->changeset);
	compat_done(&g->compat);
	g->kept_blob = blob_free(g->kept_blob);
	chain_done(&g->chain);
	plain_done(&g->images);
	plain_done(&g->metadata);
	deleted_done(&g->deleted);
	free(g->config);
	g->config = NULL;
	if (g->from_upper)
		g->upper = fd_close(g->upper);
	g->inside = base_free(g->inside);
	g->base = NULL;
	input_close(g->input);
	g->input = NULL;
}

void ingest_done(struct ingest *g)
{
	ingest_release(g);
	running_close(g->running);
	names_done(&g->names);
	facts_done(&g->facts);
	notes_done(&g->notes);
}

static int hear(struct ingest *g, struct firn_error *err)
{
	const struct input_about *about = g->input->about;
	int rc;

	if (!about)
		return 0;
	rc = facts_tell(&g->facts, about->engine, about->container, about->image_name,
			&about->base.digest, err);
	return rc < 0 ? rc : facts_tell_image(&g->facts, about->image_id, err);
}

/* The base that the caller gives goes before the one that the checkpoint brings along. */
static int find_base(struct ingest *g, struct firn_error *err)
{
	const struct input_about *about = g->input->about;
	int rc;

	if (g->base || !about || !about->base.digest.alg)
		return 0;
	rc = base_open_in(about->layout, &about->base, &g->inside, err);
	if (rc < 0)
		return firn_wrap(err, rc, "base image");
	g->base = g->inside;
	return 0;
}

static int expect_images(struct ingest *g, struct firn_error *err)
{
	_buf_ struct buf head = BUF_INIT;

	if (!rehearse_images(g->input, &head))
		return 0;
	return layer_out_expect(&g->images.out, &head, err);
}

int ingest_open(struct ingest *g, struct firn_error *err)
{
	const struct layer_dest to = { g->store, g->pool };
	int rc;

	if ((rc = hear(g, err)) < 0 || (rc = find_base(g, err)) < 0)
		return rc;
	if ((rc = plain_open(&g->metadata, &to, watch_images, g, err)) < 0 ||
	    (rc = plain_open(&g->images, &to, watch_images, g, err)) < 0 ||
	    (rc = expect_images(g, err)) < 0)
		return rc;
	if (g->keep_source && (rc = kept_open(g, err)) < 0)
		return rc;
	if (g->archive_delta && (rc = compat_open(&g->compat, &to, g->input, err)) < 0)
		return rc;
	return delta_open(&g->delta, &to, g->base, &g->notes, diff_watch, g, err);
}

int ingest_twice(const char *path, struct firn_error *err)
{
	return firn_fail(err, FIRN_ECORRUPT, "%s comes twice", path);
}

static int detect_now(struct ingest *g, struct firn_error *err)
{
	int rc = engine_detect(&g->facts, err);

	if (rc >= 0 && g->base)
		rc = engine_check_base(&g->facts, g->base, &g->notes, err);
	if (rc >= 0)
		rc = names_check_engine(g, err);
	g->detected = rc >= 0;
	return rc;
}

/* As soon as both documents are there, so that a wrong base costs no time. */
static int detect(struct ingest *g, struct firn_error *err)
{
	const struct facts *f = &g->facts;

	return f->spec && (f->config.json || f->told.engine) ? detect_now(g, err) : 0;
}

static int keep_config(struct ingest *g, const struct tar_entry *e, char **text, size_t len,
		       struct firn_error *err)
{
	int rc;

	if (g->config)
		return ingest_twice(e->path, err);
	rc = config_dump_parse(*text, len, &g->facts.config, err);
	if (rc < 0)
		return rc;
	g->config = take_ptr(text);
	g->config_len = len;
	g->config_mtime = e->mtime;
	g->config_mtime_ns = e->mtime_ns;
	return 0;
}

static int keep_spec(struct ingest *g, const struct tar_entry *e, const char *text, size_t len,
		     struct firn_error *err)
{
	int rc;

	if (g->facts.spec)
		return ingest_twice(e->path, err);
	rc = json_parse(text, len, &g->facts.spec, err);
	if (rc >= 0 && !json_is_object(g->facts.spec))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	return rc;
}

/* The others are read by whoever mounts; here they have to be JSON. */
static int check_json(const char *text, size_t len, struct firn_error *err)
{
	_json_ json_t *any = NULL;

	return json_parse(text, len, &any, err);
}

int ingest_read(struct ingest *g, const struct tar_entry *e, uint64_t max, char **ret,
		struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	size_t len = 0;
	int rc;

	if (!S_ISREG(e->mode) || e->hardlink)
		return firn_fail(err, FIRN_ECORRUPT, "is no file");
	if (e->size > max)
		return firn_fail(err, FIRN_ELIMIT, "has %llu bytes, more than %llu",
				 (unsigned long long)e->size, (unsigned long long)max);
	if ((rc = input_payload(g->input, &in, err)) < 0 ||
	    (rc = istream_read_all(in, (size_t)max, ret, &len, err)) < 0)
		return rc;
	return len == e->size ? 0 : firn_fail(err, FIRN_ECORRUPT, "ends early");
}

static int take_document(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	_free_ char *text = NULL;
	int rc = ingest_read(g, e, DOCUMENT_MAX, &text, err);

	if (rc < 0)
		return rc;
	if (strcmp(e->path, CHECKPOINT_CONFIG) == 0) {
		rc = keep_config(g, e, &text, (size_t)e->size, err);
		return rc < 0 ? rc : detect(g, err);
	}
	if (strcmp(e->path, CHECKPOINT_SPEC) == 0)
		rc = keep_spec(g, e, text, (size_t)e->size, err);
	else
		rc = check_json(text, (size_t)e->size, err);
	if (rc >= 0)
		rc = plain_add_text(&g->metadata, e->path, e->mtime, e->mtime_ns, text,
				    (size_t)e->size, err);
	return rc < 0 || g->detected ? rc : detect(g, err);
}

static int take_image(struct ingest *g, const struct tar_entry *e, struct istream *in,
		      struct firn_error *err)
{
	const char *name = e->path + strlen(CHECKPOINT_IMAGES_DIR);

	if (*name == '\0' && !S_ISDIR(e->mode))
		return firn_fail(err, FIRN_ECORRUPT, "%s is no folder", e->path);
	if (strcmp(name, "/" CHECKPOINT_PARENT) == 0 && S_ISLNK(e->mode))
		return chain_take_parent(g, e, err);
	if (strcmp(name, "/" CHECKPOINT_INVENTORY) == 0 && S_ISREG(e->mode)) {
		g->has_inventory = true;
		document_time(e->mtime, g->created);
	}
	return plain_add(&g->images, e->path, e, in, err);
}

static int take_file(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	int rc = e->size ? input_payload(g->input, &in, err) : 0;

	if (rc < 0)
		return rc;
	switch (checkpoint_classify(e->path)) {
	case CHECKPOINT_IMAGE:
		return take_image(g, e, in, err);
	case CHECKPOINT_PREDUMP:
		return chain_take(g, e, in, err);
	default:
		break;
	}
	if (g->archive_delta && (rc = compat_check_name(e->path, err)) < 0)
		return rc;
	return plain_add(&g->metadata, e->path, e, in, err);
}

static int take_member(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = 0;

	if (!*e->path)
		return 0; /* the archive's root says nothing */
	switch (checkpoint_classify(e->path)) {
	case CHECKPOINT_DOCUMENT:
		rc = take_document(g, e, err);
		break;
	case CHECKPOINT_DELETED:
		rc = diff_take_deleted(g, e, err);
		break;
	case CHECKPOINT_DIFF:
		rc = diff_take(g, e, err);
		break;
	case CHECKPOINT_IMAGE:
	case CHECKPOINT_PREDUMP:
	case CHECKPOINT_OTHER:
		return take_file(g, e, err);
	}
	return firn_wrap(err, rc, "%s", path_quote(e->path, quoted));
}

/* CRIU's images know what they run on; failing that, the base; failing that, it is this host. */
static void find_arch(struct ingest *g)
{
	struct utsname here;
	const char *arch = g->facts.origin.arch;

	if (!arch && g->base)
		arch = g->base->image.config.architecture;
	if (!arch)
		arch = uname(&here) == 0 ? origin_arch_of(here.machine) : "unknown";
	snprintf(g->arch, sizeof(g->arch), "%s", arch);
}

/* The container's own documents go before those of its pod. */
static void learn_pod(struct facts *f, const struct pod *pod)
{
	f->pod = f->pod ? f->pod : pod->name;
	f->pod_namespace = f->pod_namespace ? f->pod_namespace : pod->namespace;
	f->pod_uid = f->pod_uid ? f->pod_uid : pod->uid;
	f->pod_id = f->pod_id ? f->pod_id : pod->id;
}

/* Facts that only the end of the input shows. */
static int conclude(struct ingest *g, struct firn_error *err)
{
	int rc;

	if (!g->has_inventory && g->chain.dumps[1].layer && !g->chain.previous)
		return firn_fail(err, FIRN_ECORRUPT,
				 "no checkpoint: it is a pre-dump alone, for a checkpoint that "
				 "follows");
	if (!g->has_inventory)
		return firn_fail(err, FIRN_ECORRUPT, "no checkpoint: %s/%s is missing",
				 CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY);
	rc = g->detected ? 0 : detect_now(g, err);
	if (rc < 0)
		return rc;
	if ((rc = chain_conclude(g, err)) < 0 || (rc = diff_conclude(g, err)) < 0)
		return rc;
	if (g->container)
		g->facts.container = g->container;
	if (g->pod)
		learn_pod(&g->facts, g->pod);
	find_arch(g);
	return 0;
}

/* The kept bytes' digest is the input's: one hash does. */
static int finish_input(struct ingest *g, struct firn_error *err)
{
	const bool hashed = g->digest && !g->keep_source;
	int rc = input_finish(g->input, hashed ? &g->source : NULL, err);

	if (rc < 0 || !g->keep_source)
		return rc;
	rc = kept_finish(g, err);
	if (rc >= 0 && g->digest)
		g->source = g->kept_layer.digest;
	return rc;
}

int ingest_members(struct ingest *g, struct firn_error *err)
{
	const struct tar_entry *e = NULL;
	int rc;

	while ((rc = input_next(g->input, &e, err)) > 0) {
		rc = take_member(g, e, err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0 || (rc = finish_input(g, err)) < 0)
		return rc;
	notes_progress_end(&g->notes, "checkpoint", g->input->total);
	return conclude(g, err);
}

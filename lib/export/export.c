/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public calls: from a reference to a file or a folder. */
#include "export/export.h"

#include "base/fd.h"
#include "base/opts.h"
#include "export/task_dir.h"
#include "store/place.h"

#include <string.h>

struct firn_export_result {
	const char *engine, *way, *packing;
	uint64_t bytes, shared;
};

/* The image that a reference names. */
struct opened {
	struct ref ref;
	struct layout *layout;
	struct oci_descriptor target;
	struct checkpoint_image ci;
};

static void opened_done(struct opened *o)
{
	checkpoint_image_done(&o->ci);
	oci_descriptor_done(&o->target);
	layout_close(o->layout);
	ref_done(&o->ref);
}

static int open_image(const char *image, const char *container, struct opened *o,
		      struct firn_error *err)
{
	int rc;

	if ((rc = ref_parse(image, &o->ref, err)) < 0 ||
	    (rc = layout_open_ref(&o->ref, &o->layout, err)) < 0 ||
	    (rc = layout_resolve(o->layout, &o->ref, &o->target, err)) < 0)
		return rc;
	return checkpoint_image_load(layout_store(o->layout), &o->target, container, &o->ci, err);
}

static int take_opts(const struct firn_export_opts *given, struct firn_export_opts *ret,
		     struct firn_error *err)
{
	int rc = opts_take(given, ret, sizeof(*ret), err);

	return rc < 0 ? rc : opts_check_flags(ret->flags, 0, err);
}

static int give(const struct firn_export_result *from, struct firn_export_result **ret,
		struct firn_error *err)
{
	if (!ret)
		return 0;
	*ret = malloc(sizeof(**ret));
	if (!*ret)
		return firn_fail_oom(err, "result");
	**ret = *from;
	return 0;
}

static int export_to(struct opened *o, const struct firn_export_opts *opts, struct place *place,
		     struct export_told *told, struct firn_error *err)
{
	const struct export_how how = {
		.compress = opts->compress,
		.target = &o->target,
		.tmp = opts->tmp ? opts->tmp : place->folder,
		.report = opts->report,
		.told = told,
	};

	return export_archive(o->layout, &o->ci, &how, place->sink, err);
}

int firn_export(const char *image, const char *file, const struct firn_export_opts *opts,
		struct firn_export_result **ret, struct firn_error *err)
{
	_cleanup_(opened_done) struct opened o = { .layout = NULL };
	_cleanup_(place_done) struct place place = PLACE_NONE;
	struct firn_export_result result = { 0 };
	struct firn_export_opts own;
	struct export_told told;
	int rc = take_opts(opts, &own, err);

	if (rc == 0)
		rc = firn_wrap(err, open_image(image, own.container, &o, err), "%s", image);
	if (rc < 0)
		return rc;
	rc = place_open(file, &place, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", file);
	rc = export_to(&o, &own, &place, &told, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", image);
	rc = place_finish(&place, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", file);
	result.engine = told.engine;
	result.way = told.way;
	result.packing = codec_name(told.codec);
	result.bytes = told.bytes;
	return give(&result, ret, err);
}

int firn_export_dir(const char *image, const char *dir, const struct firn_export_opts *opts,
		    struct firn_export_result **ret, struct firn_error *err)
{
	_cleanup_(opened_done) struct opened o = { .layout = NULL };
	_cleanup_(folder_out_done) struct folder_out out = FOLDER_OUT_NONE;
	struct firn_export_result result = { .way = "folder", .packing = codec_name(CODEC_NONE) };
	struct firn_export_opts own;
	struct work work = { 0 };
	int rc = take_opts(opts, &own, err);

	if (rc == 0 && own.compress)
		rc = firn_fail(err, FIRN_EINVAL, "a folder can't be compressed");
	if (rc == 0)
		rc = firn_wrap(err, open_image(image, own.container, &o, err), "%s", image);
	if (rc < 0)
		return rc;
	work.report = own.report;
	rc = folder_out_open(dir, &work, &out, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", dir);
	work.tmp = own.tmp ? own.tmp : out.above;
	rc = task_dir_write(layout_store(o.layout), &o.ci, &work, &out, &result.engine, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", image);
	rc = folder_out_finish(&out, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", dir);
	work_end(&work, "folder");
	result.bytes = out.bytes;
	result.shared = out.shared;
	return give(&result, ret, err);
}

int firn_export_dir_clean(const char *dir, struct firn_error *err)
{
	return firn_wrap(err, folder_out_clean(dir, err), "%s", dir);
}

struct firn_export_result *firn_export_result_free(struct firn_export_result *r)
{
	free(r);
	return NULL;
}

const char *firn_export_result_engine(const struct firn_export_result *r)
{
	return r->engine;
}

const char *firn_export_result_way(const struct firn_export_result *r)
{
	return r->way;
}

const char *firn_export_result_compression(const struct firn_export_result *r)
{
	return r->packing;
}

uint64_t firn_export_result_bytes(const struct firn_export_result *r)
{
	return r->bytes;
}

uint64_t firn_export_result_shared(const struct firn_export_result *r)
{
	return r->shared;
}

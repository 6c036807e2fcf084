/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which way an archive goes, and how it is packed on that way. */
#include "export/ways.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"

#include <string.h>

static int codec_of(const char *word, enum codec *ret, struct firn_error *err)
{
	static const enum codec all[] = { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };
	char quoted[PATH_QUOTE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(word, codec_name(all[i])) == 0) {
			*ret = all[i];
			return 0;
		}
	return firn_fail(err, FIRN_EINVAL, "compression %s: neither none nor gzip nor zstd",
			 path_quote(word, quoted));
}

int ways_codec(const struct archive *a, enum codec otherwise, enum codec *ret,
	       struct firn_error *err)
{
	enum codec c = otherwise;
	int rc = a->how->compress ? codec_of(a->how->compress, &c, err) : 0;

	if (rc < 0)
		return rc;
	if (c != CODEC_NONE && a->dialect && a->dialect->plain_only)
		return firn_fail(err, FIRN_EINVAL, "%s takes no compressed archive",
				 a->dialect->engine);
	*ret = c;
	return 0;
}

int ways_open(struct archive *a, struct firn_error *err)
{
	_free_ char *spec = NULL;
	const struct node *n;
	int rc = files_open(a->store, &a->ci->checkpoint, a->work, &a->files, err);

	if (rc < 0)
		return rc;
	rc = files_config(&a->files, &a->ci->checkpoint, &a->config, err);
	if (rc < 0)
		return rc;
	a->has_config = rc > 0;
	n = files_find(a->files.tree, CHECKPOINT_SPEC);
	rc = n ? files_text(&a->files, n, CONFIG_DUMP_MAX, &spec, err) : 0;
	if (rc < 0)
		return rc;
	return dialect_find(spec, n ? (size_t)n->size : 0, a->has_config, &a->dialect, err);
}

/* Counts what goes through it to the real sink. */
struct tally {
	struct sink sink;
	struct sink *out;
	uint64_t bytes;
};

static int tally_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct tally *t = (struct tally *)s;

	t->bytes += n;
	return sink_write(t->out, bytes, n, err);
}

static void tally_close(struct sink *s)
{
	(void)s;
}

static int go(struct archive *a, struct sink *out, struct export_told *told, struct firn_error *err)
{
	int rc = ways_source(a, out, told, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if ((rc = ways_open(a, err)) < 0)
		return rc;
	told->engine = a->dialect->engine;
	rc = ways_recipe(a, out, told, err);
	if (rc == 0)
		rc = ways_layers(a, out, told, err);
	return rc < 0 ? rc : files_prove(&a->files, err);
}

int export_store(struct store *s, const struct checkpoint_image *ci, const struct export_how *how,
		 struct sink *out, struct firn_error *err)
{
	static const struct sink_ops ops = { tally_write, NULL, tally_close };
	struct tally tally = { { &ops }, out, 0 };
	struct work work = { .report = how->report, .tmp = how->tmp ? how->tmp : EXPORT_TMP };
	struct archive a = { .store = s, .ci = ci, .how = how, .work = &work };
	struct export_told told = { 0 };
	int rc = go(&a, &tally.sink, &told, err);

	files_done(&a.files);
	buf_done(&a.config);
	if (rc < 0)
		return rc;
	told.bytes = tally.bytes;
	work_end(&work, "archive");
	if (how->told)
		*how->told = told;
	return 0;
}

int export_archive(struct layout *l, const struct checkpoint_image *ci,
		   const struct export_how *how, struct sink *out, struct firn_error *err)
{
	return export_store(layout_store(l), ci, how, out, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/host.h"

#include "base/fd.h"
#include "base/run.h"
#include "check/criu_asking.h"
#include "format/annotations.h"
#include "format/criu_log.h"
#include "format/criu_pages.h"
#include "format/origin.h"

#include <stdio.h>
#include <string.h>

#define NAME "criu"

#define CHECK_SECONDS 30
#define OUTPUT_MAX    8192

#define IMG_VERSION_MAX 2 /* criu/include/image.h: CRTOOLS_IMAGES_V1_1, of CRIU 2.0 and later */

/* From where on CRIU reads what is in some images only. */
#define SINCE_TIME_NS    CHECK_VERSION(3, 14, 0)
#define SINCE_WIDE_PAGES CHECK_VERSION(4, 2, 0) /* pagemap.proto: nr_pages of 64 bits */
#define SINCE_COMPRESSED CHECK_VERSION(4, 3, 0) /* inventory.proto: compress */

#define UPGRADE "install a newer CRIU"

static int find(const struct check_input *in, char **ret, struct firn_error *err)
{
	return run_find(in->criu ? in->criu : "criu", ret, err);
}

static int ask_version(const struct check_input *in, const char *path, char ret[CRIU_VERSION_MAX],
		       struct firn_error *err)
{
	if (in->criu_asking && !in->criu)
		return criu_asking_end(in->criu_asking, ret, err);
	return criu_ask(path, ret, err);
}

static bool says_version(unsigned has, unsigned since, const char *version, const char *what,
			 struct check_report *r)
{
	if (!has || has >= since)
		return true;
	check_add(r, CHECK_FAIL, NAME, UPGRADE,
		  "the images have %s, which CRIU %s can't read: %u.%u can", what, version,
		  since / 10000, since / 100 % 100);
	return false;
}

static int compare_images(const struct check_input *in, unsigned has, const char *version,
			  struct check_report *r, struct firn_error *err)
{
	bool wide = false;
	char name[32];
	int rc;

	if (in->dump->version > IMG_VERSION_MAX)
		check_add(r, CHECK_FAIL, NAME, UPGRADE,
			  "the images are of version %u, and CRIU reads those up to %d",
			  in->dump->version, IMG_VERSION_MAX);
	snprintf(name, sizeof(name), "pagemap-%u.img", in->dump->root_pid);
	rc = criu_pages_wide(in->images, name, &wide, err);
	if (rc < 0)
		return rc;
	if (in->dump->compressed)
		(void)says_version(has, SINCE_COMPRESSED, version, "compressed memory", r);
	else if (wide)
		(void)says_version(has, SINCE_WIDE_PAGES, version, "page counts of 64 bits", r);
	if (in->dump->own_ns & CRIU_NS_TIME)
		(void)says_version(has, SINCE_TIME_NS, version, "a time namespace", r);
	return 0;
}

static int dumped_by(const struct check_input *in, unsigned *ret, struct firn_error *err)
{
	const char *recorded = check_annotation(in, ORG_CRIU_CRIU_VERSION);
	unsigned packed = 0;
	struct origin o;
	int rc = check_origin(in, &o, err);

	if (rc < 0)
		return rc;
	*ret = o.criu_version ? o.criu_version : check_version(recorded);
	/* As Podman writes it: 40101. */
	if (!*ret && recorded && sscanf(recorded, "%7u", &packed) == 1 && packed >= 10000)
		*ret = packed;
	return 0;
}

/* The kernel by CRIU's own judgement. */
static void ask_check(const char *path, const char *version, struct check_report *r)
{
	struct criu_log log = { .used = 0 };
	struct run_args a = { .n = 0 };
	struct firn_error why = { 0 };
	char out[OUTPUT_MAX];
	const char *told;
	int rc;

	run_arg(&a, path);
	run_arg(&a, "check");
	rc = run_ask(&a, CHECK_SECONDS, out, sizeof(out), &why);
	if (rc == 0) {
		check_add(r, CHECK_OK, NAME, NULL, "CRIU %s, and its check looks good", version);
		return;
	}
	criu_log_feed(&log, out, strlen(out));
	told = criu_log_finish(&log);
	check_add(r, CHECK_FAIL, NAME, "criu check -v4 says more", "CRIU %s doesn't work here: %s",
		  version,
		  rc < 0 ? why.msg
		  : told ? told
			 : "its check fails");
}

static int look_at(const struct check_input *in, const char *path, struct check_report *r,
		   struct firn_error *err)
{
	const size_t failed = check_count(r, CHECK_FAIL);
	unsigned has, before = 0;
	char version[CRIU_VERSION_MAX];
	struct firn_error why;
	int rc = ask_version(in, path, version, &why);

	if (rc < 0) {
		check_add(r, CHECK_FAIL, NAME, NULL, "%s", why.msg);
		return 0;
	}
	has = check_version(version);
	if ((rc = compare_images(in, has, version, r, err)) < 0 ||
	    (rc = dumped_by(in, &before, err)) < 0)
		return rc;
	if (check_count(r, CHECK_FAIL) != failed)
		return 0;
	if (!has)
		check_add(r, CHECK_WARNING, NAME, NULL, "%s doesn't say its version", path);
	else if (has / 100 < before / 100)
		check_add(
		    r, CHECK_WARNING, NAME, UPGRADE,
		    "CRIU %s is older than the %u.%u of the dump, whose images may have what it "
		    "doesn't know",
		    version, before / 10000, before / 100 % 100);
	if (!(in->flags & CHECK_QUICK))
		ask_check(path, version, r);
	else if (has && has / 100 >= before / 100)
		check_add(r, CHECK_OK, NAME, NULL, "CRIU %s", version);
	return 0;
}

int check_criu(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = find(in, &path, err);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return look_at(in, path, r, err);
	check_add(r, CHECK_FAIL, NAME, "install the package criu",
		  "%s isn't on this host (looked in %s)", in->criu ? in->criu : "CRIU", RUN_PATH);
	return 0;
}

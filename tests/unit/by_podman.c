/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * firn_build() and firn_restore() through Podman's service, played by a server of ours: what comes
 * over the socket is what a file would give, and what goes wrong is told and leaves nothing.
 */
#include "building.h"
#include "fake_http.h"
#include "unit.h"

#include "firn/restore.h"

#define HEAD(status) "HTTP/1.1 " status "\r\n"
#define PING                                                                                       \
	{                                                                                          \
		.answer =                                                                          \
		    HEAD("200 OK") "Libpod-Api-Version: 5.4.2\r\nContent-Length: 2\r\n\r\nOK"      \
	}
#define JSON(status, text)                                                                         \
	{                                                                                          \
		.answer = HEAD(status) "Transfer-Encoding: chunked\r\n\r\n", .chunk = text         \
	}
#define STATE(status, more)                                                                        \
	JSON("200 OK", "{\"Id\":\"ab12\",\"Name\":\"c1\",\"Image\":\"64b0\",\"State\":{\"Pid\":7," \
		       "\"Status\":\"" status "\"" more "}}")
#define RUNNING STATE("running", "")
#define STOPPED STATE("exited", ",\"Checkpointed\":true")

/* The answer of a checkpoint: the archive, of which only @part of @parts comes. */
static struct scene archive_scene(struct buf *out, size_t part, size_t parts)
{
	const struct archive a = {
		.config = "", .spec = "", .inventory = "", .deleted = "[\"/x\"]"
	};
	_buf_ struct buf archive = BUF_INIT;

	put_archive(&archive, &a);
	buf_printf(out, HEAD("200 OK") "Content-Length: %zu\r\n\r\n", archive.len);
	buf_put(out, archive.data, archive.len * part / parts);
	return (struct scene){ .answer = (char *)out->data, .answer_len = out->len };
}

/* A scene that holds and says nothing is waited for: shortly. */
static unsigned seconds(const struct fake_http *f)
{
	for (size_t i = 0; i < f->nscenes; i++)
		if (f->scenes[i].holds && !f->scenes[i].answer)
			return 1;
	return FAKE_PATIENT / 1000;
}

static int build_from(const struct fake_http *f, const char *name, const char *tag, unsigned flags,
		      struct firn_build_result **ret, struct firn_error *err)
{
	const struct firn_podman_opts podman = {
		.size = sizeof(podman), .flags = flags, .socket = f->path, .timeout = seconds(f)
	};
	const struct firn_build_opts opts = { .size = sizeof(opts), .podman = &podman };

	return build(name, tag, &opts, ret, err);
}

START_TEST(build_is_that_of_the_file)
{
	const struct archive a = {
		.config = "", .spec = "", .inventory = "", .deleted = "[\"/x\"]"
	};
	struct scene scenes[] = { PING, RUNNING, { NULL, .holds = false } };
	_result_ struct firn_build_result *live = NULL, *file = NULL;
	_buf_ struct buf bytes = BUF_INIT;
	struct firn_error err = { 0 };
	struct fake_http f;

	scratch_clear(scratch("out"));
	scenes[2] = archive_scene(&bytes, 1, 1);
	fake_http_start(&f, scenes, 3);
	ck_ok(build_from(&f, "podman:c1", "live", FIRN_PODMAN_LEAVE_RUNNING, &live, &err), err);
	fake_http_stop(&f);
	ck_assert_ptr_nonnull(
	    strstr(f.request, "/containers/ab12/checkpoint?export=true&leaveRunning=true HTTP"));
	ck_ok(build(archive_file("a.tar", &a), "file", NULL, &file, &err), err);
	ck_assert_str_eq(firn_build_result_index(live), firn_build_result_index(file));
	ck_assert_str_eq(firn_build_result_container(live), "c1");
}
END_TEST

/* The last of them in the zeros behind the last member. */
#define CUTS 40

START_TEST(build_is_cut)
{
	struct scene scenes[] = { PING, RUNNING, { NULL, .holds = false }, STOPPED };
	_buf_ struct buf bytes = BUF_INIT;
	struct firn_error err = { 0 };
	_free_ char *left = NULL;
	struct fake_http f;
	int rc;

	scratch_clear(scratch("out"));
	scenes[2] = archive_scene(&bytes, (size_t)_i, CUTS);
	fake_http_start(&f, scenes, ARRAY_SIZE(scenes));
	rc = build_from(&f, "podman:c1", "t", 0, NULL, &err);
	fake_http_stop(&f);
	ck_assert_msg(rc == -FIRN_EFAIL, "%d: %s", rc, err.msg);
	ck_assert_msg(strstr(err.msg, "the connection broke after"), "%s", err.msg);
	ck_assert_msg(strstr(err.msg, "; container c1 is stopped now (exited) and Podman has its "
				      "checkpoint: podman container restore c1"),
		      "%s", err.msg);
	left = scratch_list(scratch("out"));
	ck_assert_str_eq(left, "");
}
END_TEST

static const struct {
	const char *name, *checkpoint;
	struct scene scenes[4];
	size_t nscenes, served;
	int rc;
	const char *error;
} bad_builds[] = {
	{ "no name",
	  "podman:",
	  { { NULL, .holds = false } },
	  1,
	  0,
	  -FIRN_EINVAL,
	  "no container's name" },
	{ "no container",
	  "podman:c9",
	  { PING, JSON("404 No", "{\"message\":\"none\"}") },
	  2,
	  2,
	  -FIRN_ENOTFOUND,
	  "container c9: Podman: none" },
	{ "paused",
	  "podman:c1",
	  { PING, STATE("paused", ""), RUNNING },
	  3,
	  2,
	  -FIRN_EFAIL,
	  "isn't running (paused), only a running" },
	{ "dumped before",
	  "podman:c1",
	  { PING, STOPPED, RUNNING },
	  3,
	  2,
	  -FIRN_EFAIL,
	  "it was checkpointed before; `podman container restore c1`" },
	{ "refused",
	  "podman:c1",
	  { PING, RUNNING, JSON("500 No", "{\"message\":\"no CRIU\"}"), RUNNING },
	  4,
	  4,
	  -FIRN_EFAIL,
	  "container c1: Podman: no CRIU; container c1 is running now" },
	{ "no archive",
	  "podman:c1",
	  { PING,
	    RUNNING,
	    { .answer = HEAD("200 OK") "Content-Length: 9\r\n\r\nno tar at" },
	    STOPPED },
	  4,
	  4,
	  -FIRN_ECORRUPT,
	  "; container c1 is stopped now" },
	{ "gone",
	  "podman:c1",
	  { PING, RUNNING, { NULL, .holds = false } },
	  3,
	  3,
	  -FIRN_EFAIL,
	  "without an answer; Podman doesn't say what container c1 does now" },
	{ "silent",
	  "podman:c1",
	  { PING, RUNNING, { .holds = true }, RUNNING },
	  4,
	  4,
	  -FIRN_EFAIL,
	  "no answer within 1 s; container c1 is running now" },
};

START_TEST(build_fails)
{
	struct firn_error err = { 0 };
	_free_ char *left = NULL;
	struct fake_http f;
	int rc;

	scratch_clear(scratch("out"));
	fake_http_start(&f, bad_builds[_i].scenes, bad_builds[_i].nscenes);
	rc = build_from(&f, bad_builds[_i].checkpoint, "t", 0, NULL, &err);
	fake_http_stop(&f);
	ck_assert_msg(rc == bad_builds[_i].rc, "%s: %d: %s", bad_builds[_i].name, rc, err.msg);
	ck_assert_msg(strstr(err.msg, bad_builds[_i].error), "%s: %s", bad_builds[_i].name,
		      err.msg);
	ck_assert_uint_eq(f.served, bad_builds[_i].served);
	left = scratch_list(scratch("out"));
	ck_assert_str_eq(left, "");
}
END_TEST

/* What stands in the way is found before the container is stopped. */
START_TEST(build_stops_nothing_for_nothing)
{
	static const struct scene scenes[] = { PING, RUNNING, PING, RUNNING, RUNNING };
	const struct archive a = { .config = "", .spec = "", .inventory = "" };
	struct firn_podman_opts podman = { .size = sizeof(podman) };
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .base = "oci:nowhere",
					      .podman = &podman };
	struct firn_error err = { 0 };
	struct fake_http f;

	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", NULL, NULL, &err), err);
	fake_http_start(&f, scenes, ARRAY_SIZE(scenes));
	podman.socket = f.path;
	ck_assert_int_eq(build_from(&f, "podman:c1", "t", 0, NULL, &err), -FIRN_EEXIST);
	ck_assert_ptr_null(strstr(err.msg, "container c1"));
	ck_assert_int_eq(build("podman:c1", "u", &opts, NULL, &err), -FIRN_ENOTFOUND);
	fake_http_stop(&f);
	ck_assert_uint_lt(f.served, 5);
	ck_assert_ptr_null(strstr(f.request, "POST"));
}
END_TEST

static const char *data(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/tests/data/%s", top ? top : ".", name);
	return path;
}

static int restore_to(const struct fake_http *f, const char *tag, const char *name,
		      struct firn_restored **ret, struct firn_error *err)
{
	const struct firn_podman_opts podman = { .size = sizeof(podman),
						 .socket = f->path,
						 .timeout = seconds(f) };
	const struct firn_restore_opts opts = { .size = sizeof(opts),
						.flags = FIRN_RESTORE_FILE_LOCKS,
						.runtime = "podman",
						.podman = &podman };
	char image[300];

	snprintf(image, sizeof(image), "oci:%s:%s", scratch("out"), tag);
	return firn_restore(image, name, &opts, ret, err);
}

#define HAS_IMAGE                                                                                  \
	{                                                                                          \
		.answer = HEAD("204 No Content") "\r\n"                                            \
	}
#define RESTORED                                                                                   \
	{                                                                                          \
		.answer = HEAD("200 OK") "Content-Length: 13\r\n\r\n{\"Id\":\"ab12\"}",            \
		.takes_body = true                                                                 \
	}
#define REFUSED(text)                                                                              \
	{                                                                                          \
		.answer = HEAD("500 No") "Transfer-Encoding: chunked\r\n\r\n", .chunk = text,      \
		.takes_body = true                                                                 \
	}

START_TEST(restore_sends_the_archive)
{
	static const struct scene scenes[] = { PING, HAS_IMAGE, RESTORED };
	struct firn_restored *r = NULL;
	struct firn_error err = { 0 };
	struct fake_http f;

	scratch_clear(scratch("out"));
	ck_ok(build(data("podman-none.tar"), "t", NULL, NULL, &err), err);
	fake_http_start(&f, scenes, ARRAY_SIZE(scenes));
	ck_ok(restore_to(&f, "t", "c2", &r, &err), err);
	fake_http_stop(&f);
	ck_assert_str_eq(firn_restored_id(r), "ab12");
	ck_assert_str_eq(firn_restored_runtime(r), "podman");
	ck_assert_int_eq(firn_restored_pid(r), 0); /* nobody was there any more to say it */
	firn_restored_free(r);
	ck_assert(f.whole_request);
	ck_assert_uint_gt(f.request_len, 200000);
	ck_assert_msg(strstr(f.request, "/containers/import/restore?import=true&name=c2&"
					"fileLocks=true HTTP"),
		      "%.100s", f.request);
	ck_assert_ptr_nonnull(memmem(f.request, sizeof(f.request), "config.dump", 11));
}
END_TEST

static const struct {
	const char *name, *archive;
	struct scene scenes[4];
	size_t nscenes, served;
	int rc;
	const char *error;
} bad_restores[] = {
	{ "not Podman's",
	  "containerd-cri-tiny.tar",
	  { { NULL, .holds = false } },
	  1,
	  0,
	  -FIRN_EINVAL,
	  "a checkpoint of containerd's" },
	{ "no image",
	  "podman-none.tar",
	  { PING, { .answer = HEAD("404 Not Found") "Content-Length: 0\r\n\r\n" } },
	  2,
	  2,
	  -FIRN_ENOTFOUND,
	  "lacks the image localhost/bb:1 (ID c56abf9a787d) that the container was made from" },
	{ "taken",
	  "podman-none.tar",
	  { PING, HAS_IMAGE, REFUSED("{\"message\":\"that ID is already in use\"}") },
	  3,
	  3,
	  -FIRN_EHOST,
	  "in use; restore it under another name" },
	{ "half",
	  "podman-none.tar",
	  { PING, HAS_IMAGE, REFUSED("{\"message\":\"CRIU says no\"}"), STATE("created", "") },
	  4,
	  4,
	  -FIRN_EHOST,
	  "CRIU says no; it has left container c1 behind" },
	{ "gone",
	  "podman-none.tar",
	  { PING, HAS_IMAGE, { .takes_body = true } },
	  3,
	  3,
	  -FIRN_EFAIL,
	  "without an answer; Podman restores it all the same" },
	{ "silent",
	  "podman-none.tar",
	  { PING, HAS_IMAGE, { .takes_body = true, .holds = true } },
	  3,
	  3,
	  -FIRN_EFAIL,
	  "no answer within 1 s; Podman restores it all the same" },
};

START_TEST(restore_fails)
{
	struct firn_restored *r = NULL;
	struct firn_error err = { 0 };
	struct fake_http f;
	int rc;

	scratch_clear(scratch("out"));
	ck_ok(build(data(bad_restores[_i].archive), "t", NULL, NULL, &err), err);
	fake_http_start(&f, bad_restores[_i].scenes, bad_restores[_i].nscenes);
	rc = restore_to(&f, "t", NULL, &r, &err);
	fake_http_stop(&f);
	ck_assert_msg(rc == bad_restores[_i].rc, "%s: %d: %s", bad_restores[_i].name, rc, err.msg);
	ck_assert_msg(strstr(err.msg, bad_restores[_i].error), "%s: %s", bad_restores[_i].name,
		      err.msg);
	ck_assert_uint_eq(f.served, bad_restores[_i].served);
	ck_assert_ptr_null(r);
}
END_TEST

/* A blob that isn't what its digest says: the archive must not look whole to Podman. */
START_TEST(restore_of_a_bad_image)
{
	static const struct scene scenes[] = { PING, HAS_IMAGE, RESTORED };
	struct firn_error err = { 0 };
	_built_ struct built b = { 0 };
	char path[300], hex[DIGEST_TEXT_MAX];
	struct fake_http f;
	int fd;

	scratch_clear(scratch("out"));
	ck_ok(build(data("podman-none.tar"), "t", NULL, NULL, &err), err);
	load("t", &b);
	snprintf(path, sizeof(path), "%s/blobs/sha256/%s", scratch("out"),
		 digest_hex(layer_of(&b.ci.checkpoint, "images"), hex));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "no", 2, lseek(fd, 0, SEEK_END) / 2), 2);
	close(fd);
	fake_http_start(&f, scenes, ARRAY_SIZE(scenes));
	ck_assert_int_eq(restore_to(&f, "t", NULL, NULL, &err), -FIRN_ECORRUPT);
	fake_http_stop(&f);
	ck_assert(!f.whole_request);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("by_podman");
	TCase *tc = tcase_create("by_podman");

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_test(tc, build_is_that_of_the_file);
	tcase_add_loop_test(tc, build_is_cut, 0, CUTS);
	tcase_add_loop_test(tc, build_fails, 0, ARRAY_SIZE(bad_builds));
	tcase_add_test(tc, build_stops_nothing_for_nothing);
	tcase_add_test(tc, restore_sends_the_archive);
	tcase_add_loop_test(tc, restore_fails, 0, ARRAY_SIZE(bad_restores));
	tcase_add_test(tc, restore_of_a_bad_image);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

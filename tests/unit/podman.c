/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Podman's API against a server that answers as Podman does, and as it should not. */
#include "remote/podman_answer.h"

#include "base/fd.h"
#include "fake_http.h"
#include "unit.h"

#define PING(version)                                                                              \
	{                                                                                          \
		.answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"                               \
			  "Libpod-Api-Version: " version "\r\nContent-Length: 2\r\n\r\nOK"         \
	}
#define JSON(status, text)                                                                         \
	{                                                                                          \
		.answer = "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n"              \
			  "Transfer-Encoding: chunked\r\n\r\n",                                    \
		.chunk = text                                                                      \
	}
#define ARCHIVE "HTTP/1.1 200 OK\r\nContent-Type: application/octet; charset=us-ascii\r\n"

static struct http_times times(const char *error)
{
	const unsigned wait = fake_wait(error);

	return (struct http_times){ .connect = FAKE_PATIENT, .answer = wait, .idle = wait };
}

static const struct {
	const char *name;
	struct scene scene;
	int rc;
	const char *error;
} pings[] = {
	{ "now", PING("5.4.2"), 0, NULL },
	{ "the oldest", PING("4.0.0"), 0, NULL },
	{ "of a developer", PING("6.0.0-dev"), 0, NULL },
	{ "too old", PING("3.4.4"), -FIRN_EUNSUPP,
	  "has version 3.4.4: checkpoints over it need 4.0.0" },
	{ "no version", PING("new"), -FIRN_ECORRUPT, "\"new\" is no version" },
	{ "another service",
	  { .answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" },
	  -FIRN_EUNSUPP,
	  "isn't Podman's: its answer (status 404)" },
	{ "silence", { .holds = true }, -FIRN_EFAIL, "no answer within 300 ms" },
};

START_TEST(open_asks_who_is_there)
{
	struct firn_error err = { 0 };
	const struct http_times wait = times(pings[_i].error);
	struct podman *p = NULL;
	struct fake_http f;
	int rc;

	fake_http_start(&f, &pings[_i].scene, 1);
	rc = podman_open(f.path, &wait, &p, &err);
	ck_assert_msg(rc == pings[_i].rc, "%s: %d: %s", pings[_i].name, rc, err.msg);
	if (pings[_i].error)
		ck_assert_msg(strstr(err.msg, pings[_i].error), "%s", err.msg);
	podman_close(p);
	fake_http_stop(&f);
	ck_assert_msg(strncmp(f.request, "GET /libpod/_ping HTTP/1.1\r\n", 28) == 0, "%s",
		      f.request);
}
END_TEST

/* Opens the service of scenes[0], which has to be a PING; the case ends with @error. */
static struct podman *service(struct fake_http *f, const struct scene *scenes, size_t n,
			      const char *error)
{
	const struct http_times wait = times(error);
	struct firn_error err = { 0 };
	struct podman *p = NULL;

	fake_http_start(f, scenes, n);
	ck_ok(podman_open(f->path, &wait, &p, &err), err);
	return p;
}

START_TEST(inspect_tells)
{
	static const struct scene scenes[] = {
		PING("5.4.2"),
		JSON("200 OK",
		     "{\"Id\":\"ab12\",\"Name\":\"c1\",\"Image\":\"64b0\",\"ImageName\":"
		     "\"localhost/app:1\",\"More\":[1,{}],\"State\":{\"Status\":\"exited\","
		     "\"Running\":false,\"Pid\":0,\"Checkpointed\":true,\"CheckpointPath\":\"/x\"},"
		     "\"Y\":null }"),
	};
	struct podman_container c = { 0 };
	struct firn_error err = { 0 };
	struct fake_http f;
	struct podman *p = service(&f, scenes, 2, NULL);

	ck_ok(podman_inspect(p, "a/b c\xc3\xa4", &c, &err), err);
	ck_assert_str_eq(c.id, "ab12");
	ck_assert_str_eq(c.name, "c1");
	ck_assert_str_eq(c.status, "exited");
	ck_assert_str_eq(c.image_id, "64b0");
	ck_assert_str_eq(c.image_name, "localhost/app:1");
	ck_assert_uint_eq(c.pid, 0);
	ck_assert(c.checkpointed);
	podman_container_done(&c);
	podman_close(p);
	fake_http_stop(&f);
	ck_assert_msg(strncmp(f.request,
			      "GET /v5.4.2/libpod/containers/a%2Fb%20c%C3%A4/json HTTP/1.1\r\n",
			      60) == 0,
		      "%s", f.request);
}
END_TEST

#define FEW  "\xe2\x82\xac/\xe2\x82\xac/\xe2\x82\xac/\xe2\x82\xac/"
#define LONG FEW FEW FEW FEW FEW

static const struct {
	const char *name;
	struct scene scene;
	int rc;
	const char *error;
} bad_inspects[] = {
	{ "no such container",
	  JSON("404 Not Found", "{\"cause\":\"no such container\",\"message\":\"no container with "
				"name or ID \\\"nope\\\"\",\"response\":404}"),
	  -FIRN_ENOTFOUND, "Podman: no container with name or ID \"nope\"" },
	{ "an error of more lines",
	  JSON("500 Internal Server Error", "{\"message\":\"one\\n\\ttwo\\u0007\"}"), -FIRN_EFAIL,
	  "Podman: one two" },
	{ "a long error",
	  JSON("500 No",
	       "{\"message\":\"`/usr/bin/runc checkpoint --image-path " LONG LONG LONG LONG
	       "` failed: exit status 1\"}"),
	  -FIRN_EFAIL, "/\xe2\x82\xac/\xe2\x82\xac/` failed: exit status 1" },
	{ "an error without JSON", JSON("502 Bad Gateway", "<html"), -FIRN_EFAIL,
	  "status 502 without a message" },
	{ "an error without a message", JSON("500 No", "{}"), -FIRN_EFAIL,
	  "status 500 without a message" },
	{ "an error without an end",
	  { .answer = "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n",
	    .repeat = "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
	    .repeats = 100000 },
	  -FIRN_EFAIL,
	  "status 500 and no message: larger than 65536 bytes" },
	{ "an error that is cut",
	  { .answer = "HTTP/1.1 500 No\r\nContent-Length: 90\r\n\r\n{\"message\"" },
	  -FIRN_EFAIL,
	  "status 500 and no message: the connection broke" },
	{ "a document without an end",
	  { .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	    .repeat = "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
	    .repeats = 100000 },
	  -FIRN_ELIMIT,
	  "larger than 4194304 bytes" },
	{ "no JSON", JSON("200 OK", "yes"), -FIRN_ECORRUPT, "container c1" },
	{ "no object", JSON("200 OK", "[]"), -FIRN_ECORRUPT, "is no JSON object" },
	{ "no state", JSON("200 OK", "{\"Id\":\"a\",\"Name\":1}"), -FIRN_ECORRUPT, "State" },
	{ "a wrong type", JSON("200 OK", "{\"Id\":\"a\",\"Name\":1,\"State\":{}}  "),
	  -FIRN_ECORRUPT, "Name" },
};

START_TEST(inspect_fails)
{
	const struct scene scenes[] = { PING("5.4.2"), bad_inspects[_i].scene };
	struct podman_container c = { 0 };
	struct firn_error err = { 0 };
	struct fake_http f;
	struct podman *p = service(&f, scenes, 2, NULL);
	int rc = podman_inspect(p, "c1", &c, &err);

	ck_assert_msg(rc == bad_inspects[_i].rc, "%s: %d: %s", bad_inspects[_i].name, rc, err.msg);
	ck_assert_msg(strstr(err.msg, bad_inspects[_i].error), "%s: %s", bad_inspects[_i].name,
		      err.msg);
	for (const char *at = err.msg; *at; at++)
		ck_assert_msg((unsigned char)*at >= 0x20, "%s", err.msg);
	podman_close(p);
	fake_http_stop(&f);
}
END_TEST

static const struct {
	const char *name;
	struct scene scene;
	int rc;  /* of podman_checkpoint() */
	int end; /* of reading all of it */
	const char *body, *error;
} checkpoints[] = {
	{ "an archive",
	  { .answer = ARCHIVE "Transfer-Encoding: chunked\r\n\r\n7\r\narchive\r\n0\r\n\r\n" },
	  0,
	  0,
	  "archive",
	  NULL },
	{ "half of one",
	  { .answer = ARCHIVE "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n9\r\n a" },
	  0,
	  -FIRN_EFAIL,
	  "half a",
	  "broke after 6 bytes" },
	{ "one that stalls",
	  { .answer = ARCHIVE "Transfer-Encoding: chunked\r\n\r\n4\r\narch\r\n", .holds = true },
	  0,
	  -FIRN_EFAIL,
	  "arch",
	  "no byte of the answer within 300 ms" },
	{ "a report", JSON("200 OK", "{\"Id\":\"a\"}"), -FIRN_ECORRUPT, 0, NULL,
	  "with application/json instead of an archive" },
	{ "it isn't running",
	  JSON("500 Internal Server Error", "{\"message\":\"\\\"exited\\\" is not running, "
					    "cannot checkpoint\"}"),
	  -FIRN_EFAIL, 0, NULL, "Podman: \"exited\" is not running, cannot checkpoint" },
	{ "cut while it is made",
	  { NULL, .holds = false },
	  -FIRN_EFAIL,
	  0,
	  NULL,
	  "without an answer" },
};

START_TEST(checkpoint)
{
	const struct podman_checkpoint how = { .answer = fake_wait(checkpoints[_i].error),
					       .leave_running = true,
					       .file_locks = true };
	const struct scene scenes[] = { PING("5.4.2"), checkpoints[_i].scene };
	_cleanup_(istream_closep) struct istream *in = NULL;
	struct firn_error err = { 0 };
	char body[64] = "";
	struct fake_http f;
	struct podman *p = service(&f, scenes, 2, checkpoints[_i].error);
	int rc = podman_checkpoint(p, "c1", &how, &in, &err);
	ssize_t got = 0;
	size_t len = 0;

	podman_close(p);
	ck_assert_msg(rc == checkpoints[_i].rc, "%s: %d: %s", checkpoints[_i].name, rc, err.msg);
	while (in && (got = istream_read(in, body + len, sizeof(body) - 1 - len, &err)) > 0)
		len += (size_t)got;
	if (rc == 0) {
		ck_assert_msg(got == checkpoints[_i].end, "%s: %zd: %s", checkpoints[_i].name, got,
			      err.msg);
		ck_assert_str_eq(body, checkpoints[_i].body);
	}
	if (checkpoints[_i].error)
		ck_assert_msg(strstr(err.msg, checkpoints[_i].error), "%s: %s",
			      checkpoints[_i].name, err.msg);
	istream_close(in);
	in = NULL;
	fake_http_stop(&f);
	ck_assert_msg(strncmp(f.request,
			      "POST /v5.4.2/libpod/containers/c1/checkpoint?export=true&"
			      "leaveRunning=true&fileLocks=true HTTP/1.1\r\n",
			      95) == 0,
		      "%s", f.request);
	ck_assert_ptr_nonnull(strstr(f.request, "\r\nContent-Length: 0\r\n"));
}
END_TEST

static const struct {
	const char *name;
	struct scene scene;
	int rc;
	const char *id, *error;
} restores[] = {
	{ "restored",
	  { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"Id\":\"ab12\"}",
	    .takes_body = true },
	  0,
	  "ab12",
	  NULL },
	{ "refused at once",
	  { .answer = "HTTP/1.1 500 No\r\nContent-Length: 24\r\n\r\n{\"message\":\"no space\"}  ",
	    .holds = true },
	  -FIRN_EHOST,
	  NULL,
	  "Podman: no space" },
	{ "refused at the end",
	  { .answer = "HTTP/1.1 500 No\r\nContent-Length: 24\r\n\r\n{\"message\":\"no CRIU..\"} ",
	    .takes_body = true },
	  -FIRN_EHOST,
	  NULL,
	  "Podman: no CRIU.." },
	{ "no id",
	  { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", .takes_body = true },
	  -FIRN_ECORRUPT,
	  NULL,
	  "Podman's answer: \"Id\"" },
	{ "gone", { .takes_body = true }, -FIRN_EFAIL, NULL, "without an answer" },
};

START_TEST(restore)
{
	const struct podman_restore how = { .answer = fake_wait(restores[_i].error),
					    .name = "c 2",
					    .tcp_established = true };
	const struct scene scenes[] = { PING("4.3.1"), restores[_i].scene };
	struct podman_upload *u = NULL;
	struct firn_error err = { 0 };
	static char piece[65536];
	_free_ char *id = NULL;
	struct fake_http f;
	struct podman *p = service(&f, scenes, 2, restores[_i].error);
	int rc;

	ck_ok(podman_restore_begin(p, &how, &u, &err), err);
	podman_close(p);
	rc = 0;
	for (int i = 0; rc == 0 && i < 100; i++)
		rc = sink_write(podman_upload_sink(u), piece, sizeof(piece), &err);
	if (rc == 0)
		rc = podman_upload_end(u, &id, &err);
	else
		podman_upload_cancel(u);
	ck_assert_msg(rc == restores[_i].rc, "%s: %d: %s", restores[_i].name, rc, err.msg);
	if (restores[_i].id)
		ck_assert_str_eq(id, restores[_i].id);
	if (restores[_i].error)
		ck_assert_msg(strstr(err.msg, restores[_i].error), "%s: %s", restores[_i].name,
			      err.msg);
	fake_http_stop(&f);
	ck_assert_msg(
	    strncmp(f.request,
		    "POST /v4.3.1/libpod/containers/import/restore?import=true&name=c%202&"
		    "tcpEstablished=true HTTP/1.1\r\n",
		    97) == 0,
	    "%s", f.request);
}
END_TEST

static const struct {
	struct scene scene;
	const char *text;
} states[] = {
	{ JSON("200 OK",
	       "{\"Id\":\"a\",\"Name\":\"c1\",\"State\":{\"Status\":\"running\",\"Pid\":1}}"),
	  "container c1 is running now" },
	{ JSON("200 OK", "{\"Id\":\"a\",\"Name\":\"c1\",\"State\":{\"Status\":\"exited\",\"Pid\":0,"
			 "\"Checkpointed\":true}}"),
	  "container c1 is stopped now (exited) and Podman has its checkpoint: podman container "
	  "restore c1" },
	{ JSON("404 Not Found", "{\"message\":\"no\"}"), "there is no container c1 now" },
	{ { NULL, .holds = false },
	  "Podman doesn't say what container c1 does now; if it is stopped: podman container "
	  "restore "
	  "c1" },
};

START_TEST(state_is_told)
{
	const struct scene scenes[] = { PING("5.4.2"), states[_i].scene };
	char text[PODMAN_STATE_MAX];
	struct fake_http f;
	struct podman *p = service(&f, scenes, 2, NULL);

	ck_assert_str_eq(podman_tell_state(p, "a", "c1", text), states[_i].text);
	podman_close(p);
	fake_http_stop(&f);
}
END_TEST

START_TEST(images)
{
	static const struct scene scenes[] = {
		PING("5.4.2"),
		{ .answer = "HTTP/1.1 204 No Content\r\n\r\n" },
		{ .answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" },
		JSON("500 No", "{\"message\":\"x\"}"),
	};
	struct firn_error err = { 0 };
	struct fake_http f;
	struct podman *p = service(&f, scenes, ARRAY_SIZE(scenes), NULL);

	ck_assert_int_eq(podman_has_image(p, "64b0", &err), 1);
	ck_assert_int_eq(podman_has_image(p, "64b0", &err), 0);
	ck_assert_int_eq(podman_has_image(p, "64b0", &err), -FIRN_EFAIL);
	ck_assert_str_eq(err.msg, "Podman: x");
	podman_close(p);
	fake_http_stop(&f);
}
END_TEST

static const struct {
	const char *given, *path, *error;
} sockets[] = {
	{ "/run/x.sock", "/run/x.sock", NULL },
	{ "unix:///run/x.sock", "/run/x.sock", NULL },
	{ "x.sock", "x.sock", NULL },
	{ "ssh://host/run/x.sock", NULL,
	  "ssh://: Podman is asked on a unix socket of this host only" },
	{ "tcp://localhost:80", NULL, "tcp://: Podman is asked" },
	{ "", NULL, "is empty" },
	{ "unix://", NULL, "is empty" },
};

START_TEST(socket_names)
{
	struct firn_error err = { 0 };
	_free_ char *path = NULL;
	int rc = podman_socket(sockets[_i].given, &path, &err);

	ck_assert_int_eq(rc, sockets[_i].path ? 0 : -FIRN_EINVAL);
	if (rc == 0)
		ck_assert_str_eq(path, sockets[_i].path);
	else
		ck_assert_msg(strstr(err.msg, sockets[_i].error), "%s", err.msg);
}
END_TEST

START_TEST(socket_of_the_user)
{
	struct firn_error err = { 0 };
	_free_ char *path = NULL;

	ck_ok(podman_socket(NULL, &path, &err), err);
	ck_assert_ptr_nonnull(
	    strstr(path, geteuid() == 0 ? "/run/podman/podman.sock" : "/run/user/"));
}
END_TEST

static const struct {
	const char *text;
	int rc;
	unsigned v[3];
} versions[] = {
	{ "5.4.2", 0, { 5, 4, 2 } },          { "5", 0, { 5, 0, 0 } },
	{ "5.4-dev", 0, { 5, 4, 0 } },        { "4.0.0-rc1+x", 0, { 4, 0, 0 } },
	{ "", -FIRN_ECORRUPT, { 0 } },        { "5.", -FIRN_ECORRUPT, { 0 } },
	{ "5..2", -FIRN_ECORRUPT, { 0 } },    { "v5.4", -FIRN_ECORRUPT, { 0 } },
	{ "5.4.2.1", -FIRN_ECORRUPT, { 0 } }, { "99999999999", -FIRN_ECORRUPT, { 0 } },
	{ "5.4 ", -FIRN_ECORRUPT, { 0 } },    { "-5", -FIRN_ECORRUPT, { 0 } },
};

START_TEST(version)
{
	struct firn_error err = { 0 };
	unsigned v[3] = { 0 };

	ck_assert_int_eq(podman_parse_version(versions[_i].text, v, &err), versions[_i].rc);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(v[i], versions[_i].v[i]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("podman");
	TCase *tc = tcase_create("podman");

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, open_asks_who_is_there, 0, ARRAY_SIZE(pings));
	tcase_add_test(tc, inspect_tells);
	tcase_add_loop_test(tc, inspect_fails, 0, ARRAY_SIZE(bad_inspects));
	tcase_add_loop_test(tc, checkpoint, 0, ARRAY_SIZE(checkpoints));
	tcase_add_loop_test(tc, restore, 0, ARRAY_SIZE(restores));
	tcase_add_loop_test(tc, state_is_told, 0, ARRAY_SIZE(states));
	tcase_add_test(tc, images);
	tcase_add_loop_test(tc, socket_names, 0, ARRAY_SIZE(sockets));
	tcase_add_test(tc, socket_of_the_user);
	tcase_add_loop_test(tc, version, 0, ARRAY_SIZE(versions));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP against a server that does what servers do, and what they should not. */
#include "remote/http.h"

#include "base/buf.h"
#include "base/fd.h"
#include "fake_http.h"
#include "remote/header.h"
#include "unit.h"

#include <netinet/in.h>

#define OK200   "HTTP/1.1 200 OK\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static struct http_times times(const char *error)
{
	const unsigned wait = fake_wait(error);

	return (struct http_times){ .connect = FAKE_PATIENT, .answer = wait, .idle = wait };
}

static struct http_request get(const struct fake_http *f)
{
	return (struct http_request){
		.method = "GET", .socket = f->path, .url = "http://d/x", .times = times(NULL)
	};
}

static const struct {
	const char *name;
	struct scene scene;
	int answer; /* of http_answer() */
	unsigned status;
	int end; /* of reading to the end */
	const char *body, *error;
} cases[] = {
	{ "a length",
	  { .answer = OK200 "Content-Length: 5\r\n\r\nhello" },
	  0,
	  200,
	  0,
	  "hello",
	  NULL },
	{ "no bytes", { .answer = OK200 "Content-Length: 0\r\n\r\n" }, 0, 200, 0, "", NULL },
	{ "no content", { .answer = "HTTP/1.1 204 No Content\r\n\r\n" }, 0, 204, 0, "", NULL },
	{ "chunks",
	  { .answer = OK200 CHUNKED "\r\n5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\n\r\n" },
	  0,
	  200,
	  0,
	  "hello world",
	  NULL },
	{ "trailers",
	  { .answer = OK200 CHUNKED "\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n" },
	  0,
	  200,
	  0,
	  "hi",
	  NULL },
	{ "an interim answer",
	  { .answer = "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" OK200
		      "Content-Length: 2\r\n\r\nhi" },
	  0,
	  200,
	  0,
	  "hi",
	  NULL },
	{ "an error",
	  { .answer = "HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nwhy" },
	  0,
	  500,
	  0,
	  "why",
	  NULL },
	{ "a redirect is not followed",
	  { .answer = "HTTP/1.1 302 Found\r\nLocation: http://d/y\r\nContent-Length: 0\r\n\r\n" },
	  0,
	  302,
	  0,
	  "",
	  NULL },
	{ "cut within a length",
	  { .answer = OK200 "Content-Length: 9\r\n\r\nhello" },
	  0,
	  200,
	  -FIRN_EFAIL,
	  "hello",
	  "broke after 5 bytes" },
	{ "cut within a chunk",
	  { .answer = OK200 CHUNKED "\r\n9\r\nhello" },
	  0,
	  200,
	  -FIRN_EFAIL,
	  "hello",
	  "broke after 5 bytes" },
	{ "cut between chunks",
	  { .answer = OK200 CHUNKED "\r\n5\r\nhello\r\n" },
	  0,
	  200,
	  -FIRN_EFAIL,
	  "hello",
	  "broke after 5 bytes" },
	{ "cut within the headers",
	  { .answer = OK200 "Content-Le" },
	  -FIRN_EFAIL,
	  0,
	  0,
	  NULL,
	  "the connection broke" },
	{ "closed without a word",
	  { .answer = NULL },
	  -FIRN_EFAIL,
	  0,
	  0,
	  NULL,
	  "without an answer" },
	{ "silence", { .holds = true }, -FIRN_EFAIL, 0, 0, NULL, "no answer within 300 ms" },
	{ "silence in the headers",
	  { .answer = OK200 "Content-Length: 9\r\n", .holds = true },
	  -FIRN_EFAIL,
	  0,
	  0,
	  NULL,
	  "within 300 ms" },
	{ "silence in the body",
	  { .answer = OK200 "Content-Length: 9\r\n\r\nhello", .holds = true },
	  0,
	  200,
	  -FIRN_EFAIL,
	  "hello",
	  "no byte of the answer within 300 ms" },
	{ "no end",
	  { .answer = OK200 "\r\nhello" },
	  -FIRN_ECORRUPT,
	  0,
	  0,
	  NULL,
	  "doesn't say where" },
	{ "another coding",
	  { .answer = OK200 "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
	  -FIRN_ECORRUPT,
	  0,
	  0,
	  NULL,
	  NULL /* libcurl 8 refuses it, 7 passes it on */ },
	{ "garbage",
	  { .answer = "\x7f"
		      "ELF\1\2\3 nothing of HTTP at all\n\n" },
	  -FIRN_ECORRUPT,
	  0,
	  0,
	  NULL,
	  "doesn't speak HTTP" },
	{ "an old answer",
	  { .answer = "just text\n" },
	  -FIRN_ECORRUPT,
	  0,
	  0,
	  NULL,
	  "doesn't speak HTTP" },
	{ "no size of a chunk",
	  { .answer = OK200 CHUNKED "\r\nxyz\r\nhello\r\n" },
	  0,
	  200,
	  -FIRN_EFAIL,
	  "",
	  "broke after 0 bytes" },
	{ "endless headers",
	  { .answer = OK200,
	    .repeat = "X-More: 0123456789012345678901234567890123456789\r\n",
	    .repeats = 100000 },
	  -FIRN_ELIMIT,
	  0,
	  0,
	  NULL,
	  "more than 65536 bytes" },
	{ "endless interim answers",
	  { .answer = "HTTP/1.1 100 Continue\r\n\r\n",
	    .repeat = "HTTP/1.1 100 Continue\r\n\r\n",
	    .repeats = 100000 },
	  -FIRN_ELIMIT,
	  0,
	  0,
	  NULL,
	  "more than 65536 bytes" },
	{ "endless trailers",
	  { .answer = OK200 CHUNKED "\r\n2\r\nhi\r\n0\r\n",
	    .repeat = "X-More: 0123456789012345678901234567890\r\n",
	    .repeats = 100000 },
	  0,
	  200,
	  -FIRN_ELIMIT,
	  "hi",
	  "more than 65536 bytes" },
};

START_TEST(answers)
{
	struct firn_error err = { 0 };
	struct http *h = NULL;
	struct fake_http f;
	char body[64] = "";
	unsigned status = 0;
	ssize_t got = 0;
	size_t len = 0;
	int rc;

	fake_http_start(&f, &cases[_i].scene, 1);
	ck_ok(http_begin(&(struct http_request){ .method = "GET",
						 .socket = f.path,
						 .url = "http://d/x",
						 .times = times(cases[_i].error) },
			 &h, &err),
	      err);
	rc = http_answer(h, &status, &err);
	ck_assert_msg(rc == cases[_i].answer, "%s: %d: %s", cases[_i].name, rc, err.msg);
	ck_assert_uint_eq(status, cases[_i].status);
	while (rc == 0 && (got = http_read(h, body + len, sizeof(body) - 1 - len, &err)) > 0)
		len += (size_t)got;
	if (rc == 0) {
		ck_assert_msg(got == cases[_i].end, "%s: %zd: %s", cases[_i].name, got, err.msg);
		ck_assert_str_eq(body, cases[_i].body);
	}
	if (cases[_i].error)
		ck_assert_msg(strstr(err.msg, cases[_i].error), "%s: %s", cases[_i].name, err.msg);
	http_close(h);
	fake_http_stop(&f);
	ck_assert_msg(strncmp(f.request, "GET /x HTTP/1.1\r\nHost: d\r\n", 26) == 0, "%s",
		      f.request);
}
END_TEST

/* Connections to @path that a program would inherit which is started now. */
static int inherited(const char *path)
{
	int n = 0;

	for (int fd = 3; fd < 64; fd++) {
		const int flags = fcntl(fd, F_GETFD);
		struct sockaddr_un a = { 0 };
		socklen_t len = sizeof(a);

		if (flags >= 0 && !(flags & FD_CLOEXEC) &&
		    getpeername(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX &&
		    strcmp(a.sun_path, path) == 0)
			n++;
	}
	return n;
}

START_TEST(connection_is_not_inherited)
{
	static const struct scene s = { .answer = OK200 "Content-Length: 2\r\n\r\nhi",
					.holds = true };
	struct firn_error err = { 0 };
	struct http_request r;
	struct http *h = NULL;
	struct fake_http f;
	unsigned status;

	fake_http_start(&f, &s, 1);
	r = get(&f);
	ck_ok(http_begin(&r, &h, &err), err);
	ck_ok(http_answer(h, &status, &err), err);
	ck_assert_int_eq(inherited(f.path), 0);
	http_close(h);
	fake_http_stop(&f);
}
END_TEST

START_TEST(headers_are_found)
{
	static const struct scene s = { .answer =
					    OK200 "libpod-api-VERSION:  5.4.2 \r\nX-Empty:\r\n"
						  "Content-Length: 0\r\n\r\n" };
	struct firn_error err = { 0 };
	struct http_request r;
	struct http *h = NULL;
	struct fake_http f;
	char value[4];
	unsigned status;

	fake_http_start(&f, &s, 1);
	r = get(&f);
	ck_ok(http_begin(&r, &h, &err), err);
	ck_assert(!http_answered(h));
	ck_ok(http_answer(h, &status, &err), err);
	ck_assert(http_answered(h));
	ck_assert(http_header(h, "Libpod-API-Version", value, sizeof(value)));
	ck_assert_str_eq(value, "5.4");
	ck_assert(http_header(h, "x-empty", value, sizeof(value)));
	ck_assert_str_eq(value, "");
	ck_assert(!http_header(h, "X-Emp", value, sizeof(value)));
	http_close(h);
	fake_http_stop(&f);
}
END_TEST

/* A reader that stops reading stops the peer: what is taken stays far below what there is. */
#define PIECE  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PIECES 1000000u

START_TEST(body_is_paused)
{
	static const struct scene s = { .answer = OK200 "Content-Length: 64000000\r\n\r\n",
					.repeat = PIECE,
					.repeats = PIECES };
	const struct timespec nap = { .tv_nsec = 200000000 };
	struct firn_error err = { 0 };
	struct istream *in = NULL;
	char buf[64 * 1024];
	struct http_request r;
	struct http *h = NULL;
	uint64_t total = 0;
	struct fake_http f;
	unsigned status;
	ssize_t got;

	fake_http_start(&f, &s, 1);
	r = get(&f);
	ck_ok(http_begin(&r, &h, &err), err);
	ck_ok(http_answer(h, &status, &err), err);
	ck_ok(http_stream(h, &in, &err), err);
	for (int i = 0; i < 3; i++) {
		got = istream_read(in, buf, sizeof(buf), &err);
		ck_ok(got, err);
		total += (uint64_t)got;
		nanosleep(&nap, NULL);
	}
	ck_assert_uint_lt(__atomic_load_n(&f.sent, __ATOMIC_RELAXED), 8 << 20);
	while ((got = istream_read(in, buf, sizeof(buf), &err)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			if (buf[i] != PIECE[(total + (uint64_t)i) % 64])
				ck_abort_msg("byte %zd of %zu differs", i, (size_t)total);
		total += (uint64_t)got;
	}
	ck_ok(got, err);
	ck_assert_uint_eq(total, 64u * PIECES);
	istream_close(in);
	fake_http_stop(&f);
}
END_TEST

static int upload(struct fake_http *f, size_t pieces, bool end, const char *error,
		  struct http **ret, struct firn_error *err)
{
	struct http_request r = get(f);
	struct http *h = NULL;
	int rc;

	r.times = times(error);
	r.method = "POST";
	r.type = "application/x-tar";
	ck_ok(http_begin(&r, &h, err), *err);
	*ret = h;
	for (size_t i = 0; i < pieces; i++) {
		rc = http_send(h, PIECE, 64, err);
		if (rc < 0)
			return rc;
	}
	if (end)
		http_send_end(h);
	return 0;
}

START_TEST(upload_arrives)
{
	static const struct scene s = { .answer = OK200 "Content-Length: 2\r\n\r\nok",
					.takes_body = true };
	struct firn_error err = { 0 };
	struct http *h = NULL;
	struct fake_http f;
	unsigned status;

	fake_http_start(&f, &s, 1);
	ck_ok(upload(&f, 100000, true, NULL, &h, &err), err);
	ck_ok(http_answer(h, &status, &err), err);
	ck_assert_uint_eq(status, 200);
	http_close(h);
	fake_http_stop(&f);
	ck_assert(f.whole_request);
	ck_assert_uint_gt(f.request_len, 6400000);
	ck_assert_ptr_nonnull(strstr(f.request, "Transfer-Encoding: chunked\r\n"));
	ck_assert_ptr_nonnull(strstr(f.request, "Content-Type: application/x-tar\r\n"));
	ck_assert_ptr_null(strstr(f.request, "Expect"));
}
END_TEST

/* What is given up must not look whole to the peer. */
START_TEST(upload_is_cut)
{
	static const struct scene s = { .takes_body = true };
	struct firn_error err = { 0 };
	struct http *h = NULL;
	struct fake_http f;

	fake_http_start(&f, &s, 1);
	ck_ok(upload(&f, 10, false, NULL, &h, &err), err);
	http_close(h);
	fake_http_stop(&f);
	ck_assert(!f.whole_request);
	ck_assert_uint_gt(f.request_len, 640);
}
END_TEST

/* The peer has seen enough: its answer is there to be read. */
START_TEST(upload_is_answered_early)
{
	static const struct scene s = { .answer =
					    "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nwhy",
					.holds = true };
	struct firn_error err = { 0 };
	struct http *h = NULL;
	struct fake_http f;
	char text[8] = "";
	unsigned status;

	fake_http_start(&f, &s, 1);
	ck_assert_int_eq(upload(&f, 1000000, true, NULL, &h, &err), -FIRN_EFAIL);
	ck_assert_msg(strstr(err.msg, "answers before it has everything"), "%s", err.msg);
	ck_assert(http_answered(h));
	ck_ok(http_answer(h, &status, &err), err);
	ck_assert_uint_eq(status, 400);
	ck_assert_int_eq(http_read(h, text, sizeof(text) - 1, &err), 3);
	ck_assert_str_eq(text, "why");
	http_close(h);
	fake_http_stop(&f);
}
END_TEST

/* Nobody takes it. */
START_TEST(upload_stalls)
{
	static const char error[] = "no byte taken within 300 ms";
	struct firn_error err = { 0 };
	struct fake_http f = { 0 };
	struct http *h = NULL;

	fake_http_listen(&f);
	ck_assert_int_eq(upload(&f, 1000000, true, error, &h, &err), -FIRN_EFAIL);
	ck_assert_msg(strstr(err.msg, error), "%s", err.msg);
	http_close(h);
	close(f.listener);
}
END_TEST

START_TEST(nobody_is_there)
{
	char name[300];
	struct http_request r = {
		.method = "GET", .socket = name, .url = "http://d/x", .times = times(NULL)
	};
	struct firn_error err = { 0 };
	struct http *h = NULL;
	unsigned status;

	snprintf(name, sizeof(name), "%s", scratch("nothing.sock"));
	ck_ok(http_begin(&r, &h, &err), err);
	ck_assert_int_eq(http_answer(h, &status, &err), -FIRN_ENOTFOUND);
	ck_assert_msg(strstr(err.msg, "nothing.sock: No such file"), "%s", err.msg);
	http_close(h);

	scratch_write("file", "", 0);
	snprintf(name, sizeof(name), "%s", scratch("file"));
	ck_ok(http_begin(&r, &h, &err), err);
	ck_assert_int_eq(http_answer(h, &status, &err), -FIRN_EFAIL);
	ck_assert_msg(strstr(err.msg, "Connection refused"), "%s", err.msg);
	http_close(h);

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(http_begin(&r, &h, &err), -FIRN_EINVAL);
}
END_TEST

/* Of other protocols and of what the environment says nothing is taken. */
START_TEST(environment_is_not_read)
{
	static const struct scene s = { .answer = OK200 "Content-Length: 0\r\n\r\n" };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	struct firn_error err = { 0 };
	struct fake_http f = { .scenes = &s, .nscenes = 1 };
	struct http *h = NULL;
	unsigned status;
	char url[64];

	f.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(f.listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(f.listener, 1), 0);
	ck_assert_int_eq(getsockname(f.listener, (struct sockaddr *)&a, &len), 0);
	ck_assert_int_eq(pthread_create(&f.thread, NULL, fake_http_run, &f), 0);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/v2/", ntohs(a.sin_port));
	ck_ok(
	    http_begin(&(struct http_request){ .method = "GET", .url = url, .times = times(NULL) },
		       &h, &err),
	    err);
	ck_ok(http_answer(h, &status, &err), err);
	ck_assert_uint_eq(status, 200);
	http_close(h);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	fake_http_stop(&f);
	ck_assert_msg(strncmp(f.request, "GET /v2/ HTTP/1.1\r\n", 19) == 0, "%s", f.request);

	ck_ok(http_begin(&(struct http_request){ .method = "GET", .url = "file:///etc/hostname" },
			 &h, &err),
	      err);
	ck_assert_int_lt(http_answer(h, &status, &err), 0);
	http_close(h);
}
END_TEST

static const struct {
	const char *line;
	unsigned status;
} status_lines[] = {
	{ "HTTP/1.1 200 OK\r\n", 200 }, { "HTTP/1.0 404 Not Found\r\n", 404 },
	{ "HTTP/1.1 204\r\n", 204 },    { "HTTP/1.1 599", 599 },
	{ "HTTP/1.1 099 x", 0 },        { "HTTP/1.1 600 x", 0 },
	{ "HTTP/1.1 20", 0 },           { "HTTP/1.1 2000 x", 0 },
	{ "HTTP/2 200 OK", 200 },       { "HTTP/2 200 ", 200 },
	{ "HTTP/1.x 200 OK", 0 },       { "HTTP/3 200 OK", 0 },
	{ "http/1.1 200 OK", 0 },       { "", 0 },
	{ "HTTP/1.1-200 OK", 0 },       { "HTTP/1.1  200", 0 },
};

START_TEST(status_line)
{
	ck_assert_msg(header_status(status_lines[_i].line, strlen(status_lines[_i].line)) ==
			  status_lines[_i].status,
		      "%s", status_lines[_i].line);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("http");
	TCase *tc = tcase_create("http");

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, answers, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, connection_is_not_inherited);
	tcase_add_test(tc, headers_are_found);
	tcase_add_test(tc, body_is_paused);
	tcase_add_test(tc, upload_arrives);
	tcase_add_test(tc, upload_is_cut);
	tcase_add_test(tc, upload_is_answered_early);
	tcase_add_test(tc, upload_stalls);
	tcase_add_test(tc, nobody_is_there);
	tcase_add_test(tc, environment_is_not_read);
	tcase_add_loop_test(tc, status_line, 0, ARRAY_SIZE(status_lines));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

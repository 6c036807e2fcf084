/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a registry and a user's files say, right and wrong: bytes in, structs out. */
#include "base/fd.h"
#include "remote/answer.h"
#include "remote/challenge.h"
#include "remote/credentials.h"
#include "remote/session.h"
#include "remote/url.h"
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE "https://h.example:5000/v2/a/blobs/uploads/x?_state=y"

static const struct {
	const char *text, *whole; /* NULL: refused */
} addresses[] = {
	{ "https://H.Example/x", "https://h.example/x" },
	{ "https://h.example:443/x", "https://h.example/x" },
	{ "http://h.example:80", "http://h.example/" },
	{ "http://h.example:8080?a=b", "http://h.example:8080/?a=b" },
	{ "https://[::1]:5000/x#part", "https://[::1]:5000/x" },
	{ "/y?z", "https://h.example:5000/y?z" },
	{ "y", "https://h.example:5000/v2/a/blobs/uploads/y" },
	{ "?z", "https://h.example:5000/v2/a/blobs/uploads/x?z" },
	{ "//o.example/y", "https://o.example/y" },
	{ "file:///etc/passwd", NULL },
	{ "FILE:/etc/passwd", NULL },
	{ "ftp://h.example/", NULL },
	{ "https://user:secret@h.example/", NULL },
	{ "https://", NULL },
	{ "https://:5000/", NULL },
	{ "https://h.example:/", NULL },
	{ "https://h.example:123456/", NULL },
	{ "https://h.example:5x/", NULL },
	{ "https://[::1/", NULL },
	{ "https://h.example/a b", NULL },
	{ "https://h.example/\r\nX: y", NULL },
	{ "https://h%2eexample/", NULL },
	{ "https://h.example\\@o.example/", NULL },
};

START_TEST(address)
{
	struct firn_error err = { 0 };
	struct url base, u;
	_free_ char *text = NULL;
	int rc;

	ck_ok(url_parse(BASE, &base, &err), err);
	rc = url_resolve(&base, addresses[_i].text, &u, &err);
	ck_assert_msg((rc == 0) == (addresses[_i].whole != NULL), "%s: %d %s", addresses[_i].text,
		      rc, err.msg);
	ck_assert_ptr_null(strstr(err.msg, "secret"));
	if (rc == 0) {
		text = url_text(&u);
		ck_assert_str_eq(text, addresses[_i].whole);
		url_done(&u);
	}
	url_done(&base);
}
END_TEST

static const struct {
	const char *one, *other;
	bool same;
} origins[] = {
	{ "https://h.example/a", "https://H.example:443/b", true },
	{ "https://h.example/a", "http://h.example/a", false },
	{ "https://h.example/a", "https://h.example:5000/a", false },
	{ "https://h.example/a", "https://a.h.example/a", false },
};

START_TEST(origin)
{
	struct firn_error err = { 0 };
	struct url a, b;

	ck_ok(url_parse(origins[_i].one, &a, &err), err);
	ck_ok(url_parse(origins[_i].other, &b, &err), err);
	ck_assert_int_eq(url_same_origin(&a, &b), origins[_i].same);
	url_done(&a);
	url_done(&b);
}
END_TEST

static const struct {
	const char *header, *next; /* NULL: none */
} links[] = {
	{ "</v2/a/tags/list?n=2&last=b>; rel=\"next\"", "/v2/a/tags/list?n=2&last=b" },
	{ "</x>; rel=prev, </y>;title=\"a, b\"; rel=next", "/y" },
	{ "</x>; rel=\"nextish\"", NULL },
	{ "</x>; rel=nextish", NULL },
	{ "</x>; title=\"; rel=next\"", NULL },
	{ "</x", NULL },
	{ "", NULL },
};

START_TEST(next_link)
{
	struct firn_error err = { 0 };
	_free_ char *next = NULL;

	ck_assert_int_eq(url_next_link(links[_i].header, &next, &err), links[_i].next != NULL);
	ck_assert_pstr_eq(next, links[_i].next);
}
END_TEST

static const struct {
	const char *header;
	enum challenge_kind kind;
	const char *realm, *service, *scope;
} challenges[] = {
	{ "Basic realm=\"r\"", CHALLENGE_BASIC, "r", NULL, NULL },
	{ "Bearer "
	  "realm=\"https://t.example/token\",service=\"s\",scope=\"repository:a/b:pull,push\"",
	  CHALLENGE_BEARER, "https://t.example/token", "s", "repository:a/b:pull,push" },
	{ "bearer realm = \"x\" , service=y", CHALLENGE_BEARER, "x", "y", NULL },
	{ "Basic realm=\"r\", Bearer realm=\"t\"", CHALLENGE_BEARER, "t", NULL, NULL },
	{ "Bearer realm=\"t\", Basic realm=\"r\"", CHALLENGE_BEARER, "t", NULL, NULL },
	{ "Negotiate, Basic realm=\"r\"", CHALLENGE_BASIC, "r", NULL, NULL },
	{ "Negotiate abc==, Digest realm=\"d\", nonce=\"n\"", CHALLENGE_NONE, NULL, NULL, NULL },
	{ "Bearer service=\"s\"", CHALLENGE_NONE, NULL, NULL, NULL },
	{ "Bearer realm=\"a\\\"b\"", CHALLENGE_BEARER, "a\"b", NULL, NULL },
	{ "Bearer realm=\"a", CHALLENGE_BEARER, "a", NULL, NULL },
	{ "Basic", CHALLENGE_BASIC, NULL, NULL, NULL },
	{ ",,, = \"", CHALLENGE_NONE, NULL, NULL, NULL },
	{ "", CHALLENGE_NONE, NULL, NULL, NULL },
};

START_TEST(challenge)
{
	struct challenge c = { .kind = CHALLENGE_NONE };
	struct firn_error err = { 0 };

	ck_ok(challenge_parse(challenges[_i].header, &c, &err), err);
	ck_assert_int_eq(c.kind, challenges[_i].kind);
	ck_assert_pstr_eq(c.realm, challenges[_i].realm);
	ck_assert_pstr_eq(c.service, challenges[_i].service);
	ck_assert_pstr_eq(c.scope, challenges[_i].scope);
	challenge_done(&c);
}
END_TEST

static const struct {
	const char *text, *token; /* NULL: refused */
	uint64_t seconds;
} tokens[] = {
	{ "{\"token\":\"abc.def\"}", "abc.def", TOKEN_SECONDS },
	{ "{\"access_token\":\"abc\",\"expires_in\":300}", "abc", 300 },
	{ "{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":0}", "a", TOKEN_SECONDS },
	{ "{\"token\":\"a\",\"expires_in\":99999999999}", "a", TOKEN_LAST_MAX },
	{ "{\"token\":\"a\",\"expires_in\":\"soon\"}", "a", TOKEN_SECONDS },
	{ "{\"token\":\"\"}", NULL, 0 },
	{ "{}", NULL, 0 },
	{ "{\"token\":\"a\\r\\nX: y\"}", NULL, 0 },
	{ "{\"token\":\"a b\"}", NULL, 0 },
	{ "{\"token\":7}", NULL, 0 },
	{ "[]", NULL, 0 },
	{ "", NULL, 0 },
};

START_TEST(token)
{
	struct firn_error err = { 0 };
	_free_ char *got = NULL;
	uint64_t seconds = 0;
	int rc = token_parse(tokens[_i].text, strlen(tokens[_i].text), &got, &seconds, &err);

	ck_assert_msg((rc == 0) == (tokens[_i].token != NULL), "%s: %d", tokens[_i].text, rc);
	ck_assert_pstr_eq(got, tokens[_i].token);
	ck_assert_uint_eq(seconds, tokens[_i].seconds);
}
END_TEST

#define UP "dTpw"     /* u:p */
#define AB "YTpiOmM=" /* a:b:c */

static const struct {
	const char *text;
	int rc;
	const char *who; /* "USER:PASSWORD", "=IDENTITY", "!HELPER"; NULL: nobody */
} files[] = {
	{ "{\"auths\":{\"h.example\":{\"auth\":\"" UP "\"}}}", CREDENTIALS_HERE, "u:p" },
	{ "{\"auths\":{\"h.example\":{\"auth\":\"" AB "\"}}}", CREDENTIALS_HERE, "a:b:c" },
	{ "{\"auths\":{\"h.example\":{\"auth\":\"" UP "\"},\"h.example/a\":{\"auth\":\"" AB "\"}}}",
	  CREDENTIALS_HERE, "a:b:c" },
	{ "{\"auths\":{\"h.example/a/b\":{\"auth\":\"" AB "\"},\"h.example/a\":{\"auth\":\"" UP
	  "\"}}}",
	  CREDENTIALS_HERE, "a:b:c" },
	{ "{\"auths\":{\"h.example/a/bb\":{\"auth\":\"" AB "\"}}}", CREDENTIALS_NONE, NULL },
	{ "{\"auths\":{\"https://h.example/v1/\":{\"auth\":\"" UP "\"}}}", CREDENTIALS_HERE,
	  "u:p" },
	{ "{\"auths\":{\"https://h.example.o.example/v1/\":{\"auth\":\"" UP "\"}}}",
	  CREDENTIALS_NONE, NULL },
	{ "{\"auths\":{\"h.example:443\":{\"auth\":\"" UP "\"}}}", CREDENTIALS_NONE, NULL },
	{ "{\"auths\":{\"h.example\":{\"identitytoken\":\"t\"}}}", CREDENTIALS_HERE, "=t" },
	{ "{\"auths\":{\"h.example\":{\"username\":\"u\",\"password\":\"p\"}}}", CREDENTIALS_HERE,
	  "u:p" },
	{ "{\"auths\":{\"h.example\":{}}}", CREDENTIALS_NONE, NULL },
	{ "{\"auths\":{\"h.example\":{}},\"credHelpers\":{\"h.example\":\"pass\"}}",
	  CREDENTIALS_HELPER, "!pass" },
	{ "{\"auths\":{\"h.example\":{\"auth\":\"" UP "\"}},\"credsStore\":\"pass\"}",
	  CREDENTIALS_HERE, "u:p" },
	{ "{\"credsStore\":\"pass\"}", CREDENTIALS_HELPER, "!pass" },
	{ "{\"credsStore\":\"../pass\"}", -FIRN_ECORRUPT, NULL },
	{ "{\"credHelpers\":{\"h.example\":\"a b\"}}", -FIRN_ECORRUPT, NULL },
	{ "{\"auths\":{\"h.example\":{\"auth\":\"?\"}}}", -FIRN_ECORRUPT, NULL },
	{ "{\"auths\":{\"h.example\":{\"auth\":\"dXA=\"}}}", -FIRN_ECORRUPT, NULL },
	{ "{\"auths\":[]}", -FIRN_ECORRUPT, NULL },
	{ "{}", CREDENTIALS_NONE, NULL },
	{ "", -FIRN_ECORRUPT, NULL },
};

START_TEST(auth_file)
{
	struct credentials c = { NULL, NULL, NULL };
	struct firn_error err = { 0 };
	_free_ char *helper = NULL;
	char who[64] = "";
	int rc = credentials_find(files[_i].text, strlen(files[_i].text), "h.example", "a/b", &c,
				  &helper, &err);

	ck_assert_msg(rc == files[_i].rc, "%s: %d %s", files[_i].text, rc, err.msg);
	if (c.user)
		snprintf(who, sizeof(who), "%s:%s", c.user, c.password);
	else if (c.identity || helper)
		snprintf(who, sizeof(who), "%c%s", helper ? '!' : '=',
			 helper ? helper : c.identity);
	ck_assert_str_eq(who, files[_i].who ? files[_i].who : "");
	credentials_done(&c);
}
END_TEST

START_TEST(helper_answer)
{
	static const char good[] = "{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"p\"}";
	static const char identity[] = "{\"Username\":\"<token>\",\"Secret\":\"t\"}";
	static const char bad[] = "credentials not found";
	struct credentials c = { NULL, NULL, NULL };
	struct firn_error err = { 0 };

	ck_assert_int_eq(credentials_answer(good, strlen(good), &c, &err), CREDENTIALS_HERE);
	ck_assert_str_eq(c.user, "u");
	ck_assert_str_eq(c.password, "p");
	credentials_done(&c);
	ck_assert_int_eq(credentials_answer(identity, strlen(identity), &c, &err),
			 CREDENTIALS_HERE);
	ck_assert_ptr_null(c.user);
	ck_assert_str_eq(c.identity, "t");
	credentials_done(&c);
	ck_assert_int_lt(credentials_answer(bad, strlen(bad), &c, &err), 0);
}
END_TEST

static const struct {
	unsigned status;
	const char *body;
	int rc;
	const char *says;
} refusals[] = {
	{ 404, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
	  -FIRN_ENOTFOUND, "the registry answers 404 (MANIFEST_UNKNOWN: manifest unknown)" },
	{ 429, "<html>", -FIRN_EFAIL, "the registry answers 429 (too many requests)" },
	{ 413, "", -FIRN_ELIMIT, "the registry answers 413 (too large)" },
	{ 418, "{\"errors\":[]}", -FIRN_EFAIL, "the registry answers 418" },
	{ 400, "{\"errors\":[{\"code\":7,\"message\":\"a\\u001b[31mb\"}]}", -FIRN_EFAIL,
	  "the registry answers 400 (a [31mb)" },
	{ 500, "{\"errors\":\"x\"}", -FIRN_EFAIL, "the registry answers 500 (internal error)" },
};

START_TEST(refusal)
{
	struct firn_error err = { 0 };

	ck_assert_int_eq(
	    answer_fail(refusals[_i].status, refusals[_i].body, strlen(refusals[_i].body), &err),
	    refusals[_i].rc);
	ck_assert_str_eq(err.msg, refusals[_i].says);
}
END_TEST

static const struct {
	const char *value;
	bool good;
	uint64_t ms;
} waits[] = {
	{ "0", true, 0 },
	{ "7", true, 7000 },
	{ "999999999999", true, ANSWER_RETRY_MAX_MS },
	{ "Wed, 21 Oct 2015 07:28:10 GMT", true, 10000 },
	{ "Wed, 21 Oct 2015 07:27:10 GMT", true, 0 },
	{ "Wed, 21 Oct 2215 07:28:10 GMT", true, ANSWER_RETRY_MAX_MS },
	{ "Wed, 21 anO 2015 07:28:10 GMT", false, 0 },
	{ "-1", false, 0 },
	{ "soon", false, 0 },
	{ "", false, 0 },
};

START_TEST(retry_after)
{
	uint64_t ms = 0;

	ck_assert_int_eq(answer_retry_after(waits[_i].value, 1445412480, &ms), waits[_i].good);
	ck_assert_uint_eq(ms, waits[_i].ms);
}
END_TEST

static const struct {
	const char *value;
	bool good;
	uint64_t from, last, size;
} ranges[] = {
	{ "bytes 0-9/10", true, 0, 9, 10 },  { "bytes 5-9/*", true, 5, 9, UINT64_MAX },
	{ "bytes 5-10/10", false, 0, 0, 0 }, { "bytes 9-5/10", false, 0, 0, 0 },
	{ "bytes */10", false, 0, 0, 0 },    { "bytes 0-18446744073709551616/*", false, 0, 0, 0 },
	{ "0-9/10", false, 0, 0, 0 },
};

START_TEST(content_range)
{
	uint64_t from = 0, last = 0, size = 0;

	ck_assert_int_eq(answer_content_range(ranges[_i].value, &from, &last, &size),
			 ranges[_i].good);
	if (ranges[_i].good) {
		ck_assert_uint_eq(from, ranges[_i].from);
		ck_assert_uint_eq(last, ranges[_i].last);
		ck_assert_uint_eq(size, ranges[_i].size);
	}
}
END_TEST

START_TEST(upload_range)
{
	uint64_t last = 0;

	ck_assert(answer_upload_range("0-41", &last));
	ck_assert_uint_eq(last, 41);
	ck_assert(answer_upload_range("bytes=0-7", &last));
	ck_assert_uint_eq(last, 7);
	ck_assert(!answer_upload_range("1-41", &last));
	ck_assert(!answer_upload_range("0-", &last));
	ck_assert(!answer_upload_range("", &last));
}
END_TEST

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct {
	const char *text;
	bool good;
} sessions[] = {
	{ "{\"repository\":\"h/a\",\"digest\":\"sha256:" HEX "\",\"location\":\"https://h/x\"}",
	  true },
	{ "{\"repository\":\"h/b\",\"digest\":\"sha256:" HEX "\",\"location\":\"https://h/x\"}",
	  false },
	{ "{\"repository\":\"h/a\",\"digest\":\"sha256:" HEX "\",\"location\":\"file:///x\"}",
	  false },
	{ "{\"repository\":\"h/a\",\"digest\":\"sha256:" HEX "\",\"loca", false },
	{ "", false },
};

START_TEST(session)
{
	struct firn_error err = { 0 };
	struct url where = { .host = NULL };
	struct digest d;

	ck_ok(digest_parse(&d, "sha256:" HEX, &err), err);
	ck_assert_int_eq(session_parse(sessions[_i].text, strlen(sessions[_i].text), "h/a", &d,
				       &where, &err) == 0,
			 sessions[_i].good);
	url_done(&where);
}
END_TEST

static const struct {
	const char *text;
	uint64_t bytes; /* 0: not taken */
} chunks[] = {
	{ "{\"registry\":\"h:5\",\"bytes\":1048576}", 1048576 },
	{ "{\"registry\":\"h:5\",\"bytes\":16777216}", 16777216 },
	{ "{\"registry\":\"h:5\",\"bytes\":16777217}", 0 },
	{ "{\"registry\":\"h:5\",\"bytes\":1}", 0 },
	{ "{\"registry\":\"h:5\",\"bytes\":-1}", 0 },
	{ "{\"registry\":\"h:6\",\"bytes\":1048576}", 0 },
	{ "{\"registry\":\"h:5\"", 0 },
};

START_TEST(chunk)
{
	const char *text = chunks[_i].text;
	uint64_t bytes = 0;

	ck_assert_int_eq(session_parse_chunk(text, strlen(text), "h:5", &bytes, NULL) == 0,
			 chunks[_i].bytes != 0);
	ck_assert_uint_eq(bytes, chunks[_i].bytes);
}
END_TEST

START_TEST(noted_chunk)
{
	char folder[] = "/tmp/firn-unit.XXXXXX", name[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/state", folder);
	ck_assert_uint_eq(session_chunk(name, "h:5"), 0);
	session_note_chunk(name, "h:5", 4u << 20);
	session_note_chunk(name, "h:5", 512u << 10);
	ck_assert_uint_eq(session_chunk(name, "h:5"), 512u << 10);
	ck_assert_uint_eq(session_chunk(name, "h"), 0);
	session_note_chunk(name, "h:5", 0);
	ck_assert_uint_eq(session_chunk(name, "h:5"), 0);
	ck_assert_int_eq(rmdir(name), 0); /* nothing is left in it */
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("registry_parts");
	TCase *tc = tcase_create("registry_parts");

	tcase_add_loop_test(tc, address, 0, ARRAY_SIZE(addresses));
	tcase_add_loop_test(tc, origin, 0, ARRAY_SIZE(origins));
	tcase_add_loop_test(tc, next_link, 0, ARRAY_SIZE(links));
	tcase_add_loop_test(tc, challenge, 0, ARRAY_SIZE(challenges));
	tcase_add_loop_test(tc, token, 0, ARRAY_SIZE(tokens));
	tcase_add_loop_test(tc, auth_file, 0, ARRAY_SIZE(files));
	tcase_add_test(tc, helper_answer);
	tcase_add_loop_test(tc, refusal, 0, ARRAY_SIZE(refusals));
	tcase_add_loop_test(tc, retry_after, 0, ARRAY_SIZE(waits));
	tcase_add_loop_test(tc, content_range, 0, ARRAY_SIZE(ranges));
	tcase_add_test(tc, upload_range);
	tcase_add_loop_test(tc, session, 0, ARRAY_SIZE(sessions));
	tcase_add_loop_test(tc, chunk, 0, ARRAY_SIZE(chunks));
	tcase_add_test(tc, noted_chunk);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

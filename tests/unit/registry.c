/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A registry that is right, that breaks, and that means harm. */
#include "remote/registry.h"

#include "base/fd.h"
#include "fake_registry.h"

#define OK(type, body_len) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nContent-Length: " body_len
#define CLOSE              "\r\nConnection: close\r\n\r\n"
#define EMPTY(status)      "HTTP/1.1 " status "\r\nContent-Length: 0"
#define MANIFEST           "{\"schemaVersion\":2}" /* 19 bytes */
#define MANIFEST_SHA256    "sha256:9bea5df19e18cdb7c20f1b3a4ac2b6a9e9ba3ebf7c7ea7fc93cfc8dcb80a8b5c"
#define GOOD               OK(OCI_INDEX, "19") CLOSE MANIFEST
#define BLOB               "0123456789"
#define LONG_BODY          "0123456789012345678901234567890123456789012345678901234567890123456789"
#define BASIC              "\r\nWWW-Authenticate: Basic realm=\"r\""
#define BEARER             "\r\nWWW-Authenticate: Bearer realm=\"http://127.0.0.1:PORT/token\",service=\"s\""
#define SECRET             "Authorization: Basic dXNlcjpzZWNyZXQ=" /* user:secret */
#define SESSION            "\r\nLocation: /v2/a/b/blobs/uploads/1?s=2"

enum op {
	OP_MANIFEST,
	OP_PROVEN,
	OP_BLOB,
	OP_PUT,
	OP_TAGS,
	OP_REFERRERS,
	OP_HAS,
	OP_MOUNT,
	OP_SUBJECT
};

static const struct {
	const char *name;
	enum op op;
	int rc;
	const char *says; /* in the error, or of the result; NULL: anything */
	size_t served;
	struct fake_scene scenes[FAKE_SCENES_MAX];
} cases[] = {
	{ "plain",
	  OP_MANIFEST,
	  0,
	  OCI_INDEX,
	  1,
	  { { .answer = GOOD, .wants = "GET /v2/a/b/manifests/t HTTP" } } },
	{ "never unasked",
	  OP_MANIFEST,
	  0,
	  NULL,
	  1,
	  { { .answer = GOOD, .refuses = "Authorization" } } },
	{ "basic",
	  OP_MANIFEST,
	  0,
	  NULL,
	  2,
	  { { .answer = EMPTY("401 No") BASIC CLOSE }, { .answer = GOOD, .wants = SECRET } } },
	{ "basic in vain",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  "the registry answers 401",
	  2,
	  { { .answer = EMPTY("401 No") BASIC CLOSE },
	    { .answer = EMPTY("401 No") BASIC CLOSE, .wants = SECRET } } },
	{ "token",
	  OP_MANIFEST,
	  0,
	  NULL,
	  3,
	  { { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = OK("text/plain", "15") CLOSE "{\"token\":\"abc\"}", .wants = SECRET },
	    { .answer = GOOD, .wants = "Authorization: Bearer abc\r" } } },
	{ "token's scope",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  "token from 127.0.0.1:",
	  2,
	  { { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = EMPTY("403 No") CLOSE,
	      .wants = "GET /token?service=s&scope=repository%3Aa%2Fb%3Apull HTTP" } } },
	{ "a token that isn't enough",
	  OP_MANIFEST,
	  0,
	  NULL,
	  5,
	  { { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = OK("text/plain", "15") CLOSE "{\"token\":\"abc\"}" },
	    { .answer = EMPTY("401 No") BEARER ",scope=\"repository:c/d:pull\"" CLOSE,
	      .wants = "Authorization: Bearer abc\r" },
	    { .answer = OK("text/plain", "15") CLOSE "{\"token\":\"def\"}",
	      .wants = "scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%2Fd%3Apull HTTP" },
	    { .answer = GOOD, .wants = "Authorization: Bearer def\r" } } },
	{ "a token that nothing makes enough",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  "the registry answers 401",
	  5,
	  { { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = OK("text/plain", "15") CLOSE "{\"token\":\"abc\"}" },
	    { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = OK("text/plain", "15") CLOSE "{\"token\":\"def\"}" },
	    { .answer = EMPTY("401 No") BEARER CLOSE } } },
	{ "no secret for another host",
	  OP_MANIFEST,
	  0,
	  NULL,
	  3,
	  { { .answer = EMPTY("401 No") BASIC CLOSE },
	    { .answer = EMPTY("307 There") "\r\nLocation: http://localhost:PORT/x" CLOSE,
	      .wants = SECRET },
	    { .answer = GOOD, .wants = "GET /x HTTP", .refuses = "Authorization" } } },
	{ "another host's wish for it",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  "the registry answers 401",
	  2,
	  { { .answer = EMPTY("307 There") "\r\nLocation: http://localhost:PORT/x" CLOSE },
	    { .answer = EMPTY("401 No") BASIC CLOSE, .refuses = "Authorization" } } },
	{ "a redirect to a file",
	  OP_MANIFEST,
	  -FIRN_ECORRUPT,
	  "neither HTTP nor HTTPS",
	  1,
	  { { .answer = EMPTY("307 There") "\r\nLocation: file:///etc/passwd" CLOSE } } },
	{ "redirects without end",
	  OP_MANIFEST,
	  -FIRN_ELIMIT,
	  "more than 5 redirects",
	  6,
	  { { .answer = EMPTY("302 There") "\r\nLocation: y" CLOSE },
	    { .answer = EMPTY("302 There") "\r\nLocation: y" CLOSE },
	    { .answer = EMPTY("302 There") "\r\nLocation: y" CLOSE },
	    { .answer = EMPTY("302 There") "\r\nLocation: y" CLOSE },
	    { .answer = EMPTY("302 There") "\r\nLocation: y" CLOSE },
	    { .answer = EMPTY("302 There") "\r\nLocation: y" CLOSE } } },
	{ "busy, then not",
	  OP_MANIFEST,
	  0,
	  NULL,
	  3,
	  { { .answer = EMPTY("429 Later") "\r\nRetry-After: 0" CLOSE },
	    { .answer = EMPTY("503 Later") CLOSE },
	    { .answer = GOOD } } },
	{ "busy",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  "the registry answers 429 (too many requests); after 3 tries",
	  3,
	  { { .answer = EMPTY("429 Later") CLOSE },
	    { .answer = EMPTY("429 Later") CLOSE },
	    { .answer = EMPTY("429 Later") CLOSE } } },
	{ "cut documents",
	  OP_MANIFEST,
	  0,
	  NULL,
	  2,
	  { { .answer = OK(OCI_INDEX, "19") CLOSE "{" }, { .answer = GOOD } } },
	{ "not there",
	  OP_MANIFEST,
	  -FIRN_ENOTFOUND,
	  "a/b: manifest t: the registry answers 404 (not found)",
	  1,
	  { { .answer = EMPTY("404 No") CLOSE } } },
	{ "another document",
	  OP_PROVEN,
	  -FIRN_ECORRUPT,
	  "its content is sha256:",
	  1,
	  { { .answer = OK(OCI_INDEX, "2") CLOSE "{}" } } },
	{ "a lie about the digest",
	  OP_MANIFEST,
	  -FIRN_ECORRUPT,
	  "the registry says sha256:0000",
	  1,
	  { { .answer = OK(OCI_INDEX, "19") "\r\nDocker-Content-Digest: sha256:"
					    "00000000000000000000000000000000"
					    "00000000000000000000000000000000" CLOSE MANIFEST } } },
	{ "a document of 1 GiB",
	  OP_MANIFEST,
	  -FIRN_ELIMIT,
	  "larger than 4194304 bytes",
	  1,
	  { { .answer = OK(OCI_INDEX, "1073741824") CLOSE, .repeats = 16384 } } },
	{ "a document without end",
	  OP_MANIFEST,
	  -FIRN_ELIMIT,
	  "larger than 4194304 bytes",
	  1,
	  { { .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" CLOSE "FFFFFFF\r\n",
	      .repeats = 16384 } } },
	{ "headers a byte at a time",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  "not all of the answer's headers within 200 ms",
	  1,
	  { { .answer = GOOD, .drips = "Content-Type" } } },
	{ "a document a byte at a time",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  " bytes within 1 s, and more to come; after 3 tries",
	  3,
	  { { .answer = OK(OCI_INDEX, "70") CLOSE LONG_BODY, .drips = "0123" },
	    { .answer = OK(OCI_INDEX, "70") CLOSE LONG_BODY, .drips = "0123" },
	    { .answer = OK(OCI_INDEX, "70") CLOSE LONG_BODY, .drips = "0123" } } },
	{ "a token a byte at a time",
	  OP_MANIFEST,
	  -FIRN_EFAIL,
	  " bytes within 1 s, and more to come; after 3 tries",
	  4,
	  { { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = OK("text/plain", "70") CLOSE LONG_BODY, .drips = "0123" },
	    { .answer = OK("text/plain", "70") CLOSE LONG_BODY, .drips = "0123" },
	    { .answer = OK("text/plain", "70") CLOSE LONG_BODY, .drips = "0123" } } },
	{ "an error a byte at a time",
	  OP_MANIFEST,
	  -FIRN_ENOTFOUND,
	  "the registry answers 404",
	  1,
	  { { .answer = "HTTP/1.1 404 No\r\nContent-Length: 70" CLOSE LONG_BODY,
	      .drips = "0123" } } },
	{ "a blob a byte at a time",
	  OP_BLOB,
	  -FIRN_EFAIL,
	  "are too few to go on; after 3 tries",
	  3,
	  { { .answer = OK("x/y", "10") CLOSE BLOB, .drips = "234" },
	    { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10" CLOSE BLOB, .drips = "12" },
	    { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10" CLOSE BLOB, .drips = "12" } } },
	{ "a blob",
	  OP_BLOB,
	  0,
	  BLOB,
	  1,
	  { { .answer = OK("x/y", "10") CLOSE BLOB, .refuses = "Range" } } },
	{ "a blob that is cut",
	  OP_BLOB,
	  0,
	  BLOB,
	  2,
	  { { .answer = OK("x/y", "10") CLOSE "0123" },
	    { .answer =
		  "HTTP/1.1 206 Part\r\nContent-Length: 6\r\nContent-Range: bytes 4-9/10" CLOSE
		  "456789",
	      .wants = "Range: bytes=4-9\r" } } },
	{ "a blob that is cut where nobody knows ranges",
	  OP_BLOB,
	  0,
	  BLOB,
	  2,
	  { { .answer = OK("x/y", "10") CLOSE "0123" },
	    { .answer = OK("x/y", "10") CLOSE BLOB } } },
	{ "a blob that is cut again and again",
	  OP_BLOB,
	  -FIRN_EFAIL,
	  "; after 3 tries",
	  3,
	  { { .answer = OK("x/y", "10") CLOSE },
	    { .answer = OK("x/y", "10") CLOSE },
	    { .answer = OK("x/y", "10") CLOSE } } },
	{ "a blob that isn't for us",
	  OP_BLOB,
	  -FIRN_EFAIL,
	  "the registry answers 403 (not allowed)",
	  1,
	  { { .answer = EMPTY("403 No") CLOSE } } },
	{ "a longer blob",
	  OP_BLOB,
	  -FIRN_ECORRUPT,
	  "sends 11 bytes where 10 are expected",
	  1,
	  { { .answer = OK("x/y", "11") CLOSE BLOB "x" } } },
	{ "a longer blob that doesn't say so",
	  OP_BLOB,
	  -FIRN_ECORRUPT,
	  "sends more than 10 bytes",
	  1,
	  { { .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" CLOSE "b\r\n" BLOB
			"x\r\n0\r\n\r\n" } } },
	{ "a shorter blob that doesn't say so",
	  OP_BLOB,
	  -FIRN_ECORRUPT,
	  "sends 4 bytes where 10 are expected",
	  1,
	  { { .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" CLOSE
			"4\r\n0123\r\n0\r\n\r\n" } } },
	{ "another part of a blob",
	  OP_BLOB,
	  -FIRN_ECORRUPT,
	  "sends bytes 0 to 5, not 4 to 9",
	  2,
	  { { .answer = OK("x/y", "10") CLOSE "0123" },
	    { .answer =
		  "HTTP/1.1 206 Part\r\nContent-Length: 6\r\nContent-Range: bytes 0-5/10" CLOSE
		  "012345" } } },
	{ "whether a blob is there",
	  OP_HAS,
	  1,
	  NULL,
	  1,
	  { { .answer = OK("x/y", "10") CLOSE, .wants = "HEAD " } } },
	{ "whether no blob is there", OP_HAS, 0, NULL, 1, { { .answer = EMPTY("404 No") CLOSE } } },
	{ "sent in one",
	  OP_PUT,
	  0,
	  NULL,
	  2,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE,
	      .wants = "POST /v2/a/b/blobs/uploads/ HTTP" },
	    { .answer = EMPTY("201 Done") CLOSE,
	      .wants = "PUT /v2/a/b/blobs/uploads/1?s=2&digest=sha256%3A" } } },
	{ "sent in chunks",
	  OP_PUT,
	  0,
	  NULL,
	  4,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = EMPTY("405 No") CLOSE, .wants = "PUT " },
	    { .answer = EMPTY("202 Go") SESSION "\r\nRange: 0-9" CLOSE,
	      .wants = "Content-Range: 0-9\r" },
	    { .answer = EMPTY("201 Done") CLOSE, .wants = "PUT " } } },
	{ "sent on after a cut",
	  OP_PUT,
	  0,
	  NULL,
	  4,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = "", .wants = "PUT " },
	    { .answer = EMPTY("204 Here") SESSION "\r\nRange: 0-3" CLOSE,
	      .wants = "GET /v2/a/b/blobs/uploads/1?s=2 HTTP" },
	    { .answer = EMPTY("201 Done") CLOSE, .wants = "Content-Length: 6\r" } } },
	{ "sent anew when nobody knows it any more",
	  OP_PUT,
	  0,
	  NULL,
	  6,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = "", .wants = "PUT " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "HEAD " },
	    { .answer = EMPTY("202 Go") SESSION CLOSE, .wants = "POST " },
	    { .answer = EMPTY("201 Done") CLOSE, .wants = "Content-Length: 10\r" } } },
	{ "taken, and the answer lost",
	  OP_PUT,
	  0,
	  NULL,
	  4,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = "", .wants = "PUT " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET " },
	    { .answer = OK("x/y", "10") CLOSE, .wants = "HEAD /v2/a/b/blobs/sha256:" } } },
	{ "sent in vain, where what was sent is lost",
	  OP_PUT,
	  -FIRN_EFAIL,
	  "all 10 bytes have to come in a row, and at most 10 did",
	  10,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = "", .wants = "PUT " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "HEAD " },
	    { .answer = EMPTY("202 Go") SESSION CLOSE, .wants = "POST " },
	    { .answer = "", .wants = "PUT " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET " },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "HEAD " },
	    { .answer = EMPTY("202 Go") SESSION CLOSE, .wants = "POST " },
	    { .answer = "", .wants = "PUT " } } },
	{ "sent anew where the rest isn't taken",
	  OP_PUT,
	  0,
	  NULL,
	  9,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = "", .wants = "PUT " },
	    { .answer = EMPTY("204 Here") SESSION "\r\nRange: 0-3" CLOSE, .wants = "GET " },
	    { .answer = EMPTY("416 No") CLOSE, .wants = "Content-Range: 4-9\r" },
	    { .answer = EMPTY("204 Here") SESSION "\r\nRange: 0-5" CLOSE, .wants = "GET " },
	    { .answer = EMPTY("416 No") CLOSE, .wants = "Content-Range: 6-9\r" },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "HEAD " },
	    { .answer = EMPTY("202 Go") SESSION CLOSE, .wants = "POST " },
	    { .answer = EMPTY("201 Done") CLOSE, .wants = "Content-Length: 10\r" } } },
	{ "taken in part",
	  OP_PUT,
	  0,
	  NULL,
	  6,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = EMPTY("405 No") CLOSE, .wants = "PUT " },
	    { .answer = EMPTY("202 Go") SESSION "\r\nRange: 0-3" CLOSE,
	      .wants = "Content-Range: 0-9\r" },
	    { .answer = EMPTY("204 Here") SESSION "\r\nRange: 0-3" CLOSE, .wants = "GET " },
	    { .answer = EMPTY("202 Go") SESSION "\r\nRange: 0-9" CLOSE,
	      .wants = "Content-Range: 4-9\r" },
	    { .answer = EMPTY("201 Done") CLOSE, .wants = "Content-Length: 0\r" } } },
	{ "taken in no way",
	  OP_PUT,
	  -FIRN_EFAIL,
	  "the registry answers 405",
	  3,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = EMPTY("405 No") CLOSE, .wants = "PUT " },
	    { .answer = EMPTY("405 No") CLOSE, .wants = "PATCH " } } },
	{ "no secret for an upload to another host",
	  OP_PUT,
	  0,
	  NULL,
	  3,
	  { { .answer = EMPTY("401 No") BASIC CLOSE },
	    { .answer = EMPTY("202 Go") "\r\nLocation: http://localhost:PORT/up" CLOSE,
	      .wants = SECRET },
	    { .answer = EMPTY("201 Done") CLOSE,
	      .wants = "PUT /up?digest=",
	      .refuses = "Authorization" } } },
	{ "an upload to a file",
	  OP_PUT,
	  -FIRN_ECORRUPT,
	  "neither HTTP nor HTTPS",
	  1,
	  { { .answer = EMPTY("202 Go") "\r\nLocation: file:///tmp/x" CLOSE } } },
	{ "an upload to nowhere",
	  OP_PUT,
	  -FIRN_ECORRUPT,
	  "doesn't say where",
	  1,
	  { { .answer = EMPTY("202 Go") CLOSE } } },
	{ "taken as something else",
	  OP_PUT,
	  -FIRN_ECORRUPT,
	  "has taken it as sha256:0000",
	  2,
	  { { .answer = EMPTY("202 Go") SESSION CLOSE },
	    { .answer = EMPTY("201 Done") "\r\nDocker-Content-Digest: sha256:"
					  "00000000000000000000000000000000"
					  "00000000000000000000000000000000" CLOSE } } },
	{ "not allowed",
	  OP_PUT,
	  -FIRN_EFAIL,
	  "the registry answers 403 (not allowed)",
	  1,
	  { { .answer = EMPTY("403 No") CLOSE } } },
	{ "signatures in addresses are not told",
	  OP_BLOB,
	  -FIRN_ECORRUPT,
	  "http://localhost:",
	  2,
	  { { .answer =
		  EMPTY("307 There") "\r\nLocation: http://localhost:PORT/y?sig=secret" CLOSE },
	    { .answer = "HTTP/1.1 200 OK" CLOSE "0123456789", .wants = "GET /y?sig=secret" } } },
	{ "pages of tags",
	  OP_TAGS,
	  0,
	  "a b c ",
	  2,
	  { { .answer = OK("x/y", "18") "\r\nLink: </v2/a/b/tags/list?last=b>; rel=\"next\"" CLOSE
					"{\"tags\":[\"b\",\"c\"]}" },
	    { .answer = OK("x/y", "18") CLOSE "{\"tags\":[\"a\",\"b\"]}",
	      .wants = "list?last=b " } } },
	{ "a list that goes on elsewhere",
	  OP_TAGS,
	  -FIRN_ECORRUPT,
	  "goes on elsewhere",
	  1,
	  { { .answer = OK("x/y", "14") "\r\nLink: <http://localhost:PORT/x>; rel=next" CLOSE
					"{\"tags\":[\"b\"]}" } } },
	{ "a tag that is a path",
	  OP_TAGS,
	  -FIRN_ECORRUPT,
	  "a tag that is none",
	  1,
	  { { .answer = OK("x/y", "17") CLOSE "{\"tags\":[\"../b\"]}" } } },
	{ "no referrers by the API",
	  OP_REFERRERS,
	  0,
	  "0",
	  1,
	  { { .answer = OK(OCI_INDEX, "34") CLOSE "{\"schemaVersion\":2,\"manifests\":[]}",
	      .wants = "GET /v2/a/b/referrers/sha256:" } } },
	{ "taken over",
	  OP_MOUNT,
	  0,
	  "1",
	  1,
	  { { .answer = EMPTY("201 Created") CLOSE,
	      .wants = "POST /v2/a/b/blobs/uploads/?mount=sha256:84d8" } } },
	{ "a token isn't given for what is taken over",
	  OP_MOUNT,
	  0,
	  "0",
	  2,
	  { { .answer = EMPTY("401 No") BEARER CLOSE },
	    { .answer = EMPTY("403 No") CLOSE,
	      .wants =
		  "scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Aother%3Apull" } } },
	{ "nothing can be taken over",
	  OP_MOUNT,
	  0,
	  "0",
	  3,
	  { { .answer = EMPTY("500 No") CLOSE },
	    { .answer = EMPTY("500 No") CLOSE },
	    { .answer = EMPTY("500 No") CLOSE } } },
	{ "referrers that aren't acceptable",
	  OP_REFERRERS,
	  0,
	  "0",
	  2,
	  { { .answer = EMPTY("406 No") CLOSE },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET /v2/a/b/manifests/sha256-84d8" } } },
	{ "referrers that nobody may see, nor their tag",
	  OP_REFERRERS,
	  -FIRN_EFAIL,
	  "manifest sha256-84d8",
	  2,
	  { { .answer = EMPTY("401 No") CLOSE }, { .answer = EMPTY("401 No") CLOSE } } },
	{ "a subject, at a registry that takes referrers for a bad request",
	  OP_SUBJECT,
	  -FIRN_EFAIL,
	  "subject: the registry answers 403",
	  4,
	  { { .answer = EMPTY("201 Created") CLOSE, .wants = "PUT /v2/a/b/manifests/v1" },
	    { .answer = EMPTY("400 No") CLOSE, .wants = "GET /v2/a/b/referrers/sha256:0000" },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET /v2/a/b/manifests/sha256-0000" },
	    { .answer = EMPTY("403 No") CLOSE, .wants = "PUT /v2/a/b/manifests/sha256-0000" } } },
	{ "no referrers by the tag",
	  OP_REFERRERS,
	  0,
	  "0",
	  2,
	  { { .answer = EMPTY("404 No") CLOSE },
	    { .answer = EMPTY("404 No") CLOSE, .wants = "GET /v2/a/b/manifests/sha256-84d8" } } },
};

static int do_subject(struct registry *r, const struct digest *d, struct firn_error *err)
{
	char text[256];
	const int n = sprintf(
	    text, "{\"subject\":{\"mediaType\":\"%s\",\"digest\":\"sha256:%064d\",\"size\":1}}",
	    OCI_MANIFEST, 0);

	return registry_put_manifest(r, "v1", OCI_MANIFEST, text, (size_t)n, d, err);
}

static int do_manifest(struct registry *r, const char *what, char *told, struct firn_error *err)
{
	_free_ char *type = NULL, *text = NULL;
	struct digest d;
	size_t len;
	int rc = registry_manifest(r, what, &type, &text, &len, &d, err);

	if (rc == 0)
		strcpy(told, type);
	return rc;
}

static int do_blob(struct registry *r, const struct digest *d, char *told, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_free_ char *text = NULL;
	size_t len;
	int rc = registry_blob(r, d, 0, 10, &in, err);

	if (rc == 0)
		rc = istream_read_all(in, 1000, &text, &len, err);
	if (rc == 0)
		strcpy(told, text);
	return rc;
}

static int do_tags(struct registry *r, char *told, struct firn_error *err)
{
	struct registry_tags t = { .list = NULL };
	int rc = registry_tags(r, &t, err);

	for (size_t i = 0; i < t.n; i++)
		sprintf(told + strlen(told), "%s ", t.list[i]);
	registry_tags_done(&t);
	return rc;
}

static int do_it(enum op op, struct registry *r, char told[256], struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(oci_index_done) struct oci_index found = { .json = NULL };
	struct digest d;
	int rc;

	ck_ok(digest_of(BLOB, 10, &d, err), *err);
	switch (op) {
	case OP_MANIFEST:
		return do_manifest(r, "t", told, err);
	case OP_PROVEN:
		return do_manifest(r, MANIFEST_SHA256, told, err);
	case OP_BLOB:
		return do_blob(r, &d, told, err);
	case OP_HAS:
		return registry_has_blob(r, &d, NULL, err);
	case OP_PUT:
		ck_ok(source_from_mem(BLOB, 10, &src, err), *err);
		return registry_put_blob(r, &d, 10, src, NULL, err);
	case OP_SUBJECT:
		return do_subject(r, &d, err);
	case OP_MOUNT:
		sprintf(told, "%d", registry_mount_blob(r, &d, "other"));
		return 0;
	case OP_TAGS:
		return do_tags(r, told, err);
	case OP_REFERRERS:
		rc = registry_referrers(r, &d, NULL, &found, err);
		sprintf(told, "%zu", found.nmanifests);
		return rc;
	}
	return 0;
}

START_TEST(exchange)
{
	const struct registry_opts opts = {
		.plain_http = true,
		.creds = "user:secret",
		.retries = 2,
		.delay_ms = 1,
		.times = { .idle =
			       cases[_i].scenes[0].drips || cases[_i].scenes[1].drips ? 200 : 0 },
	};
	_cleanup_(ref_done) struct ref ref = { .path = NULL };
	_cleanup_(registry_closep) struct registry *r = NULL;
	struct firn_error err = { 0 };
	struct fake_registry f;
	char text[64], told[256] = "";
	int rc;

	fake_start(&f, cases[_i].scenes);
	snprintf(text, sizeof(text), "docker://127.0.0.1:%u/a/b", f.port);
	ck_ok(ref_parse(text, &ref, &err), err);
	ck_ok(registry_open(&ref, &opts, &r, &err), err);
	rc = do_it(cases[_i].op, r, told, &err);
	fake_stop(&f);
	ck_assert_msg(rc == cases[_i].rc, "%s: %d %s", cases[_i].name, rc, err.msg);
	ck_assert_msg(!*f.wrong, "%s: a request that should be another: %s", cases[_i].name,
		      f.wrong);
	ck_assert_msg(f.served == cases[_i].served, "%s: %zu requests", cases[_i].name, f.served);
	if (cases[_i].says)
		ck_assert_msg(strstr(rc < 0 ? err.msg : told, cases[_i].says) != NULL,
			      "%s: says \"%s\"", cases[_i].name, rc < 0 ? err.msg : told);
	ck_assert_ptr_null(strstr(err.msg, "secret"));
	ck_assert_ptr_null(strstr(err.msg, "dXNlcjpzZWNyZXQ"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("registry");
	TCase *tc = tcase_create("registry");

	tcase_add_loop_test(tc, exchange, 0, ARRAY_SIZE(cases));
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

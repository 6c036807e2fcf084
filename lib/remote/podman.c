/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/podman_answer.h"

#include "base/buf.h"
#include "base/fd.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/run/podman/podman.sock"
#define VERSION_MAX   64

struct podman {
	char *socket;
	struct http_times times;
	char version[VERSION_MAX];
	unsigned number[3]; /* of the API */
};

int podman_socket(const char *given, char **ret, struct firn_error *err)
{
	static const char scheme[] = "unix://";
	const char *colon = given ? strstr(given, "://") : NULL;
	char *path;
	int rc;

	if (colon && strncmp(given, scheme, sizeof(scheme) - 1) != 0)
		return firn_fail(err, FIRN_EINVAL,
				 "%.*s://: Podman is asked on a unix socket of this host only "
				 "(unix://PATH)",
				 (int)(colon - given > 16 ? 16 : colon - given), given);
	if (colon)
		given = colon + 3;
	if (given && !*given)
		return firn_fail(err, FIRN_EINVAL, "the name of Podman's socket is empty");
	if (given)
		rc = asprintf(&path, "%s", given);
	else if (geteuid() == 0)
		rc = asprintf(&path, "%s", SYSTEM_SOCKET);
	else
		rc = asprintf(&path, "/run/user/%u/podman/podman.sock", (unsigned)geteuid());
	if (rc < 0)
		return firn_fail_oom(err, "socket");
	*ret = path;
	return 0;
}

/* RFC 3986, section 2.3: all but the unreserved characters. */
static void put_escaped(struct buf *url, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			buf_put(url, &c, 1);
		else
			buf_printf(url, "%%%02X", c);
	}
}

/* "http://d/v5.4.2/libpod/containers/NAME/WHAT"; the host is a placeholder. */
static void put_url(const struct podman *p, const char *kind, const char *name, const char *what,
		    struct buf *url)
{
	buf_printf(url, "http://d/v%u.%u.%u/libpod/%s/", p->number[0], p->number[1], p->number[2],
		   kind);
	put_escaped(url, name);
	buf_printf(url, "/%s", what);
}

static int begin(const struct podman *p, const char *method, struct buf *url, const char *type,
		 struct http **ret, struct firn_error *err)
{
	struct http_request r = {
		.method = method, .socket = p->socket, .type = type, .times = p->times
	};
	int rc = buf_check(url, err);

	if (rc < 0)
		return rc;
	r.url = (const char *)url->data;
	return http_begin(&r, ret, err);
}

/* Takes @h, also on failure. */
static int read_body(struct http *h, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	int rc = http_stream(h, &in, err);

	return rc < 0 ? rc : istream_read_all(in, max, ret, ret_len, err);
}

/* The error that Podman answers with. Takes @h. */
static int refused(struct http *h, unsigned status, struct firn_error *err)
{
	_free_ char *text = NULL;
	struct firn_error why;
	size_t len = 0;
	int rc = read_body(h, PODMAN_ERROR_MAX, &text, &len, &why);

	if (rc < 0)
		return firn_fail(err, FIRN_EFAIL, "status %u and no message: %s", status, why.msg);
	return podman_parse_error(status, text, len, err);
}

/* A request without a body, and its answer's status. */
static int ask(const struct podman *p, const char *method, struct buf *url, struct http **ret,
	       unsigned *ret_status, struct firn_error *err)
{
	_cleanup_(http_closep) struct http *h = NULL;
	int rc = begin(p, method, url, NULL, &h, err);

	if (rc < 0 || (rc = http_answer(h, ret_status, err)) < 0)
		return rc;
	*ret = take_ptr(&h);
	return 0;
}

/* A document that is GET @url. Caller frees. */
static int fetch(const struct podman *p, struct buf *url, char **ret, size_t *ret_len,
		 struct firn_error *err)
{
	struct http *h = NULL;
	unsigned status;
	int rc = ask(p, "GET", url, &h, &status, err);

	if (rc < 0)
		return rc;
	if (status != 200)
		return refused(h, status, err);
	return read_body(h, PODMAN_DOCUMENT_MAX, ret, ret_len, err);
}

/* Who is there. It answers without a version in the URL, so that a client learns which it may use.
 */
static int ping(struct podman *p, struct firn_error *err)
{
	_cleanup_(http_closep) struct http *h = NULL;
	_buf_ struct buf url = BUF_INIT;
	unsigned status;
	int rc;

	buf_puts(&url, "http://d/libpod/_ping");
	rc = ask(p, "GET", &url, &h, &status, err);
	if (rc < 0)
		return rc;
	if (!http_header(h, "Libpod-API-Version", p->version, sizeof(p->version)))
		return firn_fail(err, FIRN_EUNSUPP,
				 "%s isn't Podman's: its answer (status %u) has no "
				 "Libpod-API-Version",
				 p->socket, status);
	rc = podman_parse_version(p->version, p->number, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s: Libpod-API-Version", p->socket);
	if (p->number[0] < PODMAN_API_MIN)
		return firn_fail(
		    err, FIRN_EUNSUPP,
		    "Podman's API at %s has version %s: checkpoints over it need %u.0.0 "
		    "or later",
		    p->socket, p->version, PODMAN_API_MIN);
	return 0;
}

int podman_open(const char *socket, const struct http_times *times, struct podman **ret,
		struct firn_error *err)
{
	_cleanup_(podman_closep) struct podman *p = calloc(1, sizeof(*p));
	int rc;

	if (!p || !(p->socket = strdup(socket)))
		return firn_fail_oom(err, "Podman");
	if (times)
		p->times = *times;
	rc = ping(p, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&p);
	return 0;
}

void podman_close(struct podman *p)
{
	if (!p)
		return;
	free(p->socket);
	free(p);
}

void podman_closep(struct podman **p)
{
	podman_close(*p);
	*p = NULL;
}

const char *podman_version(const struct podman *p)
{
	return p->version;
}

int podman_inspect(const struct podman *p, const char *name, struct podman_container *ret,
		   struct firn_error *err)
{
	_buf_ struct buf url = BUF_INIT;
	_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	put_url(p, "containers", name, "json", &url);
	rc = fetch(p, &url, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = podman_parse_container(text, len, ret, err);
	return firn_wrap(err, rc, "what Podman says of container %s", name);
}

int podman_remove(const struct podman *p, const char *id, struct firn_error *err)
{
	_buf_ struct buf url = BUF_INIT;
	struct http *h = NULL;
	unsigned status;
	int rc;

	buf_printf(&url, "http://d/v%u.%u.%u/libpod/containers/", p->number[0], p->number[1],
		   p->number[2]);
	put_escaped(&url, id);
	buf_puts(&url, "?force=true&timeout=0&ignore=true");
	rc = ask(p, "DELETE", &url, &h, &status, err);
	if (rc < 0)
		return rc;
	if (status != 200 && status != 204 && status != 404)
		return refused(h, status, err);
	http_close(h);
	return 0;
}

const char *podman_tell_state(const struct podman *p, const char *id, const char *name,
			      char ret[PODMAN_STATE_MAX])
{
	_cleanup_(podman_container_done) struct podman_container now = { 0 };
	const int rc = podman_inspect(p, id, &now, NULL);

	if (rc == -FIRN_ENOTFOUND)
		snprintf(ret, PODMAN_STATE_MAX, "there is no container %s now", name);
	else if (rc < 0)
		snprintf(ret, PODMAN_STATE_MAX,
			 "Podman doesn't say what container %s does now; if it is stopped: podman "
			 "container restore %s",
			 name, name);
	else if (now.checkpointed)
		snprintf(ret, PODMAN_STATE_MAX,
			 "container %s is stopped now (%s) and Podman has its checkpoint: podman "
			 "container restore %s",
			 name, now.status, name);
	else
		snprintf(ret, PODMAN_STATE_MAX, "container %s is %s now", name, now.status);
	return ret;
}

int podman_has_image(const struct podman *p, const char *id, struct firn_error *err)
{
	_buf_ struct buf url = BUF_INIT;
	struct http *h = NULL;
	unsigned status;
	int rc;

	put_url(p, "images", id, "exists", &url);
	rc = ask(p, "GET", &url, &h, &status, err);
	if (rc < 0)
		return rc;
	if (status != 204 && status != 404)
		return refused(h, status, err);
	http_close(h);
	return status == 204;
}

static void put_flag(struct buf *url, const char *key, bool value)
{
	if (value)
		buf_printf(url, "&%s=true", key);
}

/* An archive has no type of its own in the API; documents and error pages have theirs. */
static int check_archive(const struct http *h, struct firn_error *err)
{
	static const char *const others[] = { "application/json", "text/" };
	char type[64];

	if (!http_header(h, "Content-Type", type, sizeof(type)))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strncasecmp(type, others[i], strlen(others[i])) == 0)
			return firn_fail(err, FIRN_ECORRUPT,
					 "Podman answers with %s instead of an archive", type);
	}
	return 0;
}

int podman_checkpoint(const struct podman *p, const char *name, const struct podman_checkpoint *how,
		      struct istream **ret, struct firn_error *err)
{
	struct podman patient = *p;
	_buf_ struct buf url = BUF_INIT;
	struct http *h = NULL;
	unsigned status;
	int rc;

	put_url(p, "containers", name, "checkpoint?export=true", &url);
	put_flag(&url, "leaveRunning", how->leave_running);
	put_flag(&url, "tcpEstablished", how->tcp_established);
	put_flag(&url, "ignoreRootFS", how->ignore_rootfs);
	put_flag(&url, "fileLocks", how->file_locks);
	patient.times.answer = how->answer ? how->answer : PODMAN_ANSWER_MS;
	rc = ask(&patient, "POST", &url, &h, &status, err);
	if (rc < 0)
		return rc;
	if (status != 200)
		return refused(h, status, err);
	rc = check_archive(h, err);
	if (rc < 0) {
		http_close(h);
		return rc;
	}
	return http_stream(h, ret, err);
}

struct podman_upload {
	struct sink sink;
	struct http *http; /* NULL: Podman has refused */
};

/* The error in an answer that came, or comes now. */
static int upload_refused(struct podman_upload *u, struct firn_error *err)
{
	unsigned status;
	int rc = http_answer(u->http, &status, err);

	if (rc < 0)
		return rc;
	rc = refused(u->http, status, err);
	u->http = NULL;
	if (rc == -FIRN_EFAIL && err)
		err->code = FIRN_EHOST;
	return rc == -FIRN_EFAIL ? -FIRN_EHOST : rc;
}

static int upload_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct podman_upload *u = (struct podman_upload *)s;
	int rc;

	if (!u->http)
		return firn_fail(err, FIRN_EFAIL, "Podman takes no more");
	rc = http_send(u->http, bytes, n, err);
	return rc < 0 && http_answered(u->http) ? upload_refused(u, err) : rc;
}

static void upload_close(struct sink *s)
{
	(void)s; /* lives in its upload */
}

struct sink *podman_upload_sink(struct podman_upload *u)
{
	return &u->sink;
}

int podman_restore_begin(const struct podman *p, const struct podman_restore *how,
			 struct podman_upload **ret, struct firn_error *err)
{
	_cleanup_(podman_upload_cancelp) struct podman_upload *u = calloc(1, sizeof(*u));
	static const struct sink_ops ops = { .write = upload_write, .close = upload_close };
	struct podman patient = *p;
	_buf_ struct buf url = BUF_INIT;
	int rc;

	if (!u)
		return firn_fail_oom(err, "restore");
	u->sink.ops = &ops;
	/* With import=true the container in the URL is not looked at. */
	put_url(p, "containers", "import", "restore?import=true", &url);
	if (how->name) {
		buf_puts(&url, "&name=");
		put_escaped(&url, how->name);
	}
	put_flag(&url, "tcpEstablished", how->tcp_established);
	put_flag(&url, "fileLocks", how->file_locks);
	patient.times.answer = how->answer ? how->answer : PODMAN_ANSWER_MS;
	rc = begin(&patient, "POST", &url, "application/x-tar", &u->http, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&u);
	return 0;
}

void podman_upload_cancel(struct podman_upload *u)
{
	if (!u)
		return;
	http_close(u->http);
	free(u);
}

void podman_upload_cancelp(struct podman_upload **u)
{
	podman_upload_cancel(*u);
	*u = NULL;
}

int podman_upload_end(struct podman_upload *u, char **ret_id, struct firn_error *err)
{
	_cleanup_(podman_upload_cancelp) struct podman_upload *owned = u;
	_free_ char *text = NULL;
	unsigned status;
	size_t len = 0;
	int rc;

	if (!owned->http)
		return firn_fail(err, FIRN_EFAIL, "Podman takes no more");
	http_send_end(owned->http);
	rc = http_answer(owned->http, &status, err);
	if (rc < 0)
		return rc;
	if (status != 200)
		return upload_refused(owned, err);
	rc = read_body(owned->http, PODMAN_DOCUMENT_MAX, &text, &len, err);
	owned->http = NULL;
	if (rc == 0)
		rc = podman_parse_restored(text, len, ret_id, err);
	return firn_wrap(err, rc, "Podman's answer");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/spec_priv.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

#define MOUNTS_MAX 4096 /* of one container */

/*
 * Files that engines make for each container or pod and bind into it. A source is an engine's when
 * its last components match @tail ("*" is any one component) and it is mounted where such a file
 * goes.
 *   Podman, CRI-O (c/storage): .../overlay-containers/ID/userdata/NAME
 *   containerd CRI:            .../sandboxes/ID/NAME
 *   nerdctl:                   .../containers/NAMESPACE/ID/NAME, .../etchosts/NAMESPACE/ID/hosts
 *   Docker:                    .../docker/containers/ID/NAME
 *   kubelet:                   .../pods/UID/etc-hosts, .../pods/UID/containers/NAME/HASH
 */
struct managed {
	const char *destination, *tail, *name;
	enum spec_kind kind;
	enum spec_content content;
	uint32_t mode;
};

#define USERDATA "overlay-containers/*/userdata/"

static const struct managed managed[] = {
	{ "/etc/hostname", USERDATA "hostname", "hostname", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hostname", "sandboxes/*/hostname", "hostname", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hostname", "containers/*/hostname", "hostname", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hostname", "containers/*/*/hostname", "hostname", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hosts", USERDATA "hosts", "hosts", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hosts", "sandboxes/*/hosts", "hosts", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hosts", "containers/*/hosts", "hosts", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hosts", "etchosts/*/*/hosts", "hosts", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/hosts", "pods/*/etc-hosts", "hosts", SPEC_FILE, SPEC_TEXT, 0644 },
	{ "/etc/resolv.conf", USERDATA "resolv.conf", "resolv.conf", SPEC_FILE, SPEC_RESOLV_CONF,
	  0644 },
	{ "/etc/resolv.conf", "sandboxes/*/resolv.conf", "resolv.conf", SPEC_FILE, SPEC_RESOLV_CONF,
	  0644 },
	{ "/etc/resolv.conf", "containers/*/resolv.conf", "resolv.conf", SPEC_FILE,
	  SPEC_RESOLV_CONF, 0644 },
	{ "/etc/resolv.conf", "containers/*/*/resolv.conf", "resolv.conf", SPEC_FILE,
	  SPEC_RESOLV_CONF, 0644 },
	{ "/etc/passwd", USERDATA "passwd", "passwd", SPEC_FILE, SPEC_ROOTFS_COPY, 0644 },
	{ "/etc/group", USERDATA "group", "group", SPEC_FILE, SPEC_ROOTFS_COPY, 0644 },
	{ "/run/.containerenv", USERDATA ".containerenv", "containerenv", SPEC_FILE, SPEC_TEXT,
	  0644 },
	{ "/run/secrets", USERDATA "run/secrets", "secrets", SPEC_FOLDER, SPEC_TEXT, 0755 },
	{ "/run/notify", USERDATA "notify", "notify", SPEC_FOLDER, SPEC_TEXT, 0755 },
	{ "/dev/shm", USERDATA "shm", "shm", SPEC_SHM, SPEC_TEXT, 01777 },
	{ "/dev/shm", "sandboxes/*/shm", "shm", SPEC_SHM, SPEC_TEXT, 01777 },
	{ "/dev/shm", "containers/*/mounts/shm", "shm", SPEC_SHM, SPEC_TEXT, 01777 },
	{ "/dev/termination-log", "pods/*/containers/*/*", "termination-log", SPEC_FILE, SPEC_TEXT,
	  0666 },
};

/* Start of the last component of @path[0..len). */
static size_t last_component(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len;
}

/* Whether the last components of @path are those of @tail. */
static bool ends_with(const char *path, const char *tail)
{
	size_t p = strlen(path), t = strlen(tail);

	for (;;) {
		const size_t pc = last_component(path, p), tc = last_component(tail, t);
		const bool any = t - tc == 1 && tail[tc] == '*';

		if (pc == p ||
		    (!any && (p - pc != t - tc || memcmp(path + pc, tail + tc, t - tc) != 0)))
			return false;
		if (tc == 0)
			return pc > 0;
		if (pc == 0)
			return false;
		p = pc - 1;
		t = tc - 1;
	}
}

/* /var/run is /run on every distribution of this decade, and engines use both spellings. */
static const char *plain_run(const char *path)
{
	return strncmp(path, "/var/run/", 9) == 0 ? path + 4 : path;
}

static const struct managed *managed_find(const char *destination, const char *source)
{
	for (size_t i = 0; i < ARRAY_SIZE(managed); i++)
		if (strcmp(plain_run(destination), managed[i].destination) == 0 &&
		    ends_with(source, managed[i].tail))
			return &managed[i];
	return NULL;
}

/* "a.b" or "a": what the dumped container called itself, "" when nobody says. */
static const char *hostname_of(const json_t *doc)
{
	const char *name = json_string_value(json_object_get(doc, "hostname"));
	const json_t *env = json_object_get(json_object_get(doc, "process"), "env");
	size_t i;
	json_t *entry;

	if (name && *name)
		return name;
	/* The uts namespace of a pod is not the container's own: CRI engines set the variable. */
	json_array_foreach (env, i, entry) {
		const char *text = json_string_value(entry);

		if (text && strncmp(text, "HOSTNAME=", 9) == 0)
			return text + 9;
	}
	return "";
}

static bool is_hostname(const char *name)
{
	const size_t len = strlen(name);

	return len && len <= 253 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
		   len;
}

static void content_of(const struct managed *m, const json_t *doc, struct buf *out)
{
	const char *name = hostname_of(doc);

	if (!is_hostname(name))
		name = "localhost";
	buf_puts(out, "");
	if (strcmp(m->name, "hostname") == 0)
		buf_printf(out, "%s\n", name);
	if (strcmp(m->name, "hosts") != 0)
		return;
	buf_puts(out, "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
	if (strcmp(name, "localhost") != 0)
		buf_printf(out, "127.0.1.1\t%s\n", name);
}

static uint64_t bytes_of(const struct criu_info *dump, const char *destination)
{
	for (int i = 0; i < CRIU_ETC_COUNT; i++)
		if (strcmp(destination, criu_etc_path((enum criu_etc)i)) == 0)
			return dump->etc_bytes[i];
	return 0;
}

static int provide(const struct managed *m, const char *destination, const json_t *doc,
		   const struct spec_opts *opts, struct spec *s, struct firn_error *err)
{
	_free_ char *dest = strdup(destination), *text = NULL;
	_buf_ struct buf content = BUF_INIT;
	struct spec_provided what = {
		.kind = m->kind, .content = m->content, .mode = m->mode, .name = m->name
	};
	int rc;

	content_of(m, doc, &content);
	rc = dest ? buf_check(&content, err) : firn_fail_oom(err, m->name);
	what.fit = bytes_of(opts->dump, m->destination);
	if (rc == 0 && m->kind == SPEC_FILE && m->content == SPEC_TEXT)
		rc = spec_fit((char *)content.data, what.fit, &text, err);
	if (rc < 0)
		return rc;
	if (m->kind == SPEC_SHM)
		what.bytes = opts->shm_bytes ? opts->shm_bytes : SPEC_SHM_DEFAULT;
	what.destination = dest;
	what.text = text;
	rc = spec_provide(s, &what, err);
	if (rc <= 0)
		return rc;
	dest = NULL;
	text = NULL;
	return 0;
}

/* Whether @path is the folder @old or lies below it; @old has no slash at its end, "" is the root.
 */
static bool is_below(const char *path, const char *old, size_t len)
{
	return strncmp(path, old, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool is_text(const char *text, const char *bytes, size_t len)
{
	return strlen(text) == len && memcmp(text, bytes, len) == 0;
}

/*
 * The source that the user's redirects give the mount, or NULL. The first exact match of source or
 * destination wins, else the first folder above the source. Marks every redirect that fits.
 */
static char *redirect(const struct spec_opts *opts, const char *source, const char *destination,
		      bool *used)
{
	bool found_exact = false;
	char *found = NULL;

	for (size_t i = 0; i < opts->nvolumes; i++) {
		const char *rule = opts->volumes[i], *to = strchr(rule, '=') + 1;
		size_t len = (size_t)(to - rule) - 1;
		const bool exact = is_text(source, rule, len) || is_text(destination, rule, len);
		_buf_ struct buf path = BUF_INIT;

		while (len && rule[len - 1] == '/')
			len--;
		if (!exact && !is_below(source, rule, len))
			continue;
		used[i] = true;
		if (found_exact || (found && !exact))
			continue;
		buf_puts(&path, to);
		if (!exact)
			buf_puts(&path, source + len);
		free(found);
		found = buf_steal(&path);
		found_exact = exact;
	}
	return found;
}

/* Ask for the volume's place on this host, list it and bind it from there. */
static int take_volume(json_t *mount, const char *source, const char *destination,
		       const struct spec_opts *opts, struct spec *s, struct firn_error *err)
{
	struct spec_volume *grown = realloc(s->volumes, (s->nvolumes + 1) * sizeof(*grown));
	struct spec_volume v = { 0 };
	int rc = 0;

	if (!grown)
		return firn_fail_oom(err, "volumes");
	s->volumes = grown;
	if (opts->volume)
		rc = opts->volume(opts->volume_ctx, source, destination, &v.source, err);
	else
		v.source = strdup(source);
	if (rc < 0)
		return rc;
	v.destination = strdup(destination);
	s->volumes[s->nvolumes++] = v;
	if (!v.source || !v.destination)
		return firn_fail_oom(err, "volumes");
	return json_put_str(mount, "source", v.source, err);
}

/* A checkpoint may name any folder of this host, and its container may write there. */
static int keep_volume(json_t *mount, const char *source, const char *destination,
		       const struct spec_opts *opts, struct spec *s, struct firn_error *err)
{
	char at[PATH_QUOTE_MAX], from[PATH_QUOTE_MAX];
	int rc = take_volume(mount, source, destination, opts, s, err);

	if (rc == 0)
		spec_warn(opts, "volume %s: is %s of this host, because the checkpoint says so",
			  path_quote(destination, at),
			  path_quote(s->volumes[s->nvolumes - 1].source, from));
	return rc;
}

static int put_path(json_t *mount, const char *folder, const char *name, struct firn_error *err)
{
	_buf_ struct buf path = BUF_INIT;
	int rc;

	buf_printf(&path, "%s/%s", folder, name);
	rc = buf_check(&path, err);
	return rc < 0 ? rc : json_put_str(mount, "source", (char *)path.data, err);
}

/* runtime-spec config.md, "Mounts": a bind mount is one by its type or by its options. */
static bool is_bind(const json_t *mount)
{
	const char *type = json_string_value(json_object_get(mount, "type"));
	size_t i;
	json_t *option;

	if (type && strcmp(type, "bind") == 0)
		return true;
	json_array_foreach (json_object_get(mount, "options"), i, option) {
		const char *text = json_string_value(option);

		if (text && (strcmp(text, "bind") == 0 || strcmp(text, "rbind") == 0))
			return true;
	}
	return false;
}

static int rewrite_bind(json_t *mount, const json_t *doc, const struct spec_opts *opts,
			struct spec *s, bool *used, struct firn_error *err)
{
	_free_ char *redirected = NULL;
	const struct managed *m;
	const char *source = "", *destination = "";
	char quoted[PATH_QUOTE_MAX];
	int rc = json_get_str(mount, "source", &source, err);

	if (rc == 0)
		rc = json_get_str(mount, "destination", &destination, err);
	if (rc < 0)
		return rc;
	redirected = redirect(opts, source, destination, used);
	if (redirected)
		return take_volume(mount, redirected, destination, opts, s, err);
	if (*source != '/')
		return firn_fail(err, FIRN_EUNSUPP,
				 "its source %s is relative to the dumping engine's bundle",
				 path_quote(source, quoted));
	m = managed_find(destination, source);
	if (!m)
		return keep_volume(mount, source, destination, opts, s, err);
	rc = provide(m, destination, doc, opts, s, err);
	return rc < 0 ? rc : put_path(mount, opts->provided, m->name, err);
}

static int check_redirects(const struct spec_opts *opts, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	for (size_t i = 0; i < opts->nvolumes; i++) {
		const char *rule = opts->volumes[i], *equals = strchr(rule, '=');

		if (!equals || equals == rule || equals[1] != '/')
			return firn_fail(err, FIRN_EINVAL, "volume %s: must be OLD=/NEW/PATH",
					 path_quote(rule, quoted));
	}
	return 0;
}

int spec_mounts(json_t *doc, const struct spec_opts *opts, struct spec *s, struct firn_error *err)
{
	_free_ bool *used = calloc(opts->nvolumes + 1, sizeof(*used));
	char quoted[PATH_QUOTE_MAX];
	json_t *mounts = NULL, *mount;
	int rc = check_redirects(opts, err);
	size_t i;

	if (!used)
		return firn_fail_oom(err, "mounts");
	if (rc == 0)
		rc = json_opt_array(doc, "mounts", &mounts, err);
	if (rc < 0)
		return rc;
	if (json_array_size(mounts) > MOUNTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d mounts", MOUNTS_MAX);
	json_array_foreach (mounts, i, mount) {
		const char *where = json_string_value(json_object_get(mount, "destination"));

		rc = is_bind(mount) ? rewrite_bind(mount, doc, opts, s, used, err) : 0;
		if (rc < 0)
			return firn_wrap(err, rc, "mount %s",
					 path_quote(where ? where : "", quoted));
	}
	for (i = 0; i < opts->nvolumes; i++)
		if (!used[i])
			return firn_fail(err, FIRN_EINVAL,
					 "volume %s: the container has no such mount",
					 path_quote(opts->volumes[i], quoted));
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/spec.h"

#include "base/fd.h"
#include "format/spec_priv.h"

#include <stdio.h>
#include <string.h>

void spec_warn(const struct spec_opts *opts, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	if (!opts->report || !opts->report->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	opts->report->warn(text, opts->report->ctx);
}

int spec_provide(struct spec *s, const struct spec_provided *what, struct firn_error *err)
{
	struct spec_provided *grown;

	for (size_t i = 0; i < s->nprovided; i++)
		if (strcmp(s->provided[i].name, what->name) == 0)
			return 0;
	grown = realloc(s->provided, (s->nprovided + 1) * sizeof(*grown));
	if (!grown)
		return firn_fail_oom(err, what->name);
	s->provided = grown;
	s->provided[s->nprovided++] = *what;
	return 1;
}

void spec_done(struct spec *s)
{
	for (size_t i = 0; i < s->nprovided; i++) {
		free(s->provided[i].destination);
		free(s->provided[i].text);
		free(s->provided[i].was);
	}
	for (size_t i = 0; i < s->nvolumes; i++) {
		free(s->volumes[i].source);
		free(s->volumes[i].destination);
	}
	free(s->provided);
	free(s->volumes);
	free(s->json);
	*s = (struct spec){ 0 };
}

/* The object @key of @obj, made when it isn't there. */
static int need_object(json_t *obj, const char *key, json_t **ret, struct firn_error *err)
{
	int rc = json_opt_object(obj, key, ret, err);

	if (rc != 0)
		return rc;
	rc = json_put(obj, key, json_object(), err);
	*ret = json_object_get(obj, key);
	return rc;
}

static bool dropped(json_t *obj, const char *key)
{
	const json_t *value = json_object_get(obj, key);
	const bool had = value && !json_is_null(value);

	json_object_del(obj, key);
	return had;
}

static unsigned ns_bit(const char *type)
{
	static const struct {
		const char *type;
		enum criu_ns bit;
	} types[] = {
		{ "pid", CRIU_NS_PID },       { "network", CRIU_NS_NET }, { "ipc", CRIU_NS_IPC },
		{ "uts", CRIU_NS_UTS },       { "mount", CRIU_NS_MNT },   { "user", CRIU_NS_USER },
		{ "cgroup", CRIU_NS_CGROUP }, { "time", CRIU_NS_TIME },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].bit;
	return 0;
}

/* The network namespace was made outside: CRIU has it as an external one and wants a descriptor. */
static int provide_netns(json_t *ns, const char *was, const struct spec_opts *opts, struct spec *s,
			 struct firn_error *err)
{
	struct spec_provided what = { .kind = SPEC_NETNS, .name = "netns", .mode = 0444 };
	_buf_ struct buf path = BUF_INIT;
	int rc;

	what.was = strdup(was);
	if (!what.was)
		return firn_fail_oom(err, what.name);
	rc = spec_provide(s, &what, err);
	if (rc <= 0)
		free(what.was);
	if (rc < 0)
		return rc;
	buf_printf(&path, "%s/%s", opts->provided, what.name);
	rc = buf_check(&path, err);
	if (rc < 0)
		return rc;
	spec_warn(opts, "the container's network was its engine's: it gets one with nothing but "
			"the loopback device");
	return json_put_str(ns, "path", (char *)path.data, err);
}

/* 1 keep the entry, 0 remove it. */
static int rewrite_namespace(json_t *ns, const struct spec_opts *opts, struct spec *s,
			     struct firn_error *err)
{
	const char *type = "", *path = "";
	unsigned bit;
	int rc = json_get_str(ns, "type", &type, err);

	if (rc == 0)
		rc = json_opt_str(ns, "path", &path, err);
	if (rc < 0)
		return rc;
	if (rc == 0 || *path == '\0')
		return 1;
	bit = ns_bit(type);
	if (!bit)
		return firn_fail(err, FIRN_EUNSUPP, "joins a namespace of unknown type");
	if (!(opts->dump->own_ns & bit))
		return 0;
	if (bit == CRIU_NS_NET) {
		rc = provide_netns(ns, path, opts, s, err);
		return rc < 0 ? rc : 1;
	}
	if (bit == CRIU_NS_USER)
		return firn_fail(err, FIRN_EUNSUPP, "joins a user namespace of the dumping host");
	json_object_del(ns, "path");
	return 1;
}

static int rewrite_namespaces(json_t *linux_obj, const struct spec_opts *opts, struct spec *s,
			      struct firn_error *err)
{
	json_t *list;
	size_t i = 0;
	int rc = json_opt_array(linux_obj, "namespaces", &list, err);

	if (rc <= 0)
		return rc;
	while (i < json_array_size(list)) {
		rc = rewrite_namespace(json_array_get(list, i), opts, s, err);
		if (rc < 0)
			return firn_wrap(err, rc, "namespaces[%zu]", i);
		if (rc)
			i++;
		else
			json_array_remove(list, i);
	}
	return 0;
}

/* runtime-spec config-linux.md, "Control groups": the controller behind each member. */
static const struct controller {
	const char *member, *prefix; /* of "resources"; of keys in "unified" */
	enum spec_host bit;
} controllers[] = {
	{ "cpu", "cpu.", SPEC_HOST_CPU },      { "memory", "memory.", SPEC_HOST_MEMORY },
	{ "pids", "pids.", SPEC_HOST_PIDS },   { "blockIO", "io.", SPEC_HOST_IO },
	{ "rdma", "rdma.", SPEC_HOST_RDMA },   { "hugepageLimits", "hugetlb.", SPEC_HOST_HUGETLB },
	{ NULL, "cpuset.", SPEC_HOST_CPUSET },
};

static void drop_unified(json_t *unified, const struct controller *c, const struct spec_opts *opts)
{
	const char *key;
	json_t *value;
	void *next;

	if (!json_is_object(unified))
		return;
	json_object_foreach_safe(unified, next, key, value)
	{
		if (strncmp(key, c->prefix, strlen(c->prefix)) == 0) {
			spec_warn(opts, "resources: %s: this host has no such controller", key);
			json_object_del(unified, key);
		}
	}
}

/* A limit of 0 or less is none, and engines write it always: nothing is lost without a controller.
 */
static void drop_no_limit(json_t *res)
{
	const json_t *limit = json_object_get(json_object_get(res, "pids"), "limit");

	if (json_is_integer(limit) && json_integer_value(limit) <= 0)
		json_object_del(res, "pids");
}

static int rewrite_resources(json_t *linux_obj, const struct spec_opts *opts,
			     struct firn_error *err)
{
	json_t *res, *cpu;
	int rc = json_opt_object(linux_obj, "resources", &res, err);

	if (rc <= 0)
		return rc;
	drop_no_limit(res);
	cpu = json_object_get(res, "cpu");
	if (!(opts->host & SPEC_HOST_CPUSET) && json_is_object(cpu)) {
		const bool cpus = dropped(cpu, "cpus"), mems = dropped(cpu, "mems");

		if (cpus || mems)
			spec_warn(opts, "resources: cpuset: this host has no such controller");
	}
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		const struct controller *c = &controllers[i];

		if (opts->host & c->bit)
			continue;
		drop_unified(json_object_get(res, "unified"), c, opts);
		if (c->member && dropped(res, c->member))
			spec_warn(opts, "resources: %s: this host has no such controller",
				  c->member);
	}
	return 0;
}

static int rewrite_linux(json_t *doc, const struct spec_opts *opts, struct spec *s,
			 struct firn_error *err)
{
	json_t *linux_obj, *seccomp;
	int rc = need_object(doc, "linux", &linux_obj, err);

	if (rc < 0)
		return rc;
	rc = json_put_str(linux_obj, "cgroupsPath", opts->cgroup, err);
	if (rc == 0)
		rc = rewrite_namespaces(linux_obj, opts, s, err);
	if (rc == 0)
		rc = rewrite_resources(linux_obj, opts, err);
	if (rc < 0)
		return rc;
	if (dropped(linux_obj, "netDevices"))
		spec_warn(opts, "the network devices of its host that the container had: dropped");
	if (dropped(linux_obj, "intelRdt"))
		spec_warn(opts, "the container's resctrl group was its host's: dropped");
	seccomp = json_object_get(linux_obj, "seccomp");
	if (json_is_object(seccomp)) {
		const bool path = dropped(seccomp, "listenerPath");

		if (dropped(seccomp, "listenerMetadata") || path)
			spec_warn(opts, "the seccomp agent's socket was its host's: dropped");
	}
	if (!(opts->host & SPEC_HOST_SELINUX) && dropped(linux_obj, "mountLabel"))
		spec_warn(opts, "this host has no SELinux: the mounts have no label");
	return 0;
}

static int rewrite_process(json_t *doc, const struct spec_opts *opts, struct firn_error *err)
{
	json_t *process;
	int rc = json_opt_object(doc, "process", &process, err);

	if (rc <= 0)
		return rc;
	if (!(opts->host & SPEC_HOST_SELINUX) && dropped(process, "selinuxLabel"))
		spec_warn(opts, "this host has no SELinux: the process has no label");
	if (!(opts->host & SPEC_HOST_APPARMOR) && dropped(process, "apparmorProfile"))
		spec_warn(opts, "this host has no AppArmor: the process has no profile");
	return 0;
}

/*
 * Annotations that make a runtime read, write or run something of its host: CRIU's configuration
 * file (runc, crun), CDI devices, crun's run.oci.* (log files of hooks, handlers, a seccomp
 * socket).
 */
static int rewrite_annotations(json_t *doc, const struct spec_opts *opts, struct firn_error *err)
{
	static const char *const refused[] = { "org.criu.", "cdi.k8s.io/", "run.oci." };
	json_t *list, *value;
	const char *key;
	void *next;
	int rc = json_opt_object(doc, "annotations", &list, err);

	if (rc <= 0)
		return rc;
	json_object_foreach_safe(list, next, key, value)
	{
		for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
			if (strncmp(key, refused[i], strlen(refused[i])) == 0) {
				spec_warn(opts, "annotation %.100s: not taken from a checkpoint",
					  key);
				json_object_del(list, key);
				break;
			}
	}
	return 0;
}

/*
 * runc hides a file by binding /dev/null over it, and calls that mount "/dev/null" in CRIU's
 * images; crun calls it by the file's path. Each restores what it dumped itself; with both mappings
 * runc restores the one's checkpoint as well as the other's.
 */
static void map_masked_paths(const json_t *doc, struct buf *conf)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/_.-";
	const json_t *masked = json_object_get(json_object_get(doc, "linux"), "maskedPaths");
	json_t *path;
	size_t i;

	buf_puts(conf, "external mnt[/dev/null]:/dev/null\n");
	json_array_foreach (masked, i, path) {
		const char *text = json_string_value(path);

		if (text && *text == '/' && strspn(text, plain) == strlen(text))
			buf_printf(conf, "external mnt[%s]:/dev/null\n", text);
	}
}

/*
 * runc hands the file that org.criu.config names to CRIU, in place of the host's default one, whose
 * lines are therefore repeated. ":PATH" is the root for the controllerless hierarchy, cgroup2
 * (CRIU's --cgroup-root); runc sets the roots of version 1 hierarchies itself.
 */
static int provide_criu_conf(json_t *doc, const struct spec_opts *opts, struct spec *s,
			     struct firn_error *err)
{
	struct spec_provided what = { .kind = SPEC_FILE, .mode = 0600, .name = "criu.conf" };
	_buf_ struct buf text = BUF_INIT, path = BUF_INIT;
	json_t *annotations;
	int rc = need_object(doc, "annotations", &annotations, err);

	if (rc < 0)
		return rc;
	buf_printf(&path, "%s/%s", opts->provided, what.name);
	buf_printf(&text, "%s\ncgroup-root :%s\n", opts->criu_conf ? opts->criu_conf : "",
		   opts->cgroup);
	map_masked_paths(doc, &text);
	rc = buf_check(&path, err);
	if (rc == 0)
		rc = json_put_str(annotations, "org.criu.config", (char *)path.data, err);
	if (rc < 0)
		return rc;
	what.text = buf_steal(&text);
	if (!what.text)
		return firn_fail_oom(err, what.name);
	rc = spec_provide(s, &what, err);
	if (rc <= 0)
		free(what.text);
	return rc < 0 ? rc : 0;
}

static int print(const json_t *doc, struct spec *s, struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = json_print_pretty(doc, 2, &text, err);

	if (rc < 0)
		return rc;
	s->len = text.len;
	s->json = buf_steal(&text);
	return s->json ? 0 : firn_fail_oom(err, "config.json");
}

static int rewrite(json_t *doc, const struct spec_opts *opts, struct spec *s,
		   struct firn_error *err)
{
	json_t *root;
	int rc = need_object(doc, "root", &root, err);

	if (rc >= 0)
		rc = json_put_str(root, "path", opts->rootfs, err);
	if (rc >= 0)
		rc = spec_mounts(doc, opts, s, err);
	if (rc >= 0)
		rc = rewrite_process(doc, opts, err);
	if (rc >= 0)
		rc = rewrite_linux(doc, opts, s, err);
	if (rc >= 0)
		rc = rewrite_annotations(doc, opts, err);
	if (rc >= 0)
		rc = provide_criu_conf(doc, opts, s, err);
	if (rc < 0)
		return rc;
	if (dropped(doc, "hooks"))
		spec_warn(opts, "the hooks of the dumping engine are dropped");
	return print(doc, s, err);
}

int spec_rewrite(const char *text, size_t len, const struct spec_opts *opts, struct spec *ret,
		 struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	struct spec s = { 0 };
	int rc = spec_parse(text, len, &doc, err);

	if (rc == 0)
		rc = rewrite(doc, opts, &s, err);
	if (rc < 0) {
		spec_done(&s);
		return firn_wrap(err, rc, "spec.dump");
	}
	*ret = s;
	return 0;
}

int spec_has_terminal(const char *json, size_t len, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	json_t *process;
	bool terminal = false;
	int rc = spec_parse(json, len, &doc, err);

	if (rc == 0)
		rc = json_opt_object(doc, "process", &process, err);
	if (rc > 0)
		rc = json_opt_bool(process, "terminal", &terminal, err);
	return rc < 0 ? firn_wrap(err, rc, "config.json") : terminal;
}

int spec_shm_bytes(const char *config_dump, size_t len, uint64_t *ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	uint64_t bytes = 0;
	int rc = spec_parse(config_dump, len, &doc, err);

	if (rc == 0 && json_object_get(doc, "shmSize"))
		rc = json_get_u64(doc, "shmSize", INT64_MAX, &bytes, err);
	if (rc < 0)
		return firn_wrap(err, rc, "config.dump");
	if (!bytes)
		return 0;
	*ret = bytes;
	return 1;
}

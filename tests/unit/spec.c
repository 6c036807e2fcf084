/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "bytes/json.h"
#include "format/spec.h"
#include "sample.h"

#define OWN (CRIU_NS_PID | CRIU_NS_IPC | CRIU_NS_UTS | CRIU_NS_MNT | CRIU_NS_CGROUP)

static const struct criu_info dump = { .own_ns = OWN, .container = true };

/* All sentences, one a line. */
struct told {
	char text[4096];
};

static void tell(const char *text, void *ctx)
{
	struct told *told = ctx;
	const size_t used = strlen(told->text);

	snprintf(told->text + used, sizeof(told->text) - used, "%s\n", text);
}

static struct spec_opts plain_opts(void)
{
	return (struct spec_opts){
		.rootfs = "rootfs", .provided = "/run/p", .cgroup = "/firn/c", .dump = &dump
	};
}

static json_t *rewritten(const char *text, size_t len, const struct spec_opts *opts, struct spec *s)
{
	struct firn_error err = { 0 };
	json_t *doc = NULL;

	ck_ok(spec_rewrite(text, len, opts, s, &err), err);
	ck_assert_uint_eq(strlen(s->json), s->len);
	ck_ok(json_parse(s->json, s->len, &doc, &err), err);
	return doc;
}

static const char *source_of(const json_t *doc, const char *destination)
{
	size_t i;
	json_t *mount;

	json_array_foreach (json_object_get(doc, "mounts"), i, mount) {
		if (strcmp(json_string_value(json_object_get(mount, "destination")), destination) ==
		    0)
			return json_string_value(json_object_get(mount, "source"));
	}
	return NULL;
}

static const struct spec_provided *provided(const struct spec *s, const char *name)
{
	for (size_t i = 0; i < s->nprovided; i++)
		if (strcmp(s->provided[i].name, name) == 0)
			return &s->provided[i];
	ck_abort_msg("%s isn't provided", name);
}

static const json_t *linux_of(const json_t *doc, const char *member)
{
	return json_object_get(json_object_get(doc, "linux"), member);
}

/* "pid,ipc=/path,..." */
static const char *namespaces(const json_t *doc, char ret[512])
{
	size_t i;
	json_t *ns;

	*ret = '\0';
	json_array_foreach (linux_of(doc, "namespaces"), i, ns) {
		const char *path = json_string_value(json_object_get(ns, "path"));
		const size_t used = strlen(ret);

		snprintf(ret + used, 512 - used, "%s%s%s%s", used ? "," : "",
			 json_string_value(json_object_get(ns, "type")), path ? "=" : "",
			 path ? path : "");
	}
	return ret;
}

/* What the rewriting may touch, taken out of both documents: the rest must be equal. */
static void forget(json_t *doc)
{
	json_t *linux_obj = json_object_get(doc, "linux"), *mount;
	size_t i;

	json_object_del(doc, "root");
	json_object_del(json_object_get(doc, "annotations"), "org.criu.config");
	json_object_del(linux_obj, "cgroupsPath");
	json_object_del(linux_obj, "namespaces");
	json_object_del(json_object_get(linux_obj, "resources"), "pids");
	json_array_foreach (json_object_get(doc, "mounts"), i, mount)
		json_object_del(mount, "source");
}

#define NULL_OVER(path) "external mnt[" path "]:/dev/null\n"
#define CONF            "\ncgroup-root :/firn/c\n" NULL_OVER("/dev/null")

static const struct real {
	const char *file, *namespaces;
	size_t nprovided;
	const char *criu_conf;
} reals[] = {
	{ "podman-none.tar", "pid,ipc,uts,mount,cgroup", 6,
	  CONF NULL_OVER("/proc/acpi") NULL_OVER("/proc/kcore") NULL_OVER("/proc/keys") NULL_OVER(
	      "/proc/latency_stats") NULL_OVER("/proc/sched_debug") NULL_OVER("/proc/scsi")
	      NULL_OVER("/proc/timer_list") NULL_OVER("/proc/timer_stats")
		  NULL_OVER("/sys/devices/virtual/powercap") NULL_OVER("/sys/firmware")
		      NULL_OVER("/sys/fs/selinux") NULL_OVER("/sys/devices/virtual/powercap") },
	{ "containerd-cri-tiny.tar", "pid,ipc,uts,mount,cgroup", 5, CONF },
};

START_TEST(real_spec)
{
	const struct real *r = &reals[_i];
	struct sample sample = sample_open(r->file);
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };
	_json_ json_t *was = NULL, *is = NULL;
	char text[512];
	size_t len = 0;
	const uint8_t *dumped = sample_member(&sample, "spec.dump", &len);

	ck_assert_ptr_nonnull(dumped);
	is = rewritten((const char *)dumped, len, &opts, &s);
	ck_ok(json_parse((const char *)dumped, len, &was, &err), err);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(is, "root"), "path")),
			 "rootfs");
	ck_assert_str_eq(json_string_value(linux_of(is, "cgroupsPath")), "/firn/c");
	ck_assert_str_eq(namespaces(is, text), r->namespaces);
	ck_assert_uint_eq(s.nprovided, r->nprovided);
	ck_assert_uint_eq(s.nvolumes, 0);
	ck_assert_str_eq(source_of(is, "/dev/shm"), "/run/p/shm");
	ck_assert_str_eq(source_of(is, "/etc/hosts"), "/run/p/hosts");
	ck_assert_str_eq(source_of(is, "/proc"), "proc");
	ck_assert_str_eq(provided(&s, "hostname")->text, "vm\n");
	ck_assert_str_eq(provided(&s, "hosts")->text,
			 "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tvm\n");
	ck_assert_int_eq(provided(&s, "resolv.conf")->content, SPEC_RESOLV_CONF);
	ck_assert_int_eq(provided(&s, "shm")->kind, SPEC_SHM);
	ck_assert_uint_eq(provided(&s, "shm")->bytes, SPEC_SHM_DEFAULT);
	ck_assert_uint_eq(provided(&s, "shm")->mode, 01777);
	ck_assert_str_eq(provided(&s, "criu.conf")->text, r->criu_conf);
	forget(was);
	forget(is);
	if (!json_object_get(was, "annotations"))
		json_object_del(is, "annotations");
	ck_assert(json_equal(was, is));
	spec_done(&s);
	free(sample.bytes);
}
END_TEST

#define MOUNT(destination, source)                                                                 \
	"{\"mounts\":[{\"destination\":\"" destination "\",\"source\":\"" source                   \
	"\",\"type\":\"none\",\"options\":[\"rbind\"]}]}"

static const struct managed_case {
	const char *destination, *source, *name; /* NULL: it is a volume */
} managed_cases[] = {
	{ "/etc/hostname", "/var/lib/docker/containers/1/hostname", "hostname" },
	{ "/etc/hostname", "/var/lib/nerdctl/1/containers/k8s.io/2/hostname", "hostname" },
	{ "/etc/hosts", "/var/lib/nerdctl/1/etchosts/k8s.io/2/hosts", "hosts" },
	{ "/etc/hosts", "/var/lib/kubelet/pods/0a/etc-hosts", "hosts" },
	{ "/etc/resolv.conf", "/run/containers/storage/overlay-containers/1/userdata/resolv.conf",
	  "resolv.conf" },
	{ "/etc/passwd", "/home/u/.local/overlay-containers/1/userdata/passwd", "passwd" },
	{ "/run/.containerenv", "/run/x/overlay-containers/1/userdata/.containerenv",
	  "containerenv" },
	{ "/var/run/.containerenv", "/run/x/overlay-containers/1/userdata/.containerenv",
	  "containerenv" },
	{ "/run/secrets", "/run/x/overlay-containers/1/userdata/run/secrets", "secrets" },
	{ "/dev/shm", "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/1/shm", "shm" },
	{ "/dev/shm", "/var/lib/docker/containers/1/mounts/shm", "shm" },
	{ "/dev/termination-log", "/var/lib/kubelet/pods/0a/containers/c/7f", "termination-log" },
	/* The right place from somewhere else, an engine's folder mounted elsewhere. */
	{ "/etc/hosts", "/etc/hosts", NULL },
	{ "/etc/hosts", "/srv/hosts", NULL },
	{ "/etc/hosts", "/overlay-containers/1/hosts", NULL },
	{ "/etc/hosts", "/x/sandboxes/1/2/hosts", NULL },
	{ "/etc/hosts", "/x/sandboxes/1/xhosts", NULL },
	{ "/etc/hosts", "sandboxes", NULL },
	{ "/srv/hosts", "/x/sandboxes/1/hosts", NULL },
	{ "/dev/shm", "/dev/shm", NULL },
	{ "/data", "/var/lib/containers/storage/volumes/v/_data", NULL },
	{ "/run/secrets/token", "/run/x/overlay-containers/1/userdata/secrets/token", NULL },
	{ "/x", "/var/lib/kubelet/pods/0a/volumes/kubernetes.io~empty-dir/x", NULL },
};

START_TEST(managed_mounts)
{
	const struct managed_case *m = &managed_cases[_i];
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };
	_json_ json_t *doc = NULL;
	char text[512], source[128];

	snprintf(text, sizeof(text), MOUNT("%s", "%s"), m->destination, m->source);
	if (*m->source != '/') {
		ck_assert_int_eq(spec_rewrite(text, strlen(text), &opts, &s, &err), -FIRN_EUNSUPP);
		return;
	}
	doc = rewritten(text, strlen(text), &opts, &s);
	snprintf(source, sizeof(source), "/run/p/%s", m->name ? m->name : "");
	ck_assert_str_eq(source_of(doc, m->destination), m->name ? source : m->source);
	ck_assert_uint_eq(s.nvolumes, m->name ? 0 : 1);
	ck_assert_uint_eq(s.nprovided, m->name ? 2 : 1);
	if (m->name)
		ck_assert_str_eq(provided(&s, m->name)->destination, m->destination);
	else
		ck_assert_str_eq(s.volumes[0].source, m->source);
	spec_done(&s);
}
END_TEST

static const struct volume_case {
	const char *rule, *source; /* NULL source: an error that has @says in it */
	const char *says;
} volume_cases[] = {
	{ "/srv/data=/mnt/d", "/mnt/d", NULL },
	{ "/data=/mnt/d", "/mnt/d", NULL },
	{ "/srv=/mnt", "/mnt/data", NULL },
	{ "/srv/=/mnt/", "/mnt//data", NULL },
	{ "/=/old", "/old/srv/data", NULL },
	{ "/sr=/mnt", NULL, "the container has no such mount" },
	{ "/srv/data/x=/mnt", NULL, "the container has no such mount" },
	{ "/srv/data=mnt", NULL, "must be OLD=/NEW/PATH" },
	{ "/srv/data", NULL, "must be OLD=/NEW/PATH" },
	{ "=/mnt", NULL, "must be OLD=/NEW/PATH" },
};

START_TEST(volumes)
{
	static const char text[] = MOUNT("/data", "/srv/data");
	const struct volume_case *v = &volume_cases[_i];
	struct told told = { "" };
	struct firn_report report = { .warn = tell, .ctx = &told };
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };
	_json_ json_t *doc = NULL;

	opts.report = &report;
	opts.volumes = &v->rule;
	opts.nvolumes = 1;
	if (!v->source) {
		ck_assert_int_eq(spec_rewrite(text, strlen(text), &opts, &s, &err), -FIRN_EINVAL);
		ck_assert_msg(strstr(err.msg, v->says) != NULL, "%s", err.msg);
		ck_assert_uint_eq(s.nvolumes, 0);
		return;
	}
	doc = rewritten(text, strlen(text), &opts, &s);
	ck_assert_str_eq(source_of(doc, "/data"), v->source);
	ck_assert_str_eq(s.volumes[0].destination, "/data");
	ck_assert_ptr_null(strstr(told.text, "volume"));
	spec_done(&s);
}
END_TEST

/* The exact rule wins over the folder above, whichever comes first; none is reported as unused. */
START_TEST(volume_order)
{
	static const char *const rules[] = { "/srv=/a", "/srv/data=/b", "/srv=/a" };
	static const char text[] = MOUNT("/data", "/srv/data");

	for (int first = 0; first < 2; first++) {
		struct spec_opts opts = plain_opts();
		struct firn_error err = { 0 };
		struct spec s = { 0 };

		opts.volumes = rules + first;
		opts.nvolumes = 2;
		ck_ok(spec_rewrite(text, strlen(text), &opts, &s, &err), err);
		ck_assert_str_eq(s.volumes[0].source, "/b");
		spec_done(&s);
	}
}
END_TEST

static int elsewhere(void *ctx, const char *source, const char *destination, char **ret,
		     struct firn_error *err)
{
	ck_assert_str_eq(destination, "/data");
	if (strcmp(source, ctx) != 0)
		return firn_fail(err, FIRN_ENOTFOUND, "not here");
	*ret = strdup("/real");
	return 0;
}

START_TEST(volume_callback)
{
	static const char text[] = MOUNT("/data", "/srv/data");
	char want[] = "/srv/data", other[] = "/x";
	struct told told = { "" };
	struct firn_report report = { .warn = tell, .ctx = &told };
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };
	_json_ json_t *doc = NULL;

	opts.report = &report;
	opts.volume = elsewhere;
	opts.volume_ctx = want;
	doc = rewritten(text, strlen(text), &opts, &s);
	ck_assert_str_eq(source_of(doc, "/data"), "/real");
	ck_assert_ptr_nonnull(strstr(told.text, "volume \"/data\": is \"/real\" of this host"));
	spec_done(&s);
	opts.volume_ctx = other;
	ck_assert_int_eq(spec_rewrite(text, strlen(text), &opts, &s, &err), -FIRN_ENOTFOUND);
	ck_assert_str_eq(err.msg, "spec.dump: mount \"/data\": not here");
}
END_TEST

static const struct ns_case {
	unsigned own;
	const char *in, *out; /* NULL: refused */
} ns_cases[] = {
	{ OWN, "{\"type\":\"pid\"},{\"type\":\"network\"}", "pid,network" },
	{ OWN, "{\"type\":\"network\",\"path\":\"/proc/9/ns/net\"}", "" },
	{ OWN | CRIU_NS_NET, "{\"type\":\"network\",\"path\":\"/x\"}", "network=/run/p/netns" },
	{ OWN, "{\"type\":\"ipc\",\"path\":\"/x\"},{\"type\":\"uts\",\"path\":\"\"}", "ipc,uts=" },
	{ 0, "{\"type\":\"ipc\",\"path\":\"/x\"},{\"type\":\"pid\",\"path\":\"/x\"}", "" },
	{ ~0u, "{\"type\":\"user\",\"path\":\"/x\"}", NULL },
	{ 0, "{\"type\":\"user\",\"path\":\"/x\"}", "" },
	{ ~0u, "{\"type\":\"soul\",\"path\":\"/x\"}", NULL },
	{ ~0u, "{\"type\":\"soul\"}", "soul" },
};

START_TEST(joined_namespaces)
{
	const struct ns_case *n = &ns_cases[_i];
	const struct criu_info info = { .own_ns = n->own };
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };
	_json_ json_t *doc = NULL;
	char text[512], found[512];

	opts.dump = &info;
	snprintf(text, sizeof(text), "{\"linux\":{\"namespaces\":[%s]}}", n->in);
	if (!n->out) {
		ck_assert_int_eq(spec_rewrite(text, strlen(text), &opts, &s, &err), -FIRN_EUNSUPP);
		return;
	}
	doc = rewritten(text, strlen(text), &opts, &s);
	ck_assert_str_eq(namespaces(doc, found), n->out);
	if (strstr(n->out, "netns"))
		ck_assert(provided(&s, "netns")->kind == SPEC_NETNS &&
			  strcmp(provided(&s, "netns")->was, "/x") == 0);
	spec_done(&s);
}
END_TEST

/* What names the dumping host goes, and each of these is told. */
START_TEST(dropped)
{
	static const char text[] =
	    "{\"hooks\":{\"prestart\":[{\"path\":\"/x\"}]},\"vendor\":{\"kept\":1.5},"
	    "\"process\":{\"terminal\":true,\"selinuxLabel\":\"a\",\"apparmorProfile\":\"b\"},"
	    "\"annotations\":{\"org.criu.config\":\"/evil\",\"cdi.k8s.io/gpu\":\"g\","
	    "\"run.oci.hooks.stderr\":\"/etc/x\",\"io.kept\":\"yes\"},"
	    "\"linux\":{\"netDevices\":{\"eth1\":{}},\"intelRdt\":{},\"mountLabel\":\"m\","
	    "\"seccomp\":{\"listenerPath\":\"/s\","
	    "\"defaultAction\":\"a\"},\"resources\":{\"cpu\":{\"shares\":2,\"cpus\":\"0\"},"
	    "\"memory\":{\"limit\":1},\"pids\":{\"limit\":0},"
	    "\"unified\":{\"io.weight\":\"9\",\"cpu.idle\":\"1\"},\"devices\":[]}}}";
	struct told told = { "" };
	struct firn_report report = { .warn = tell, .ctx = &told };
	struct spec_opts opts = plain_opts();
	struct spec s = { 0 };
	_json_ json_t *doc = NULL, *want = NULL;
	struct firn_error err = { 0 };

	opts.report = &report;
	opts.host = SPEC_HOST_CPU | SPEC_HOST_SELINUX;
	doc = rewritten(text, strlen(text), &opts, &s);
	ck_assert_int_eq(spec_has_terminal(s.json, s.len, &err), 1);
	ck_assert_int_eq(spec_has_terminal("{\"process\":{}}", 14, &err), 0);
	ck_assert_int_eq(spec_has_terminal("{}", 2, &err), 0);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(doc, "annotations"),
							   "org.criu.config")),
			 "/run/p/criu.conf");
	ck_ok(json_parse(text, strlen(text), &want, &err), err);
	json_object_del(want, "hooks");
	json_object_del(json_object_get(want, "process"), "apparmorProfile");
	forget(want);
	json_object_del(json_object_get(want, "annotations"), "cdi.k8s.io/gpu");
	json_object_del(json_object_get(want, "annotations"), "run.oci.hooks.stderr");
	json_object_del(json_object_get(want, "linux"), "intelRdt");
	json_object_del(json_object_get(want, "linux"), "netDevices");
	json_object_del(json_object_get(json_object_get(want, "linux"), "seccomp"), "listenerPath");
	json_object_del(json_object_get((json_t *)linux_of(want, "resources"), "cpu"), "cpus");
	json_object_del(json_object_get((json_t *)linux_of(want, "resources"), "unified"),
			"io.weight");
	json_object_del((json_t *)linux_of(want, "resources"), "memory");
	forget(doc);
	ck_assert_msg(json_equal(doc, want), "%s", s.json);
	ck_assert_ptr_nonnull(strstr(told.text, "hooks"));
	ck_assert_ptr_nonnull(strstr(told.text, "AppArmor"));
	ck_assert_ptr_nonnull(strstr(told.text, "annotation cdi.k8s.io/gpu"));
	ck_assert_ptr_nonnull(strstr(told.text, "resources: memory: this host"));
	ck_assert_ptr_nonnull(strstr(told.text, "resources: io.weight: this host"));
	ck_assert_ptr_nonnull(strstr(told.text, "resources: cpuset: this host"));
	ck_assert_ptr_nonnull(strstr(told.text, "resctrl"));
	ck_assert_ptr_nonnull(strstr(told.text, "network devices"));
	ck_assert_ptr_nonnull(strstr(told.text, "seccomp agent"));
	ck_assert_ptr_null(strstr(told.text, "pids"));
	ck_assert_ptr_null(strstr(told.text, "SELinux"));
	spec_done(&s);
}
END_TEST

static const struct number {
	const char *in, *out; /* NULL out: not JSON that can be read */
} numbers[] = {
	{ "18446744073709551615", "18446744073709551615" },
	{ "9223372036854775808", "9223372036854775808" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "[18446744073709551615,10000000000000000000]",
	  "[\n    18446744073709551615,\n    10000000000000000000\n  ]" },
	{ "\"18446744073709551615\"", "\"18446744073709551615\"" },
	{ "\"\\\"18446744073709551615\"", "\"\\\"18446744073709551615\"" },
	{ "\"\\u0001firn-number:1x\"", "\"\\u0001firn-number:1x\"" },
	{ "\"\\u0001firn-number:\"", "\"\\u0001firn-number:\"" },
	{ "0.18446744073709551615", "0.18446744073709551" },
	{ "18446744073709551616", NULL },
	{ "-9223372036854775809", NULL },
	{ "-18446744073709551615", NULL },
};

START_TEST(large_numbers)
{
	const struct number *n = &numbers[_i];
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };
	char text[256], want[256];

	snprintf(text, sizeof(text), "{\"n\":%s}", n->in);
	if (!n->out) {
		ck_assert_int_eq(spec_rewrite(text, strlen(text), &opts, &s, &err), -FIRN_ECORRUPT);
		return;
	}
	ck_ok(spec_rewrite(text, strlen(text), &opts, &s, &err), err);
	snprintf(want, sizeof(want), "\"n\": %s,\n", n->out);
	ck_assert_msg(strstr(s.json, want) != NULL, "%s", s.json);
	spec_done(&s);
}
END_TEST

static const char *const broken[] = {
	"",
	"{",
	"[]",
	"7",
	"{\"mounts\":{}}",
	"{\"linux\":[]}",
	"{\"process\":1}",
	"{\"annotations\":[]}",
	"{\"root\":\"x\"}",
	"{\"linux\":{\"namespaces\":[{}]}}",
	"{\"linux\":{\"namespaces\":[{\"type\":1}]}}",
	"{\"linux\":{\"resources\":[]}}",
	"{\"mounts\":[{\"type\":\"bind\"}]}",
	"{\"mounts\":[{\"type\":\"bind\",\"source\":\"/x\"}]}",

	"{\"a\":1,\"a\":2}",
};

START_TEST(broken_spec)
{
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { .len = 77 };
	int rc = spec_rewrite(broken[_i], strlen(broken[_i]), &opts, &s, &err);

	ck_assert_msg(rc == -FIRN_ECORRUPT, "%s: %d", broken[_i], rc);
	ck_assert_msg(strncmp(err.msg, "spec.dump: ", 11) == 0, "%s", err.msg);
	ck_assert_uint_eq(s.len, 77);
}
END_TEST

/* What the file says before stays; paths that would say something else to CRIU are left out. */
START_TEST(criu_conf)
{
	static const char text[] =
	    "{\"linux\":{\"maskedPaths\":[\"/proc/a\",\"x\",1,\"/a]:/etc\",\"/a\\nexec-cmd\"]}}";
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };

	opts.criu_conf = "tcp-established";
	ck_ok(spec_rewrite(text, strlen(text), &opts, &s, &err), err);
	ck_assert_str_eq(provided(&s, "criu.conf")->text,
			 "tcp-established" CONF NULL_OVER("/proc/a"));
	spec_done(&s);
}
END_TEST

START_TEST(broken_terminal)
{
	static const char text[] = "{\"process\":{\"terminal\":\"yes\"}}";
	struct firn_error err = { 0 };

	ck_assert_int_eq(spec_has_terminal(text, strlen(text), &err), -FIRN_ECORRUPT);
	ck_assert_msg(strncmp(err.msg, "config.json: ", 13) == 0, "%s", err.msg);
}
END_TEST

START_TEST(fitting)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ "a\nb\n", 0, "a\nb\n" },     { "a\nb\n", 4, "a\nb\n" },
		{ "a\nb\n", 6, "a\nb\n\n\n" }, { "a\nbcd\n", 4, "a\n\n\n" },
		{ "abc\n", 2, "\n\n" },        { "", 1, "\n" },
		{ "a\n", 1 << 20, "a\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = NULL;
		struct firn_error err = { 0 };

		ck_ok(spec_fit(cases[i].text, cases[i].bytes, &text, &err), err);
		ck_assert_str_eq(text, cases[i].want);
	}
}
END_TEST

START_TEST(open_hosts)
{
	static const char text[] = MOUNT("/etc/hosts", "/x/sandboxes/1/hosts");
	struct criu_info info = { .etc_bytes = { [CRIU_ETC_HOSTS] = 40 } };
	struct spec_opts opts = plain_opts();
	struct firn_error err = { 0 };
	struct spec s = { 0 };

	opts.dump = &info;
	ck_ok(spec_rewrite(text, strlen(text), &opts, &s, &err), err);
	ck_assert_uint_eq(strlen(provided(&s, "hosts")->text), 40);
	ck_assert_uint_eq(provided(&s, "hosts")->fit, 40);
	spec_done(&s);
}
END_TEST

START_TEST(shm_size)
{
	struct sample sample = sample_open("podman-none.tar");
	struct firn_error err = { 0 };
	uint64_t bytes = 7;
	size_t len = 0;
	const char *text = (const char *)sample_member(&sample, "config.dump", &len);

	ck_assert_int_eq(spec_shm_bytes(text, len, &bytes, &err), 1);
	ck_assert_uint_eq(bytes, 65536000);
	ck_assert_int_eq(spec_shm_bytes("{\"shmSize\":0}", 13, &bytes, &err), 0);
	ck_assert_int_eq(spec_shm_bytes("{}", 2, &bytes, &err), 0);
	ck_assert_int_eq(spec_shm_bytes("{\"shmSize\":-1}", 14, &bytes, &err), -FIRN_ECORRUPT);
	ck_assert_uint_eq(bytes, 65536000);
	free(sample.bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("spec");
	TCase *t = tcase_create("spec");

	tcase_add_loop_test(t, real_spec, 0, (int)ARRAY_SIZE(reals));
	tcase_add_loop_test(t, managed_mounts, 0, (int)ARRAY_SIZE(managed_cases));
	tcase_add_loop_test(t, volumes, 0, (int)ARRAY_SIZE(volume_cases));
	tcase_add_test(t, volume_order);
	tcase_add_test(t, volume_callback);
	tcase_add_loop_test(t, joined_namespaces, 0, (int)ARRAY_SIZE(ns_cases));
	tcase_add_test(t, dropped);
	tcase_add_loop_test(t, large_numbers, 0, (int)ARRAY_SIZE(numbers));
	tcase_add_loop_test(t, broken_spec, 0, (int)ARRAY_SIZE(broken));
	tcase_add_test(t, criu_conf);
	tcase_add_test(t, broken_terminal);
	tcase_add_test(t, fitting);
	tcase_add_test(t, open_hosts);
	tcase_add_test(t, shm_size);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)

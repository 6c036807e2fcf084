/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/world.h"

#include "criu_builder.h"
#include "scratch.h"
#include "unit.h"

#include "base/buf.h"
#include "check/build_id.h"
#include "check/probe.h"

#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define IDS    0x54432030u
#define MNTS   0x55563928u
#define FILES  0x56303138u
#define REMAP  0x59133954u
#define PSTREE 0x50273030u
#define LOCKS  0x54323616u

#define IMAGES_MAX 8

/* A dump made by hand: images by their names. */
struct dump {
	struct criu_images images;
	struct {
		const char *name;
		struct buf bytes;
	} list[IMAGES_MAX];
	size_t n;
	struct criu_info info;
	struct spec spec;
	struct check_input input;
};

static int open_image(struct criu_images *images, const char *name, struct source **ret,
		      struct firn_error *err)
{
	struct dump *d = (struct dump *)images;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->list[i].name, name) == 0)
			return source_from_mem(d->list[i].bytes.data, d->list[i].bytes.len, ret,
					       err)
				   ?: 1;
	return 0;
}

static struct buf *add_image(struct dump *d, const char *name, uint32_t magic)
{
	struct buf *b = &d->list[d->n].bytes;

	ck_assert_uint_lt(d->n, IMAGES_MAX);
	d->list[d->n++].name = name;
	put_magic(b, magic);
	return b;
}

/* A container: process 1, mount namespace 7 with a root and what the test adds. */
static struct buf *init_container(struct dump *d)
{
	_buf_ struct buf r = BUF_INIT;
	struct buf *ids = add_image(d, "ids-1.img", IDS);

	put_number(&r, 9, 7);
	put_record(ids, &r);
	d->info = (struct criu_info){ .root_pid = 1,
				      .container = true,
				      .own_ns = CRIU_NS_PID | CRIU_NS_MNT | CRIU_NS_NET };
	return add_image(d, "mountpoints-7.img", MNTS);
}

static void fill_input(struct dump *d)
{
	d->images.open = open_image;
	d->input.images = &d->images;
	d->input.dump = &d->info;
	d->input.host = scratch_dir;
	if (!d->input.rootfs)
		d->input.rootfs = -1;
}

static void set_config(struct dump *d, const char *json)
{
	d->spec = (struct spec){ .json = (char *)json, .len = strlen(json) };
	d->input.spec = &d->spec;
}

static void dump_done(struct dump *d)
{
	for (size_t i = 0; i < d->n; i++)
		buf_done(&d->list[i].bytes);
}

struct mount {
	unsigned id, parent;
	const char *type, *root, *point, *key;
};

static void put_text(struct buf *b, unsigned member, const char *text)
{
	if (text)
		put_bytes(b, member, text, strlen(text));
}

static void put_mount(struct buf *image, const struct mount *m)
{
	_buf_ struct buf r = BUF_INIT;

	put_number(&r, 2, m->id);
	put_number(&r, 4, m->parent);
	put_text(&r, 6, m->root);
	put_text(&r, 7, m->point);
	put_text(&r, 14, m->type);
	put_text(&r, 18, m->key);
	put_record(image, &r);
}

struct file {
	unsigned id;
	const char *path;
	unsigned flags, mode;
	int mount;    /* -1: not recorded */
	int64_t size; /* likewise */
};

static void put_file(struct buf *image, const struct file *f)
{
	_buf_ struct buf reg = BUF_INIT, r = BUF_INIT;

	put_number(&reg, 1, f->id);
	put_number(&reg, 2, f->flags);
	put_text(&reg, 6, f->path);
	if (f->mount >= 0)
		put_number(&reg, 7, 2 * (uint64_t)f->mount);
	if (f->size >= 0)
		put_number(&reg, 8, (uint64_t)f->size);
	if (f->mode)
		put_number(&reg, 10, f->mode);
	put_number(&r, 1, 1);
	put_number(&r, 2, f->id);
	put_bytes(&r, 3, reg.data, reg.len);
	put_record(image, &r);
}

static void add_lines(const struct check_report *r, struct buf *to)
{
	const struct firn_value *line = firn_value_first(check_report_value(r));

	for (; line; line = firn_value_next(line))
		buf_printf(to, "%s: %s\n", firn_value_text(firn_value_get(line, "level")),
			   firn_value_text(firn_value_get(line, "what")));
	buf_puts(to, "");
}

/* What the check says, a line each. */
static char *answer(check_fn *check, const struct check_input *in)
{
	_cleanup_(check_report_freep) struct check_report *report = NULL;
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err;

	ck_ok(check_report_new(&report, &err), err);
	ck_ok(check(in, report, &err), err);
	add_lines(report, &b);
	return buf_steal(&b);
}

static void says(check_fn *check, const struct check_input *in, const char *want)
{
	_free_ char *got = answer(check, in);

	ck_assert_msg(strstr(got, want) != NULL, "want: %s\ngot: %s", want, got);
}

static void make_file(const char *path, const char *text, unsigned mode)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", scratch_dir, path);
	for (char *slash = strchr(full, '/'); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(full, mode), 0);
}

/* Symbolic links are followed by openat2 alone, which valgrind doesn't know. */
static bool follows_links(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	_fd_ int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	return fd >= 0;
}

static int open_folder(const char *path)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", scratch_dir, path);
	fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

#define BIND(to, from)                                                                             \
	"{\"destination\":\"" to "\",\"type\":\"bind\",\"source\":\"" from "\","                   \
	"\"options\":[\"rbind\"]}"

static const struct mapping {
	const char *runtime, *config, *key, *want;
	const char *args[3];
} mappings[] = {
	{ "runc", "{\"mounts\":[" BIND("/vol", "/srv") "]}", "/vol", "ok: 1 mounts", { 0 } },
	{ "runc", "{\"mounts\":[]}", "/vol", "fail: \"/p\": was mounted from outside", { 0 } },
	{ NULL, "{}", "/vol", "nothing in config.json says", { 0 } },
	/* a symbolic link on the way: run is /var/run there */
	{ "runc", "{\"mounts\":[" BIND("/var/run/x", "/srv") "]}", "/run/x", "ok: 1", { 0 } },
	{ "runc", "{\"linux\":{\"maskedPaths\":[\"/proc/keys\"]}}", "/dev/null", "ok: 1", { 0 } },
	{ "crun",
	  "{\"linux\":{\"maskedPaths\":[\"/proc/keys\"]}}",
	  "/dev/null",
	  "runc had",
	  { 0 } },
	{ "crun", "{\"linux\":{\"maskedPaths\":[\"/proc/keys\"]}}", "/proc/keys", "ok: 1", { 0 } },
	{ "runc", "{\"linux\":{\"devices\":[{\"path\":\"/dev/x\"}]}}", "/dev/x", "ok: 1", { 0 } },
	{ "criu",
	  "{\"mounts\":[" BIND("/vol", "/srv") "]}",
	  "/vol",
	  "on CRIU's command line",
	  { 0 } },
	{ "criu", "{}", "vol", "ok: 1", { "--external", "mnt[vol]:/srv" } },
	{ "/usr/sbin/criu", "{}", "vol", "ok: 1", { "--external=mnt[vol]:/srv" } },
	{ "criu", "{}", "vol", "ok: 1", { "--ext-mount-map", "vol:/srv" } },
	{ "criu", "{}", "vol", "fail: ", { "--external", "net[vol]:/srv" } },
	{ "criu", "{}", "CRIU:AUTOGENERATED", "fail: ", { 0 } },
	{ "criu", "{}", "CRIU:AUTOGENERATED", "ok: 1", { "--external", "mnt[]" } },
	{ "runc", "{}", "CRIU:EXTERNAL_DEV", "ok: 1", { 0 } },
	{ "runc", "{}", "told", "ok: 1", { 0 } }, /* by default.conf */
	{ "runc", "{}", "untold", "fail: ", { 0 } },
};

START_TEST(external)
{
	const struct mapping *m = &mappings[_i];
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *mounts = init_container(&d);
	_fd_ int root = -1;

	if (strcmp(m->key, "/run/x") == 0 && !follows_links())
		return;
	make_file("root/run/x", "", 0644);
	ck_assert_int_eq(mkdirat(root = open_folder("root"), "var", 0755), 0);
	ck_assert_int_eq(symlinkat("/run", root, "var/run"), 0);
	make_file("root/p", "", 0644);
	make_file(
	    "etc/criu/default.conf",
	    "# external mnt[untold]:/x\n\n\texternal  mnt[told]:/x\nexternal\nexternal mnt[\n",
	    0644);
	put_mount(mounts, &(struct mount){ 1, 9, "overlay", "/", "/", NULL });
	put_mount(mounts, &(struct mount){ 2, 1, "ext4", "/x", "/p", m->key });
	set_config(&d, m->config);
	d.input.rootfs = root;
	d.input.runtime = m->runtime;
	d.input.args = m->args;
	for (d.input.nargs = 0; m->args[d.input.nargs];)
		d.input.nargs++;
	fill_input(&d);
	says(check_mounts, &d.input, m->want);
}
END_TEST

static const struct {
	struct mount at;
	const char *config, *want;
} places[] = {
	{ { 3, 2, "proc", "/x", "/proc/there", NULL }, "{}", "ok: 0 mounts from outside" },
	{ { 3, 2, "proc", "/x", "/proc/gone", NULL }, "{}", "fail: \"/proc/gone\": " },
	{ { 3, 2, "proc", "/x", "/proc/1/gone", NULL }, "{}", "ok: 0" },
	{ { 3, 2, "proc", "/x", "/proc/self/gone", NULL }, "{}", "ok: 0" },
	{ { 3, 1, "tmpfs", "/", "/mnt", NULL }, "{}", "ok: 0" },
	{ { 3, 1, "tmpfs", "/", "/nowhere", NULL }, "{}", "fail: \"/nowhere\": " },
	{ { 3, 1, "tmpfs", "/", "/nowhere", NULL },
	  "{\"mounts\":[{\"destination\":\"/nowhere\"}]}",
	  "ok: 0" },
	{ { 3, 1, "tmpfs", "/", "/../../../etc/passwd", NULL }, "{}", "fail: " },
	{ { 3, 1, "cgroup", "/", "/mnt", NULL }, "{}", "warning: \"/mnt\": this host's kernel" },
	{ { 3, 77, "tmpfs", "/", "/nowhere", NULL }, "{}", "ok: 0" },
	{ { 3, 3, "tmpfs", "/", "/nowhere", NULL }, "{}", "ok: 0" },
};

START_TEST(mountpoints)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *mounts = init_container(&d);
	_fd_ int root = -1;

	if (strstr(places[_i].at.point, "..") && !follows_links())
		return;
	make_file("root/mnt/x", "", 0644);
	make_file("proc/there", "", 0644);
	make_file("proc/filesystems", "nodev\tproc\nnodev\ttmpfs\nnodev\tcgroup2\n", 0644);
	d.input.rootfs = root = open_folder("root");
	put_mount(mounts, &(struct mount){ 1, 9, "overlay", "/", "/", NULL });
	put_mount(mounts, &(struct mount){ 2, 1, "proc", "/", "/proc", NULL });
	put_mount(mounts, &places[_i].at);
	ck_assert_int_eq(mkdirat(root, "proc", 0755), 0);
	set_config(&d, places[_i].config);
	fill_input(&d);
	says(check_mounts, &d.input, places[_i].want);
}
END_TEST

static const struct {
	struct file file;
	const char *want;
} compared[] = {
	{ { 5, "/a", 0, 0100644, 1, 5 }, "ok: 1 files" },
	{ { 5, "/a", 0, 0, -1, -1 }, "ok: 1 files" },
	{ { 5, "/a", 0, 0100644, 1, 6 }, "fail: \"/a\": is 5 bytes long, and was 6" },
	{ { 5, "/a", 0, 0100644, 1, -1 }, "ok: 1 files" },
	{ { 5, "/a", 0, 0100755, 1, 5 }, "fail: \"/a\": has the mode 0100644, and had 0100755" },
	{ { 5, "/a", 0, 040644, 1, -1 }, "fail: \"/a\": has the mode" },
	{ { 5, "/b", 0, 0100644, 1, 5 }, "fail: \"/b\": isn't there" },
	{ { 5, "/a/b", 0, 0100644, 1, 5 }, "fail: \"/a/b\": isn't there" },
	{ { 5, "/../../a", 0, 0100644, 1, 5 }, "ok: 1 files" },
	{ { 5, "/out", 0, 0100644, 1, 5 }, "fail: \"/out\": isn't there" }, /* a link to outside */
	{ { 5, "/vol/v", 0, 0100600, 3, 3 }, "ok: 1 files" },
	{ { 5, "/vol/v", 0, 0100600, -1, 4 }, "fail: \"/vol/v\": is 3 bytes" },
	{ { 5, "/vol/w", 0, 0100600, 3, 3 }, "fail: \"/vol/w\": isn't there" },
	{ { 5, "/tmp/x", 0, 0100600, 2, 3 },
	  "ok: 0 files that processes use are there as they "
	  "were; 1 come from the dump" },
	{ { 5, "/tmp/x", 0, 0100600, -1, 3 }, "1 come from the dump" },
	{ { 5, "/tmpx", 0, 0100600, -1, 3 }, "fail: \"/tmpx\": isn't there" },
	{ { 5, "/hidden", 0, 0100600, 4, 3 }, "ok: 1 more were not compared" },
	{ { 6, "/deleted", 0, 0100600, 1, 3 }, "1 come from the dump" },
	{ { 5, "", 0, 0100600, 1, 3 }, "ok: 0 files" },
	{ { 5, "a", 0, 0100600, 1, 3 }, "ok: 0 files" },
};

static void make_world(struct dump *d, int *ret_root)
{
	struct buf *mounts = init_container(d), *remap = add_image(d, "remap-fpath.img", REMAP);
	static char config[512];

	make_file("root/a", "12345", 0644);
	make_file("vol/v", "123", 0600);
	d->input.rootfs = *ret_root = open_folder("root");
	ck_assert_int_eq(symlinkat("../vol/v", *ret_root, "out"), 0);
	put_mount(mounts, &(struct mount){ 1, 9, "overlay", "/", "/", NULL });
	put_mount(mounts, &(struct mount){ 2, 1, "tmpfs", "/", "/tmp", NULL });
	put_mount(mounts, &(struct mount){ 3, 1, "ext4", "/srv", "/vol", "/vol" });
	put_mount(mounts, &(struct mount){ 4, 1, "tmpfs", "/null", "/hidden", "/dev/null" });
	RECORD(remap, 6, 0x80000001u);
	snprintf(config, sizeof(config),
		 "{\"mounts\":[" BIND("/vol", "%s/vol") "],\"linux\":{\"maskedPaths\":[\"/x\"]}}",
		 scratch_dir);
	set_config(d, config);
	fill_input(d);
}

START_TEST(files)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	_fd_ int root = -1;

	if ((strcmp(compared[_i].file.path, "/out") == 0 || strstr(compared[_i].file.path, "..")) &&
	    !follows_links())
		return;
	make_world(&d, &root);
	put_file(add_image(&d, "files.img", FILES), &compared[_i].file);
	says(check_files, &d.input, compared[_i].want);
}
END_TEST

/* CRIU can be told not to compare permissions; a file that is open twice is told once. */
START_TEST(told)
{
	static const char *const args[] = { "--skip-file-rwx-check" };
	_cleanup_(dump_done) struct dump d = { 0 };
	_free_ char *twice = NULL;
	struct buf *image;
	_fd_ int root = -1;

	make_world(&d, &root);
	image = add_image(&d, "files.img", FILES);
	put_file(image, &(struct file){ 5, "/a", 0, 0100755, 1, 5 });
	put_file(image, &(struct file){ 7, "/a", 0, 0100755, 1, 5 });
	twice = answer(check_files, &d.input);
	ck_assert_ptr_eq(strstr(twice, "fail"), strrchr(twice, 'f'));
	d.input.args = args;
	d.input.nargs = 1;
	says(check_files, &d.input, "ok: 2 files");
	put_file(image, &(struct file){ 8, "/a", 0, 040755, 1, -1 });
	says(check_files, &d.input, "fail: \"/a\": has the mode");
	d.input.rootfs = -1;
	says(check_files, &d.input, "warning: not compared: the root directory isn't known");
}
END_TEST

/* A bare process: no mounts, the host's root directory; what is the processes' own is left out. */
START_TEST(bare)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "files.img", FILES);
	_fd_ int root = -1;

	make_file("root/a", "12345", 0644);
	d.input.rootfs = root = open_folder("root");
	fill_input(&d);
	put_file(image, &(struct file){ 5, "/a", 0, 0100644, -1, 5 });
	put_file(image, &(struct file){ 6, "/proc/12/maps", 0, 0100444, -1, 0 });
	put_file(image, &(struct file){ 7, "/dev/pts/3", 0, 020620, -1, -1 });
	says(check_files, &d.input, "ok: 1 files");
	says(check_files, &d.input, "ok: 2 more were not compared");
	says(check_mounts, &d.input, "ok: the processes had their host's mounts");
}
END_TEST

START_TEST(pids)
{
	static const struct {
		const char *stat, *max, *want;
	} list[] = {
		{ "7 (sh) S 1 7", "32768", "fail: process id 7 is taken by sh" },
		{ "7 (a) b\n) Z 1 7", "32768",
		  "warning: process id 7 is a process that has ended" },
		{ "7 (sh", "32768", "ok: the numbers of all 2 processes" },
		{ NULL, "32768", "ok: the numbers of all 2 processes" },
		{ NULL, "8", "fail: thread id 9: this host gives no numbers from 8 on" },
		{ NULL, NULL, "ok: the numbers of all 2 processes" },
	};
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "pstree.img", PSTREE);
	_buf_ struct buf r = BUF_INIT;

	put_number(&r, 1, 7);
	put_number(&r, 2, 0);
	put_number(&r, 5, 7);
	put_number(&r, 5, 9);
	put_record(image, &r);
	if (list[_i].stat)
		make_file("proc/7/stat", list[_i].stat, 0644);
	if (list[_i].max)
		make_file("proc/sys/kernel/pid_max", list[_i].max, 0644);
	fill_input(&d);
	says(check_pids, &d.input, list[_i].want);
	d.info.own_ns = CRIU_NS_PID;
	says(check_pids, &d.input, "ok: the processes have a pid namespace of their own");
}
END_TEST

static void put_tcp(struct buf *image, unsigned port, unsigned to)
{
	_buf_ struct buf sk = BUF_INIT, r = BUF_INIT;

	put_number(&sk, 3, AF_INET);
	put_number(&sk, 4, SOCK_STREAM);
	put_number(&sk, 5, IPPROTO_TCP);
	put_number(&sk, 7, port);
	put_number(&sk, 8, to);
	put_number(&sk, 11, htonl(INADDR_LOOPBACK));
	put_number(&sk, 12, htonl(INADDR_LOOPBACK));
	put_number(&r, 1, 4);
	put_number(&r, 2, 5);
	put_bytes(&r, 4, sk.data, sk.len);
	put_record(image, &r);
}

static const struct {
	unsigned flags;
	const char *args[2], *want;
} connecting[] = {
	{ 0, { 0 }, "fail: 1 TCP connections (127.0.0.1 port 7 to 127.0.0.1 port 8)" },
	{ CHECK_TCP_ESTABLISHED, { 0 }, "ok: 1 TCP" },
	{ 0, { "--tcp-established" }, "ok: 1 TCP" },
	{ CHECK_TCP_CLOSE, { 0 }, "warning: 1 TCP" },
	{ 0, { "--tcp-close" }, "warning: 1 TCP" },
	{ 0, { "tcp-close" }, "fail: 1 TCP" },
};

START_TEST(connections)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "files.img", FILES);

	d.input.flags = connecting[_i].flags;
	d.input.args = connecting[_i].args;
	d.input.nargs = connecting[_i].args[0] != NULL;
	fill_input(&d);
	put_tcp(image, 7, 0);
	says(check_connections, &d.input, "ok: no TCP connections");
	put_tcp(image, 7, 8);
	says(check_connections, &d.input, connecting[_i].want);
}
END_TEST

START_TEST(ports)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "files.img", FILES);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fill_input(&d);
	says(check_addresses, &d.input, "ok: no socket is bound to a port");
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	put_tcp(image, ntohs(at.sin_port), 0);
	says(check_addresses, &d.input, "fail: TCP port");
	fd = fd_close(fd);
	says(check_addresses, &d.input, "ok: all 1 addresses");
	d.info.own_ns = CRIU_NS_NET;
	says(check_addresses, &d.input, "ok: the processes have a network of their own");
	set_config(&d, "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/gone\"}]}}");
	says(check_addresses, &d.input, "warning: not tried: network namespace: /gone: No such");
}
END_TEST

/* An address of nobody: IPv4 sockets can't have it, IPv6 ones may be early. */
START_TEST(addresses)
{
	struct probe p[] = { { .family = AF_INET, .type = SOCK_DGRAM },
			     { .family = AF_INET6, .type = SOCK_DGRAM },
			     { .family = AF_INET, .type = 99 } };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&p[0].address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&p[1].address;
	struct firn_error err;

	*v4 = (struct sockaddr_in){ .sin_family = AF_INET };
	inet_pton(AF_INET, "192.0.2.77", &v4->sin_addr);
	*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	inet_pton(AF_INET6, "2001:db8::77", &v6->sin6_addr);
	ck_ok(probe_all(NULL, p, 3, &err), err);
	ck_assert_int_eq(p[0].outcome, EADDRNOTAVAIL);
	ck_assert(p[1].outcome == 0 || p[1].outcome == EAFNOSUPPORT);
	ck_assert_int_ne(p[2].outcome, 0);
	ck_assert_int_eq(probe_all("/proc/self/status", p, 1, &err), -FIRN_EFAIL);
}
END_TEST

START_TEST(others)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "files.img", FILES), *locks;
	_buf_ struct buf sk = BUF_INIT, r = BUF_INIT;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), root = open_folder(".");

	d.input.rootfs = root;
	fill_input(&d);
	says(check_sockets, &d.input, "ok: no unix sockets of others");
	put_number(&sk, 6, 1);
	put_bytes(&sk, 11, "/s", 3);
	put_number(&r, 1, 5);
	put_number(&r, 2, 5);
	put_bytes(&r, 16, sk.data, sk.len);
	put_record(image, &r);
	says(check_sockets, &d.input,
	     "fail: \"/s\": a unix socket was connected to it, and it "
	     "isn't there");
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", scratch_dir);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	says(check_sockets, &d.input, "warning: 1 unix sockets of others");
	d.input.flags = CHECK_EXT_UNIX;
	says(check_sockets, &d.input, "ok: 1 unix sockets of others");
	fd = fd_close(fd);
	says(check_sockets, &d.input,
	     "fail: \"/s\": a unix socket was connected to it, and nobody");

	says(check_locks, &d.input, "ok: no locks");
	locks = add_image(&d, "filelocks.img", LOCKS);
	RECORD(locks, 1, 2, 3, 4);
	says(check_locks, &d.input, "warning: 1 locks");
	d.input.flags = CHECK_FILE_LOCKS;
	says(check_locks, &d.input, "ok: 1 locks");
}
END_TEST

START_TEST(terminals)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "files.img", FILES);

	fill_input(&d);
	says(check_terminal, &d.input, "ok: no terminals");
	RECORD(image, 11, 5);
	says(check_terminal, &d.input, "fail: the processes shared a terminal");
	d.input.flags = CHECK_SHELL_JOB;
	says(check_terminal, &d.input, "ok: the processes get the terminal");
	d.input.flags = 0;
	d.info.container = true;
	says(check_terminal, &d.input, "ok: terminals come with their other ends");
	d.info.container = false;
	put_file(image, &(struct file){ 6, "/dev/pts/ptmx", 0, 020666, -1, -1 });
	says(check_terminal, &d.input, "ok: terminals come with their other ends");
}
END_TEST

/* A dump with more of something than there can be is an error, and ends. */
START_TEST(too_many)
{
	_cleanup_(check_report_freep) struct check_report *report = NULL;
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *mounts = init_container(&d);
	struct firn_error err;

	for (unsigned i = 0; i <= WORLD_MOUNTS_MAX; i++)
		put_mount(mounts, &(struct mount){ i, 1, "tmpfs", "/", "/", NULL });
	fill_input(&d);
	ck_ok(check_report_new(&report, &err), err);
	ck_assert_int_eq(check_files(&d.input, report, &err), -FIRN_ELIMIT);
}
END_TEST

/* A file with one note in one segment; @at and @len as its header tells them. */
static int elf_with(bool wide, uint64_t at, uint64_t len, const void *note, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	Elf64_Ehdr e64 = { .e_ident = ELFMAG, .e_phoff = sizeof(e64), .e_phnum = 1 };
	Elf32_Ehdr e32 = { .e_ident = ELFMAG, .e_phoff = sizeof(e64), .e_phnum = 1 };
	const Elf64_Phdr p64 = { .p_type = PT_NOTE, .p_offset = at, .p_filesz = len };
	const Elf32_Phdr p32 = { .p_type = PT_NOTE,
				 .p_offset = (Elf32_Off)at,
				 .p_filesz = (Elf32_Word)len };

	e64.e_ident[EI_CLASS] = ELFCLASS64;
	e32.e_ident[EI_CLASS] = ELFCLASS32;
	ck_assert_int_ge(fd, 0);
	ck_assert(pwrite(fd, wide ? (void *)&e64 : (void *)&e32, wide ? sizeof(e64) : sizeof(e32),
			 0) > 0);
	ck_assert(pwrite(fd, wide ? (void *)&p64 : (void *)&p32, wide ? sizeof(p64) : sizeof(p32),
			 sizeof(e64)) > 0);
	ck_assert(pwrite(fd, note, n, 256) >= 0);
	return fd;
}

static const struct {
	uint32_t name, id, type;
	uint64_t at, len;
	bool differs;
} notes[] = {
	{ 4, 8, NT_GNU_BUILD_ID, 256, 24, true },
	{ 4, 8, NT_GNU_BUILD_ID, 256, 23, false }, /* the id doesn't end in the segment */
	{ 4, 8, NT_GNU_ABI_TAG, 256, 24, false },
	{ 5, 8, NT_GNU_BUILD_ID, 256, 24, false },
	{ UINT32_MAX, 8, NT_GNU_BUILD_ID, 256, 24, false },
	{ 4, UINT32_MAX, NT_GNU_BUILD_ID, 256, 24, false },
	{ 4, 8, NT_GNU_BUILD_ID, 256, UINT32_MAX, false },
	{ 4, 8, NT_GNU_BUILD_ID, UINT32_MAX, 24, false },
	{ 4, 0, NT_GNU_BUILD_ID, 256, 24, false },
	{ 4, 8, NT_GNU_BUILD_ID, 256, 0, false },
};

START_TEST(build_ids)
{
	const bool wide = _i % 2;
	const size_t k = (size_t)_i / 2;
	static const char id[] = "GNU\0abcdefgh";
	uint32_t want[2], other[2] = { 1, 2 };
	uint8_t note[24];
	_fd_ int fd = -1;

	memcpy(note, (uint32_t[]){ notes[k].name, notes[k].id, notes[k].type }, 12);
	memcpy(note + 12, id, 12);
	memcpy(want, "abcdefgh", 8);
	fd = elf_with(wide, notes[k].at, notes[k].len, note, sizeof(note));
	ck_assert(!build_id_differs(fd, want, 2));
	ck_assert_int_eq(build_id_differs(fd, other, 2), notes[k].differs);
	ck_assert_int_eq(build_id_differs(fd, want, 1), notes[k].differs);
}
END_TEST

static Suite *check_world_suite(void)
{
	Suite *s = suite_create("check_world");
	TCase *t = tcase_create("check_world");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, scratch_setup, scratch_teardown);
	tcase_add_loop_test(t, external, 0, sizeof(mappings) / sizeof(*mappings));
	tcase_add_loop_test(t, mountpoints, 0, sizeof(places) / sizeof(*places));
	tcase_add_loop_test(t, files, 0, sizeof(compared) / sizeof(*compared));
	tcase_add_test(t, told);
	tcase_add_test(t, bare);
	tcase_add_loop_test(t, pids, 0, 6);
	tcase_add_loop_test(t, connections, 0, sizeof(connecting) / sizeof(*connecting));
	tcase_add_test(t, ports);
	tcase_add_test(t, addresses);
	tcase_add_test(t, others);
	tcase_add_test(t, terminals);
	tcase_add_test(t, too_many);
	tcase_add_loop_test(t, build_ids, 0, 2 * sizeof(notes) / sizeof(*notes));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(check_world_suite)

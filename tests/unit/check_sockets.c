/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check_world.h"

#include "check/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

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
	bool closed; /* at the dump */
} connecting[] = {
	{ 0, { 0 }, "fail: 1 TCP connections (127.0.0.1 port 7 to 127.0.0.1 port 8)", false },
	{ 0, { 0 }, "warning: 1 TCP", true },
	{ CHECK_TCP_ESTABLISHED, { 0 }, "ok: 1 TCP", false },
	{ 0, { "--tcp-established" }, "ok: 1 TCP", false },
	{ CHECK_TCP_CLOSE, { 0 }, "warning: 1 TCP", false },
	{ 0, { "--tcp-close" }, "warning: 1 TCP", false },
	{ 0, { "tcp-close" }, "fail: 1 TCP", false },
};

/* Which has no magic but its own. */
static void add_inventory(struct dump *d, bool closed)
{
	_buf_ struct buf r = BUF_INIT;
	struct buf *b = &d->list[d->n].bytes;

	d->list[d->n++].name = "inventory.img";
	put_u32(b, 0x58313116);
	put_number(&r, 1, 2);
	put_number(&r, 10, closed);
	put_record(b, &r);
}

START_TEST(connections)
{
	_cleanup_(dump_done) struct dump d = { 0 };
	struct buf *image = add_image(&d, "files.img", FILES);

	add_inventory(&d, connecting[_i].closed);
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
	d.input.rootfs = -1; /* or there is a line for each */
	for (unsigned i = 0; i < 4098; i++)
		put_record(image, &r);
	says(check_sockets, &d.input, "warning: 3 more sockets were not tried");

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

static Suite *check_sockets_suite(void)
{
	Suite *s = suite_create("check_sockets");
	TCase *t = tcase_create("check_sockets");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, scratch_setup, scratch_teardown);
	tcase_add_loop_test(t, pids, 0, 6);
	tcase_add_loop_test(t, connections, 0, sizeof(connecting) / sizeof(*connecting));
	tcase_add_test(t, ports);
	tcase_add_test(t, addresses);
	tcase_add_test(t, others);
	tcase_add_test(t, terminals);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(check_sockets_suite)

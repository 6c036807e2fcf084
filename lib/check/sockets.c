/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets. CRIU stops at connected TCP ones unless it is told what to do with them (sk-inet.c:
 * "Connected TCP socket in image"), where an address or port that a socket was bound to isn't to be
 * had, and where a unix socket of others that one was connected to doesn't answer.
 */
#include "check/world.h"

#include "base/path.h"
#include "check/probe.h"
#include "format/criu_files.h"
#include "format/criu_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define PROBES_MAX 4096

struct sockets {
	struct world *w;
	struct check_report *report;
	struct probe *probes;
	size_t nprobes, tried, nuntried;
	uint64_t connected, external, refused;
	char first[2 * INET6_ADDRSTRLEN + 40]; /* of the connected ones */
};

static void sockets_done(struct sockets *s)
{
	free(s->probes);
}

static const char *address_text(uint32_t family, const uint8_t *address, uint32_t len,
				char ret[INET6_ADDRSTRLEN])
{
	if (!len || !inet_ntop((int)family, address, ret, INET6_ADDRSTRLEN))
		snprintf(ret, INET6_ADDRSTRLEN, "*");
	return ret;
}

/* sk-inet.c: tcp_connection() */
static bool is_connection(const struct criu_file *f)
{
	return f->type == CRIU_FILE_INETSK && f->socket.protocol == IPPROTO_TCP &&
	       f->socket.dst_port;
}

static int take_connection(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct sockets *s = ctx;
	const struct criu_socket *k = &f->socket;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	(void)err;
	if (!is_connection(f))
		return 0;
	if (s->connected++ == 0)
		snprintf(s->first, sizeof(s->first), "%s port %" PRIu32 " to %s port %" PRIu32,
			 address_text(k->family, k->src, k->src_len, from), k->src_port,
			 address_text(k->family, k->dst, k->dst_len, to), k->dst_port);
	return 0;
}

/* A dump that was made with --tcp-close is restored so (image.c: check_img_inventory). */
static int load_closing(const struct check_input *in, struct world *w, struct firn_error *err)
{
	_cleanup_(criu_inventory_done) struct criu_inventory inventory = { 0 };
	int rc = criu_inventory_read(in->images, &inventory, err);

	if (rc >= 0 && inventory.tcp_close)
		w->flags |= CHECK_TCP_CLOSE;
	return rc < 0 ? rc : 0;
}

int check_connections(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_world_ struct world w = { 0 };
	struct sockets s = { .w = &w, .report = r };
	int rc = world_load(in, &w, err);

	if (rc == 0)
		rc = load_closing(in, &w, err);
	if (rc == 0)
		rc = criu_each_file(in->images, take_connection, &s, err);
	if (rc < 0)
		return rc;
	if (!s.connected)
		check_add(r, CHECK_OK, "connections", NULL, "no TCP connections");
	else if (w.flags & CHECK_TCP_CLOSE)
		check_add(r, CHECK_WARNING, "connections", NULL,
			  "%" PRIu64 " TCP connections (%s) will be closed", s.connected, s.first);
	else if (w.flags & CHECK_TCP_ESTABLISHED)
		check_add(r, CHECK_OK, "connections", NULL,
			  "%" PRIu64 " TCP connections (%s): their other ends must still be there",
			  s.connected, s.first);
	else
		check_add(r, CHECK_FAIL, "connections",
			  "--tcp-established, when the other ends are still there",
			  "%" PRIu64 " TCP connections (%s), which CRIU restores only when it is "
			  "told to",
			  s.connected, s.first);
	return 0;
}

static bool to_sockaddr(const struct criu_socket *k, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)k->family;
	if (k->family == AF_INET) {
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, k->src, k->src_len == 4 ? 4 : 0);
	} else if (k->family == AF_INET6) {
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, k->src, k->src_len == 16 ? 16 : 0);
	}
	return k->family == AF_INET || k->family == AF_INET6;
}

static int take_address(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct sockets *s = ctx;
	const struct criu_socket *k = &f->socket;
	struct probe p = { .family = (int)k->family, .type = (int)k->type, .v6only = k->v6only };

	if (f->type != CRIU_FILE_INETSK || !k->src_port || k->src_port > UINT16_MAX ||
	    (k->type != SOCK_STREAM && k->type != SOCK_DGRAM))
		return 0;
	if (is_connection(f) && !(s->w->flags & CHECK_TCP_ESTABLISHED))
		return 0;
	/* Both ends of a connection and their server may have one port: CRIU sees to that. */
	if (!to_sockaddr(k, is_connection(f) ? 0 : (uint16_t)k->src_port, &p.address))
		return 0;
	if (s->nprobes == PROBES_MAX) {
		s->nuntried++;
		return 0;
	}
	if (!s->probes)
		s->probes = calloc(PROBES_MAX, sizeof(*s->probes));
	if (!s->probes)
		return firn_fail_oom(err, "addresses");
	s->probes[s->nprobes++] = p;
	return 0;
}

static void tell_refused(struct sockets *s, const struct probe *p)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&p->address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&p->address;
	const bool wide = p->family == AF_INET6;
	const void *address = wide ? (const void *)&v6->sin6_addr : &v4->sin_addr;
	char text[INET6_ADDRSTRLEN];

	address_text((uint32_t)p->family, address, 1, text);
	if (p->outcome == EADDRINUSE)
		check_add(s->report, CHECK_FAIL, "addresses", "end the program that has it",
			  "%s port %u of %s is taken", p->type == SOCK_STREAM ? "TCP" : "UDP",
			  ntohs(wide ? v6->sin6_port : v4->sin_port), text);
	else if (p->outcome == EADDRNOTAVAIL)
		check_add(s->report, CHECK_FAIL, "addresses",
			  s->w->netns
			      ? "a network that has it; or a checkpoint without such sockets"
			      : "give it to a network device",
			  "a socket was bound to %s, an address that isn't here", text);
	else
		check_add(s->report, CHECK_WARNING, "addresses", NULL,
			  "a socket can't be bound to %s: %s", text, strerror(p->outcome));
}

static int probe_addresses(struct sockets *s, struct firn_error *err)
{
	size_t refused = 0;
	int rc = probe_all(s->w->netns, s->probes, s->nprobes, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < s->nprobes; i++) {
		if (s->probes[i].outcome == 0)
			continue;
		refused++;
		tell_refused(s, &s->probes[i]);
	}
	if (!refused)
		check_add(s->report, CHECK_OK, "addresses", NULL,
			  "all %zu addresses and ports of sockets are to be had", s->nprobes);
	if (s->nuntried)
		check_add(s->report, CHECK_WARNING, "addresses", NULL,
			  "%zu more addresses were not tried", s->nuntried);
	return 0;
}

int check_addresses(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_world_ struct world w = { 0 };
	_cleanup_(sockets_done) struct sockets s = { .w = &w, .report = r };
	struct firn_error why;
	int rc = world_load(in, &w, err);

	if (rc == 0 && (in->dump->own_ns & CRIU_NS_NET) && !w.netns) {
		check_add(r, CHECK_OK, "addresses", NULL,
			  "the processes have a network of their own, which the dump brings");
		return 0;
	}
	if (rc == 0)
		rc = criu_each_file(in->images, take_address, &s, err);
	if (rc < 0)
		return rc;
	if (!s.nprobes) {
		check_add(r, CHECK_OK, "addresses", NULL, "no socket is bound to a port");
		return 0;
	}
	if (probe_addresses(&s, &why) < 0)
		check_add(r, CHECK_WARNING, "addresses", NULL, "not tried: %s", why.msg);
	return 0;
}

/* What @name, of the other end, is now: 0, or an errno. Nothing is sent. */
static int try_name(const struct found *found)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char path[FD_PATH_MAX];
	_fd_ int s = -1;

	/* Nobody can listen on what lies in an image. */
	if (found->node)
		return ECONNREFUSED;
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return errno;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", fd_path(found->fd, path));
	return connect(s, (const struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static int take_external(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct sockets *s = ctx;
	const struct criu_socket *k = &f->socket;
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "", quoted[PATH_QUOTE_MAX];
	_found_ struct found found = FOUND_NONE;
	int rc;

	if (f->type != CRIU_FILE_UNIXSK || !k->external)
		return 0;
	s->external++;
	if (k->name_len == 0 || k->name_len >= sizeof(name) || k->name[0] != '/')
		return 0;
	if (s->tried++ >= PROBES_MAX) {
		s->nuntried++;
		return 0;
	}
	memcpy(name, k->name, k->name_len);
	rc = world_find(s->w, -1, name, &found, err);
	if (rc != WORLD_GONE && (rc != WORLD_THERE || try_name(&found) != ECONNREFUSED))
		return rc < 0 ? rc : 0;
	s->refused++;
	check_add(s->report, CHECK_FAIL, "sockets", "start the program that listens there",
		  "%s: a unix socket was connected to it, and %s", path_quote(name, quoted),
		  rc == WORLD_GONE ? "it isn't there" : "nobody listens there");
	return 0;
}

/* Some versions of CRIU want to be told, and others connect such sockets in any case. */
int check_sockets(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_world_ struct world w = { 0 };
	struct sockets s = { .w = &w, .report = r };
	int rc = world_load(in, &w, err);

	if (rc == 0)
		rc = criu_each_file(in->images, take_external, &s, err);
	if (rc < 0)
		return rc;
	if (!s.external)
		check_add(r, CHECK_OK, "sockets", NULL, "no unix sockets of others");
	else if (!(w.flags & CHECK_EXT_UNIX))
		check_add(r, CHECK_WARNING, "sockets", "--ext-unix-sk",
			  "%" PRIu64 " unix sockets of others, to which CRIU may connect only when "
			  "it is told to",
			  s.external);
	else if (!s.refused)
		check_add(r, CHECK_OK, "sockets", NULL, "%" PRIu64 " unix sockets of others",
			  s.external);
	if (s.nuntried)
		check_add(r, CHECK_WARNING, "sockets", NULL, "%zu more sockets were not tried",
			  s.nuntried);
	return 0;
}

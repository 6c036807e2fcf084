/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open files and sockets, as checkpointctl shows them and with more of what is known. */
#include "look/inspect.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NAME_MAX_SHOWN 160 /* of a unix socket in a path: sun_path has 108 bytes */

/* The files while they are read. */
struct loading {
	struct inspect *i;
	size_t room;
};

static const char *type_name(uint32_t type)
{
	const char *name = criu_file_type_name(type);

	return name ? name : "UNKNOWN";
}

/* go-criu's crit/utils.go: what stands for a path where there is none. */
static const char *path_of(struct inspect *i, const struct criu_file *f)
{
	char text[NAME_MAX_SHOWN + 64];
	int len;

	if (f->type == CRIU_FILE_REG)
		return f->path ? doc_copy(i->doc, f->path, strlen(f->path)) : "Unknown path";
	if (f->type == CRIU_FILE_PIPE)
		len = snprintf(text, sizeof(text), "pipe[%u]", f->pipe);
	else if (f->type == CRIU_FILE_UNIXSK)
		len = snprintf(text, sizeof(text), "unix[%u (%u) %.*s]", f->socket.inode,
			       f->socket.peer,
			       (int)(f->socket.name_len < NAME_MAX_SHOWN ? f->socket.name_len
									 : NAME_MAX_SHOWN),
			       f->socket.name ? (const char *)f->socket.name : "");
	else
		len = snprintf(text, sizeof(text), "%s.%u", type_name(f->type), f->id);
	return doc_copy(i->doc, text, (size_t)len);
}

static const struct criu_socket *keep_socket(struct inspect *i, const struct criu_socket *s)
{
	struct criu_socket copy = *s;

	if (s->interface)
		copy.interface = doc_copy(i->doc, s->interface, strlen(s->interface));
	if (s->name_len)
		copy.name = (const uint8_t *)doc_copy(i->doc, s->name, s->name_len);
	return (const struct criu_socket *)doc_copy(i->doc, &copy, sizeof(copy));
}

static int take_file(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct loading *l = ctx;
	struct inspect *i = l->i;

	if (i->nfiles == INSPECT_FILES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u open files", INSPECT_FILES_MAX);
	if (i->nfiles == l->room) {
		const size_t room = l->room ? 2 * l->room : 64;
		struct inspect_file *grown = reallocarray(i->files, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "open files");
		i->files = grown;
		l->room = room;
	}
	i->files[i->nfiles++] = (struct inspect_file){
		.id = f->id,
		.type = f->type,
		.flags = f->flags,
		.mode = f->mode,
		.size = f->size,
		.position = f->position,
		.path = path_of(i, f),
		.socket = f->is_socket ? keep_socket(i, &f->socket) : NULL,
		.regular_file = f->regular_file,
	};
	return doc_check(i->doc, err);
}

static int by_id(const void *a, const void *b)
{
	const uint32_t x = ((const struct inspect_file *)a)->id;
	const uint32_t y = ((const struct inspect_file *)b)->id;

	return (x > y) - (x < y);
}

int inspect_load_files(struct inspect *i, struct firn_error *err)
{
	struct loading l = { .i = i };
	int rc = criu_each_file(&i->images.base, take_file, &l, err);

	if (rc < 0)
		return rc;
	if (i->nfiles)
		qsort(i->files, i->nfiles, sizeof(*i->files), by_id);
	return 0;
}

const struct inspect_file *inspect_file(const struct inspect *i, uint32_t id)
{
	const struct inspect_file key = { .id = id };

	return i->nfiles ? bsearch(&key, i->files, i->nfiles, sizeof(key), by_id) : NULL;
}

static void add_name(struct inspect *i, struct firn_value *to, const struct inspect_file *f)
{
	const struct inspect_file *named =
	    f && f->regular_file ? inspect_file(i, f->regular_file) : NULL;

	if (named)
		doc_add_static(i->doc, to, "name", named->path);
}

static const char *access_of(uint32_t flags)
{
	static const char *const names[] = { "r", "w", "rw", "" };

	return names[flags & O_ACCMODE];
}

/* What checkpointctl has no fields for. */
static void add_details(struct inspect *i, struct firn_value *v, const struct inspect_file *f)
{
	doc_add_number(i->doc, v, "id", f->id);
	if (f->type == CRIU_FILE_REG || f->type == CRIU_FILE_PIPE || f->type == CRIU_FILE_TTY)
		doc_add_static(i->doc, v, "access", access_of(f->flags));
	if (f->type != CRIU_FILE_REG)
		return;
	doc_add_number(i->doc, v, "position", f->position);
	doc_add_number(i->doc, v, "size", f->size);
	if (f->mode)
		doc_add_format(i->doc, v, "mode", "%o", f->mode);
}

static void tell_file(struct inspect *i, struct firn_value *to, uint32_t type, const char *fd,
		      uint32_t id)
{
	const struct inspect_file *f = inspect_file(i, id);
	struct firn_value *v = doc_add_object(i->doc, to, NULL);

	doc_add_static(i->doc, v, "type", type_name(type));
	doc_add_format(i->doc, v, "fd", "%s %s", type_name(type), fd);
	doc_add_static(i->doc, v, "path", f ? f->path : "Unknown path");
	add_name(i, v, f);
	if (f)
		add_details(i, v, f);
}

static void tell_folder(struct inspect *i, struct firn_value *to, const char *what, uint32_t id)
{
	const struct inspect_file *f = inspect_file(i, id);
	struct firn_value *v;

	if (!id)
		return;
	v = doc_add_object(i->doc, to, NULL);
	doc_add_static(i->doc, v, "type", "");
	doc_add_static(i->doc, v, "fd", what);
	doc_add_static(i->doc, v, "path", f ? f->path : "Unknown path");
}

/* include/net/tcp_states.h; go-criu's spelling */
static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		"",           "ESTABLISHED", "SYN_SENT",     "SYN_RECEIVED", "FIN_WAIT_1",
		"FIN_WAIT_2", "TIME_WAIT",   "CLOSE",        "CLOSE_WAIT",   "LAST_ACK",
		"LISTEN",     "CLOSING",     "NEW_SYN_RECV",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "";
}

static const char *protocol_name(uint32_t protocol)
{
	static const struct {
		uint32_t number;
		const char *name;
	} names[] = {
		{ IPPROTO_ICMP, "ICMP" }, { IPPROTO_ICMPV6, "ICMPV6" },
		{ IPPROTO_IGMP, "IGMP" }, { IPPROTO_RAW, "RAW" },
		{ IPPROTO_TCP, "TCP" },   { IPPROTO_UDP, "UDP" },
		{ 136, "UDPLITE" },       { 132, "SCTP" },
	};

	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		if (names[k].number == protocol)
			return names[k].name;
	return "";
}

static const char *socket_type_name(uint32_t type)
{
	static const char *const names[] = { "", "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET" };

	return type < ARRAY_SIZE(names) ? names[type] : type == SOCK_PACKET ? "PACKET" : "";
}

static const char *family_name(uint32_t family)
{
	switch (family) {
	case AF_UNIX:
		return "UNIX";
	case AF_INET:
		return "IPV4";
	case AF_INET6:
		return "IPV6";
	case AF_PACKET:
		return "PACKET";
	case AF_NETLINK:
		return "NETLINK";
	default:
		return "";
	}
}

/* As Go prints addresses: those of IPv4 in IPv6 as IPv4. */
static void add_address(struct inspect *i, struct firn_value *to, const char *name,
			const uint8_t *address, uint32_t len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (len == 16 && memcmp(address, mapped, sizeof(mapped)) == 0) {
		address += sizeof(mapped);
		len = 4;
	}
	if (len && inet_ntop(len == 4 ? AF_INET : AF_INET6, address, text, sizeof(text)))
		doc_add_text(i->doc, to, name, text);
}

/* go-criu's crit/utils.go, countBytes(): "208.0 KB" for units of 1024. */
static void add_bytes(struct inspect *i, struct firn_value *to, const char *name, uint32_t bytes)
{
	static const char units[] = "KMG";
	double n = bytes;
	unsigned unit = 0;

	if (bytes < 1024) {
		doc_add_format(i->doc, to, name, "%u B", bytes);
		return;
	}
	for (n /= 1024; n >= 1024 && unit < 2; n /= 1024)
		unit++;
	doc_add_format(i->doc, to, name, "%.1f %cB", n, units[unit]);
}

static void tell_data(struct inspect *i, struct firn_value *to, const struct inspect_file *f)
{
	struct firn_value *v = doc_add_object(i->doc, to, "data");
	const struct criu_socket *s = f->socket;

	if (f->type == CRIU_FILE_UNIXSK) {
		doc_add_static(i->doc, v, "type", "UNIX");
		if (s->name_len)
			doc_add_bytes(i->doc, v, "address", s->name, s->name_len);
		return;
	}
	if (f->type == CRIU_FILE_INETSK) {
		doc_add_static(i->doc, v, "type", protocol_name(s->protocol));
		doc_add_static(i->doc, v, "state", state_name(s->state));
		add_address(i, v, "src", s->src, s->src_len);
		doc_add_number(i->doc, v, "src_port", s->src_port);
		add_address(i, v, "dst", s->dst, s->dst_len);
		doc_add_number(i->doc, v, "dst_port", s->dst_port);
	}
	add_bytes(i, v, "send_buf", s->send_bytes);
	add_bytes(i, v, "recv_buf", s->receive_bytes);
}

static void tell_socket(struct inspect *i, struct firn_value *to, uint32_t fd,
			const struct inspect_file *f)
{
	const struct criu_socket *s = f->socket;
	struct firn_value *v = doc_add_object(i->doc, to, NULL);

	if (s->family != AF_UNIX && *protocol_name(s->protocol))
		doc_add_static(i->doc, v, "protocol", protocol_name(s->protocol));
	tell_data(i, v, f);
	doc_add_number(i->doc, v, "fd", fd);
	doc_add_static(i->doc, v, "family", family_name(s->family));
	doc_add_static(i->doc, v, "socket_type", socket_type_name(s->type));
	doc_add_static(i->doc, v, "socket_state", state_name(s->state));
	doc_add_number(i->doc, v, "inode", s->inode);
	if (s->family == AF_UNIX)
		doc_add_number(i->doc, v, "peer_inode", s->peer);
	if (s->backlog)
		doc_add_number(i->doc, v, "backlog", s->backlog);
	doc_add_text(i->doc, v, "interface", s->interface);
}

/* The descriptors of one task. */
struct telling {
	struct inspect *i;
	struct firn_value *files, *sockets;
};

static int take_fd_entry(const struct criu_fd *fd, void *ctx, struct firn_error *err)
{
	struct telling *t = ctx;
	const struct inspect_file *f = inspect_file(t->i, fd->file);
	char number[16];

	snprintf(number, sizeof(number), "%u", fd->fd);
	tell_file(t->i, t->files, fd->type, number, fd->file);
	if (f && f->socket)
		tell_socket(t->i, t->sockets, fd->fd, f);
	return doc_check(t->i->doc, err);
}

static struct firn_value *of_pid(struct inspect *i, const struct inspect_task *t)
{
	struct firn_value *v = doc_object(i->doc);

	doc_add_number(i->doc, v, "pid", t->process.pid);
	return v;
}

static int tell_task(struct inspect *i, const struct inspect_task *t, struct firn_value *files,
		     struct firn_value *sockets, struct firn_error *err)
{
	struct firn_value *of_files = of_pid(i, t), *of_sockets = of_pid(i, t);
	struct telling now = {
		.i = i,
		.files = doc_add_list(i->doc, of_files, "open_files"),
		.sockets = doc_add_list(i->doc, of_sockets, "open_sockets"),
	};
	int rc = criu_each_fd(&i->images.base, t->ids.files, take_fd_entry, &now, err);

	if (rc < 0)
		return rc;
	tell_folder(i, now.files, "cwd", t->fs.cwd);
	tell_folder(i, now.files, "root", t->fs.root);
	if (!value_empty(now.files))
		doc_add(i->doc, files, NULL, of_files);
	if (!value_empty(now.sockets))
		doc_add(i->doc, sockets, NULL, of_sockets);
	return 0;
}

int inspect_fds(struct inspect *i, struct firn_error *err)
{
	struct firn_value *files = doc_list(i->doc);
	struct firn_value *sockets = doc_list(i->doc);

	for (size_t k = 0; k < i->ntasks; k++) {
		int rc = i->tasks[k].shown ? tell_task(i, &i->tasks[k], files, sockets, err) : 0;

		if (rc < 0)
			return rc;
	}
	doc_add(i->doc, i->top, "file_descriptors", files);
	if (!value_empty(sockets))
		doc_add(i->doc, i->top, "sockets", sockets);
	return 0;
}

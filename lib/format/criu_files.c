/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_files.h"

#include "base/buf.h"
#include "format/criu_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* criu/include/magic.h */
#define MAGIC_FILES  0x56303138u
#define MAGIC_FDINFO 0x56213732u
#define MAGIC_REMAP  0x59133954u
#define MAGIC_LOCKS  0x54323616u
#define MAGIC_MEMFD  0x48453499u

#define FILES_IMAGE "files.img"
#define REMAP_IMAGE "remap-fpath.img"
#define LOCKS_IMAGE "filelocks.img"
#define MEMFD_IMAGE "memfd.img"

#define UNIX_EXTERN (1u << 0)  /* sk-unix.c: unix_sk_entry.uflags */
#define REMAP_GHOST (1u << 31) /* files-reg.h: in remap_id of images without remap_type */

/* fdinfo.proto: fd_types */
static const char *const type_names[] = {
	"UND",       "REG",     "PIPE",     "FIFO",     "INETSK", "UNIXSK",   "EVENTFD",
	"EVENTPOLL", "INOTIFY", "SIGNALFD", "PACKETSK", "TTY",    "FANOTIFY", "NETLINKSK",
	"NS",        "TUNF",    "EXT",      "TIMERFD",  "MEMFD",  "BPFMAP",   "PIDFD",
};

const char *criu_file_type_name(uint32_t type)
{
	if (type < ARRAY_SIZE(type_names))
		return type_names[type];
	return type == 65534 ? "CTL_TTY" : type == 65535 ? "AUTOFS_PIPE" : NULL;
}

/* sk-inet.c writes the words of the address as the dumping host has them in memory. */
static uint32_t address_of(const uint32_t *words, size_t n, uint32_t family,
			   uint8_t ret[CRIU_ADDRESS_MAX])
{
	const size_t want = family == AF_INET ? 1 : family == AF_INET6 ? 4 : 0;

	if (want == 0 || n < want)
		return 0;
	for (size_t i = 0; i < want; i++)
		put_le32(ret + 4 * i, words[i]);
	return (uint32_t)(4 * want);
}

static void take_opts(const Criu__SkOpts *opts, struct criu_socket *s)
{
	if (!opts)
		return;
	s->send_bytes = opts->so_sndbuf;
	s->receive_bytes = opts->so_rcvbuf;
}

static void take_inet(const Criu__InetSk *m, struct criu_file *f)
{
	struct criu_socket *s = &f->socket;

	f->is_socket = true;
	f->flags = m->flags;
	s->family = m->family;
	s->type = m->type;
	s->protocol = m->proto;
	s->state = m->state;
	s->inode = m->ino;
	s->backlog = m->backlog;
	s->src_port = m->src_port;
	s->dst_port = m->dst_port;
	s->src_len = address_of(m->src_addr, m->n_src_addr, m->family, s->src);
	s->dst_len = address_of(m->dst_addr, m->n_dst_addr, m->family, s->dst);
	s->interface = m->ifname;
	s->v6only = m->v6only;
	take_opts(m->opts, s);
}

static void take_unix(const Criu__UnixSk *m, struct criu_file *f)
{
	struct criu_socket *s = &f->socket;

	f->is_socket = true;
	f->flags = m->flags;
	s->family = AF_UNIX;
	s->type = m->type;
	s->state = m->state;
	s->inode = m->ino;
	s->peer = m->peer;
	s->backlog = m->backlog;
	s->name = m->name.data;
	s->name_len = m->name.len;
	s->external = m->uflags & UNIX_EXTERN;
	take_opts(m->opts, s);
}

static void take_packet(const Criu__PacketSk *m, struct criu_file *f)
{
	f->is_socket = true;
	f->flags = m->flags;
	f->socket.family = AF_PACKET;
	f->socket.type = m->type;
	f->socket.protocol = m->protocol;
	take_opts(m->opts, &f->socket);
}

static void take_netlink(const Criu__NetlinkSk *m, struct criu_file *f)
{
	f->is_socket = true;
	f->flags = m->flags;
	f->socket.family = AF_NETLINK;
	f->socket.protocol = m->protocol;
	f->socket.state = m->state;
	f->socket.inode = m->ino;
	take_opts(m->opts, &f->socket);
}

static void take_regular(const Criu__RegFile *m, struct criu_file *f)
{
	f->path = m->name;
	f->flags = m->flags;
	f->mode = m->mode;
	f->size = m->size;
	f->position = m->pos;
	f->has_size = m->has_size;
	f->external = m->ext;
	f->mount = m->mnt_id;
	f->build_id = m->build_id;
	f->build_id_len = m->n_build_id;
}

static int take_file(const Criu__File *m, criu_file_fn *take, void *ctx, struct firn_error *err)
{
	struct criu_file f = { .id = m->id, .type = m->type, .mount = -1 };

	if (m->reg)
		take_regular(m->reg, &f);
	if (m->pipe) {
		f.pipe = m->pipe->pipe_id;
		f.flags = m->pipe->flags;
	}
	if (m->fifo) {
		f.pipe = m->fifo->pipe_id;
		f.regular_file = m->fifo->regf_id;
	}
	if (m->tty) {
		f.flags = m->tty->flags;
		f.regular_file = m->tty->regf_id;
	}
	if (m->memfd)
		f.memfd = m->memfd->inode_id;
	if (m->isk)
		take_inet(m->isk, &f);
	if (m->usk)
		take_unix(m->usk, &f);
	if (m->psk)
		take_packet(m->psk, &f);
	if (m->nlsk)
		take_netlink(m->nlsk, &f);
	return take(&f, ctx, err);
}

int criu_each_file(struct criu_images *images, criu_file_fn *take, void *ctx,
		   struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	int rc = criu_reader_open(images, FILES_IMAGE, MAGIC_FILES, &r, err);

	if (rc <= 0)
		return rc;
	while ((rc = criu_message_next(&r, &criu__file__descriptor, &m, err)) > 0) {
		rc = take_file((const Criu__File *)m, take, ctx, err);
		if (rc < 0)
			break;
	}
	return rc < 0 ? firn_wrap(err, rc, "%s", FILES_IMAGE) : 1;
}

int criu_each_remap(struct criu_images *images, criu_remap_fn *take, void *ctx,
		    struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	int rc = criu_reader_open(images, REMAP_IMAGE, MAGIC_REMAP, &r, err);

	if (rc <= 0)
		return rc;
	while ((rc = criu_message_next(&r, &criu__remap__descriptor, &m, err)) > 0) {
		const Criu__Remap *in = (const Criu__Remap *)m;
		struct criu_remap remap = { in->orig_id, in->remap_id, CRIU_REMAP_LINKED };

		if (in->has_remap_type) {
			remap.type = (enum criu_remap_type)in->remap_type;
		} else if (remap.to & REMAP_GHOST) {
			remap.to &= ~REMAP_GHOST;
			remap.type = CRIU_REMAP_GHOST;
		}
		rc = take(&remap, ctx, err);
		if (rc < 0)
			break;
	}
	return rc < 0 ? firn_wrap(err, rc, "%s", REMAP_IMAGE) : 1;
}

int criu_count_locks(struct criu_images *images, uint32_t *ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	uint32_t n = 0;
	int rc = criu_reader_open(images, LOCKS_IMAGE, MAGIC_LOCKS, &r, err);

	if (rc <= 0)
		return rc;
	while ((rc = criu_message_next(&r, &criu__file_lock__descriptor, &m, err)) > 0)
		n++;
	if (rc < 0)
		return firn_wrap(err, rc, "%s", LOCKS_IMAGE);
	*ret = n;
	return 1;
}

int criu_each_memfd(struct criu_images *images, criu_memfd_fn *take, void *ctx,
		    struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	int rc = criu_reader_open(images, MEMFD_IMAGE, MAGIC_MEMFD, &r, err);

	if (rc <= 0)
		return rc;
	while ((rc = criu_message_next(&r, &criu__memfd_inode__descriptor, &m, err)) > 0) {
		const Criu__MemfdInode *i = (const Criu__MemfdInode *)m;
		const struct criu_memfd memfd = { (uint32_t)i->inode_id, i->shmid, i->name };

		rc = take(&memfd, ctx, err);
		if (rc < 0)
			break;
	}
	return rc < 0 ? firn_wrap(err, rc, "%s", MEMFD_IMAGE) : 1;
}

int criu_each_fd(struct criu_images *images, uint32_t files, criu_fd_fn *take, void *ctx,
		 struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "fdinfo-%" PRIu32 ".img", files);
	rc = criu_reader_open(images, name, MAGIC_FDINFO, &r, err);
	if (rc <= 0)
		return rc;
	while ((rc = criu_message_next(&r, &criu__fdinfo__descriptor, &m, err)) > 0) {
		const Criu__Fdinfo *i = (const Criu__Fdinfo *)m;
		const struct criu_fd fd = { i->fd, i->id, i->type, i->flags };

		rc = take(&fd, ctx, err);
		if (rc < 0)
			break;
	}
	return rc < 0 ? firn_wrap(err, rc, "%s", name) : 1;
}

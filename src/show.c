/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include "show.h"

#include <inttypes.h>
#include <string.h>

const char *show_bytes(int64_t bytes, char ret[SHOW_BYTES_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = (double)bytes;
	size_t unit = 0;

	for (; n >= 1024 && unit + 1 < ARRAY_SIZE(units); n /= 1024)
		unit++;
	snprintf(ret, SHOW_BYTES_MAX, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return ret;
}

static const char *text(const struct firn_value *v, const char *name)
{
	const char *t = firn_value_text(firn_value_get(v, name));

	return t ? t : "";
}

static int64_t number(const struct firn_value *v, const char *name)
{
	return firn_value_number(firn_value_get(v, name));
}

static bool there(const struct firn_value *v, const char *name)
{
	return firn_value_get(v, name) != NULL;
}

/* "Label: text", when there is one. */
static void line(struct tree *t, unsigned depth, const char *label, const char *value)
{
	if (value && *value)
		tree_add(t, depth, "%s: %s", label, value);
}

static void field(struct tree *t, unsigned depth, const char *label, const struct firn_value *v,
		  const char *name)
{
	line(t, depth, label, text(v, name));
}

static void bytes(struct tree *t, unsigned depth, const char *label, const struct firn_value *v,
		  const char *name)
{
	char shown[SHOW_BYTES_MAX];

	if (number(v, name))
		tree_add(t, depth, "%s: %s", label, show_bytes(number(v, name), shown));
}

static void count(struct tree *t, unsigned depth, const char *label, const struct firn_value *v,
		  const char *name)
{
	if (there(v, name))
		tree_add(t, depth, "%s: %" PRId64, label, number(v, name));
}

static void microseconds(struct tree *t, unsigned depth, const char *label,
			 const struct firn_value *v, const char *name)
{
	const int64_t us = number(v, name);

	if (us >= 1000000)
		tree_add(t, depth, "%s: %.3f s", label, (double)us / 1e6);
	else if (us >= 1000)
		tree_add(t, depth, "%s: %.3f ms", label, (double)us / 1e3);
	else
		tree_add(t, depth, "%s: %" PRId64 " us", label, us);
}

#define each(member, list)                                                                         \
	for (const struct firn_value *member = firn_value_first(list); member;                     \
	     member = firn_value_next(member))

static void show_identity(struct tree *t, const struct firn_value *c)
{
	const struct firn_value *base = firn_value_get(c, "base"),
				*host = firn_value_get(c, "host");
	const struct firn_value *metadata = firn_value_get(c, "metadata");

	field(t, 1, "Image", c, "image");
	if (strcmp(text(base, "requested"), text(c, "image")) != 0)
		field(t, 2, "Requested as", base, "requested");
	field(t, 2, "ID", base, "id");
	field(t, 2, "Reference", base, "ref");
	field(t, 2, "Digest", base, "digest");
	if (number(base, "external"))
		tree_add(t, 2, "Not in this image: --base names it");
	field(t, 1, "ID", c, "id");
	field(t, 1, "Engine", c, "engine");
	field(t, 1, "Runtime", c, "runtime");
	field(t, 1, "Created", c, "created");
	field(t, 1, "Checkpointed", c, "checkpointed");
	field(t, 1, "Host name", c, "hostname");
	field(t, 1, "Pod", metadata, "pod_name");
	field(t, 1, "Kubernetes namespace", metadata, "kubernetes_namespace");
	field(t, 1, "IP", c, "ip");
	field(t, 1, "MAC", c, "mac");
	field(t, 1, "Architecture", host, "architecture");
	field(t, 1, "Kernel", host, "kernel");
	field(t, 1, "CRIU", host, "criu_version");
	if (strcmp(text(firn_value_get(c, "criu"), "lsm"), "none") != 0)
		field(t, 1, "Security module", firn_value_get(c, "criu"), "lsm");
	field(t, 1, "Parent dump", firn_value_get(c, "criu"), "parent");
}

static void show_networks(struct tree *t, const struct firn_value *networks)
{
	each(n, networks)
	{
		tree_add(t, 1, "Network %s", text(n, "name"));
		each(i, firn_value_get(n, "interfaces"))
		{
			tree_add(t, 2, "%s", firn_value_name(i));
			field(t, 3, "IP", i, "ip");
			field(t, 3, "MAC", i, "mac");
			field(t, 3, "Gateway", i, "gateway");
		}
	}
}

static void show_images(struct tree *t, const struct firn_value *images)
{
	char shown[SHOW_BYTES_MAX];

	if (!images)
		return;
	tree_add(t, 1, "Images");
	field(t, 2, "Container", images, "container");
	field(t, 2, "Index", images, "index");
	field(t, 2, "Checkpoint", images, "checkpoint");
	field(t, 2, "Rootfs", images, "rootfs");
	if (there(images, "layers"))
		tree_add(t, 2, "Layers");
	each(l, firn_value_get(images, "layers"))
	{
		tree_add(t, 3, "%s%s%s: %s, %s", text(l, "image"), there(l, "role") ? " " : "",
			 text(l, "role"), show_bytes(number(l, "size"), shown), text(l, "digest"));
	}
}

static void show_kinds(struct tree *t, const char *what, const struct firn_value *v,
		       const char *bytes)
{
	char shown[SHOW_BYTES_MAX];

	tree_add(t, strchr(what, ' ') ? 2 : 3,
		 "%s: %" PRId64 " files (%s), %" PRId64 " folders, %" PRId64 " links, %" PRId64
		 " others",
		 what, number(v, "files"), show_bytes(number(v, bytes), shown),
		 number(v, "folders"), number(v, "links"), number(v, "others"));
}

static void show_delta(struct tree *t, const struct firn_value *delta)
{
	const struct firn_value *removed = firn_value_get(delta, "removed");
	char shown[SHOW_BYTES_MAX];

	if (!delta)
		return;
	tree_add(t, 1, "Root FS diff size: %s", show_bytes(number(delta, "size"), shown));
	if (there(delta, "files")) {
		show_kinds(t, "Added or modified", delta, "file_bytes");
		if (there(delta, "added")) {
			show_kinds(t, "Added", firn_value_get(delta, "added"), "bytes");
			show_kinds(t, "Modified", firn_value_get(delta, "modified"), "bytes");
		}
		tree_add(t, 2, "Deleted: %" PRId64, number(delta, "deleted"));
		if (removed)
			tree_add(t, 3, "Of the base: %" PRId64 " files and folders (%s)",
				 number(removed, "entries"),
				 show_bytes(number(removed, "bytes"), shown));
		if (number(delta, "opaque"))
			count(t, 2, "Folders made anew", delta, "opaque");
	}
	if (firn_value_first(firn_value_get(delta, "largest")))
		tree_add(t, 2, "Largest files");
	each(f, firn_value_get(delta, "largest"))
	{
		tree_add(t, 3, "%s: %s", text(f, "path"), show_bytes(number(f, "size"), shown));
	}
	each(l, firn_value_get(delta, "loss"))
	{
		tree_add(t, 2, "Lost by the engine: %s", firn_value_text(l));
	}
}

static void show_sizes(struct tree *t, const struct firn_value *c)
{
	const struct firn_value *size = firn_value_get(c, "checkpoint_size");
	const struct firn_value *s = firn_value_get(c, "statistics");
	char shown[SHOW_BYTES_MAX];

	tree_add(t, 1, "Checkpoint size: %s", show_bytes(number(size, "total_size"), shown));
	bytes(t, 2, "Memory pages", size, "memory_pages_size");
	count(t, 3, "Pages of zeros", size, "zero_pages");
	bytes(t, 2, "AMD GPU memory pages", size, "amd_gpu_memory_pages_size");
	show_delta(t, firn_value_get(c, "delta"));
	show_images(t, firn_value_get(c, "images"));
	if (!s)
		return;
	tree_add(t, 1, "CRIU dump statistics");
	microseconds(t, 2, "Freezing time", s, "freezing_time");
	microseconds(t, 2, "Frozen time", s, "frozen_time");
	microseconds(t, 2, "Memdump time", s, "memdump_time");
	microseconds(t, 2, "Memwrite time", s, "memwrite_time");
	count(t, 2, "Pages scanned", s, "pages_scanned");
	count(t, 2, "Pages written", s, "pages_written");
	if (number(s, "pages_skipped_parent"))
		count(t, 2, "Pages in the dump before", s, "pages_skipped_parent");
	if (number(s, "pages_lazy"))
		count(t, 2, "Pages left lazy", s, "pages_lazy");
}

static void show_surroundings(struct tree *t, const struct firn_value *c)
{
	const struct firn_value *annotations =
	    firn_value_get(firn_value_get(c, "metadata"), "annotations");

	if (there(c, "namespaces"))
		tree_add(t, 1, "Namespaces");
	each(n, firn_value_get(c, "namespaces"))
	{
		tree_add(t, 2, "%s: %s", text(n, "type"),
			 number(n, "own") ? "its own" : "the host's");
	}
	if (there(c, "cgroups"))
		tree_add(t, 1, "Control groups");
	each(s, firn_value_get(c, "cgroups"))
	{
		tree_add(t, 2, "Set %" PRId64, number(s, "set"));
		each(g, firn_value_get(s, "groups"))
		{
			tree_add(t, 3, "%s: %s", text(g, "controller"), text(g, "path"));
		}
	}
	if (annotations)
		tree_add(t, 1, "Annotations");
	each(a, annotations)
	{
		tree_add(t, 2, "%s: %s", firn_value_name(a), firn_value_text(a));
	}
}

static void show_mounts(struct tree *t, const struct firn_value *c)
{
	if (there(c, "mounts"))
		tree_add(t, 1, "Mounts of the runtime");
	each(m, firn_value_get(c, "mounts"))
	{
		tree_add(t, 2, "%s: %s from %s", text(m, "destination"), text(m, "type"),
			 text(m, "source"));
	}
	if (there(c, "mountpoints"))
		tree_add(t, 1, "Mounts at the dump");
	each(m, firn_value_get(c, "mountpoints"))
	{
		tree_add(t, 2, "%s: %s from %s%s%s%s", text(m, "mountpoint"), text(m, "type"),
			 text(m, "source"), number(m, "read_only") ? ", read-only" : "",
			 there(m, "external") ? ", brought by the engine as " : "",
			 text(m, "external"));
	}
}

/* What belongs to one process of the list @of. */
static const struct firn_value *of_process(const struct firn_value *of, int64_t pid)
{
	each(v, of)
	{
		if (number(v, "pid") == pid)
			return v;
	}
	return NULL;
}

static void show_address(struct tree *t, unsigned depth, const struct firn_value *s)
{
	const struct firn_value *d = firn_value_get(s, "data");
	const struct firn_value *address = firn_value_get(d, "address");
	const char *name = text(d, "address");

	if (strcmp(text(s, "family"), "UNIX") == 0) {
		const bool abstract = firn_value_length(address) && !*name;

		tree_add(t, depth, "[%" PRId64 "] UNIX %s %s %s%s", number(s, "fd"),
			 text(s, "socket_type"), text(s, "socket_state"), abstract ? "@" : "",
			 abstract ? name + 1
			 : *name  ? name
				  : "(unnamed)");
	} else if (there(d, "src_port")) {
		tree_add(t, depth, "[%" PRId64 "] %s %s %s:%" PRId64 " -> %s:%" PRId64,
			 number(s, "fd"), text(s, "protocol"), text(d, "state"), text(d, "src"),
			 number(d, "src_port"), text(d, "dst"), number(d, "dst_port"));
	} else {
		tree_add(t, depth, "[%" PRId64 "] %s %s", number(s, "fd"), text(s, "family"),
			 text(s, "protocol"));
	}
}

static void show_open(struct tree *t, unsigned depth, const struct firn_value *c, int64_t pid)
{
	const struct firn_value *files = of_process(firn_value_get(c, "file_descriptors"), pid);
	const struct firn_value *sockets = of_process(firn_value_get(c, "sockets"), pid);

	if (files)
		tree_add(t, depth, "Open files");
	each(f, firn_value_get(files, "open_files"))
	{
		tree_add(t, depth + 1, "[%s] %s%s%s", text(f, "fd"), text(f, "path"),
			 there(f, "name") ? " " : "", text(f, "name"));
	}
	if (sockets)
		tree_add(t, depth, "Open sockets");
	each(s, firn_value_get(sockets, "open_sockets"))
	{
		show_address(t, depth + 1, s);
	}
}

static void show_areas(struct tree *t, unsigned depth, const struct firn_value *areas)
{
	if (areas)
		tree_add(t, depth, "Memory areas");
	each(a, areas)
	{
		tree_add(t, depth + 1,
			 "%s-%s %s %s%s%s: %" PRId64 " pages, %" PRId64 " in the dump, %" PRId64
			 " zero, %" PRId64 " in the parent, %" PRId64 " lazy",
			 text(a, "start"), text(a, "end"), text(a, "protection"), text(a, "kind"),
			 there(a, "path") ? " " : "", text(a, "path"), number(a, "pages"),
			 number(a, "pages_present"), number(a, "pages_zero"),
			 number(a, "pages_parent"), number(a, "pages_lazy"));
	}
}

static void show_memory(struct tree *t, unsigned depth, const struct firn_value *p)
{
	const struct firn_value *m = firn_value_get(p, "memory");
	char size[SHOW_BYTES_MAX], present[SHOW_BYTES_MAX];

	if (!m)
		return;
	tree_add(t, depth,
		 "Memory: %" PRId64 " areas, %s; pages: %" PRId64 " in the dump (%s), %" PRId64
		 " zero, %" PRId64 " in the parent, %" PRId64 " lazy",
		 number(m, "areas"), show_bytes(number(m, "size"), size),
		 number(m, "pages_present"),
		 show_bytes(number(m, "pages_present") * number(m, "page_size"), present),
		 number(m, "pages_zero"), number(m, "pages_parent"), number(m, "pages_lazy"));
	show_areas(t, depth, firn_value_get(p, "memory_areas"));
}

static void show_security(struct tree *t, unsigned depth, const struct firn_value *p)
{
	if (there(p, "uid"))
		tree_add(t, depth, "User: %" PRId64 ", group: %" PRId64, number(p, "uid"),
			 number(p, "gid"));
	field(t, depth, "Capabilities", p, "capabilities");
	if (strcmp(text(p, "seccomp"), "disabled") != 0)
		field(t, depth, "Seccomp", p, "seccomp");
	field(t, depth, "Security profile", p, "lsm_profile");
}

static void show_process(struct tree *t, unsigned depth, const struct firn_value *c,
			 const struct firn_value *p)
{
	const char *cmdline = text(p, "cmdline"), *state = text(p, "task_state");
	const bool alive = strcmp(state, "Alive") == 0;

	tree_add(t, depth, "[%" PRId64 "%s%s] %s", number(p, "pid"), alive ? "" : " ",
		 alive ? "" : state, *cmdline ? cmdline : text(p, "command"));
	field(t, depth + 1, "Program", p, "exe");
	if (number(p, "threads") > 1)
		count(t, depth + 1, "Threads", p, "threads");
	show_security(t, depth + 1, p);
	show_memory(t, depth + 1, p);
	if (there(p, "environment_variables"))
		tree_add(t, depth + 1, "Environment");
	each(e, firn_value_get(p, "environment_variables"))
	{
		tree_add(t, depth + 2, "%s=%s", firn_value_name(e), firn_value_text(e));
	}
	show_open(t, depth + 1, c, number(p, "pid"));
	each(child, firn_value_get(p, "children"))
	{
		show_process(t, depth + 1, c, child);
	}
}

bool show_container(FILE *f, const struct firn_value *c)
{
	const struct firn_value *tree = firn_value_get(c, "process_tree");
	const char *name = text(c, "container_name");
	struct tree t = { 0 };
	bool good;

	tree_add(&t, 0, "%s", *name ? name : "Process");
	show_identity(&t, c);
	show_networks(&t, firn_value_get(c, "networks"));
	show_sizes(&t, c);
	show_surroundings(&t, c);
	show_mounts(&t, c);
	if (tree) {
		tree_add(&t, 1, "Process tree");
		show_process(&t, 2, c, tree);
	}
	good = !t.failed;
	if (good)
		tree_print(f, &t);
	tree_done(&t);
	return good;
}

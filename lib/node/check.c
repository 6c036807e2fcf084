/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/check.h"

#include "firn/check.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "node/bundle.h"
#include "node/mount.h"
#include "node/restore_podman.h"
#include "node/slot.h"
#include "remote/registry.h"

#include <fcntl.h>
#include <string.h>

#define CONTAINERS_MAX 1024

struct firn_checked {
	struct doc *doc;
	struct firn_value *containers;
	struct check_report **reports;
	size_t n, failures;
};

struct firn_checked *firn_checked_free(struct firn_checked *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		check_report_free(c->reports[i]);
	free(c->reports);
	doc_free(c->doc);
	free(c);
	return NULL;
}

static void checked_freep(struct firn_checked **c)
{
	*c = firn_checked_free(*c);
}

size_t firn_checked_failures(const struct firn_checked *c)
{
	return c->failures;
}

const struct firn_value *firn_checked_value(const struct firn_checked *c)
{
	return c->containers;
}

/* One call. */
struct asking {
	const char *image;
	struct firn_check_opts opts;
	struct firn_restore_opts restore;
	struct firn_mount_opts mount;
	struct registry_opts registry;
};

/* One container. */
struct one {
	const struct asking *a;
	struct firn_mount_opts mount; /* of this container */
	struct checking c;
	struct check_report *report; /* borrowed */
	struct slot slot;
	bool mounted;
	struct content_source *source; /* of what isn't mounted */
};

static void one_done(struct one *o)
{
	checking_done(&o->c);
	content_source_free(o->source);
	if (o->mounted && firn_umount(o->slot.bundle, o->slot.state, NULL) == 0)
		slot_remove(&o->slot);
	slot_done(&o->slot);
}

static void tell_base(struct one *o, const struct content_source *s)
{
	const char *name = content_base_name(s);

	switch (content_base(s)) {
	case CONTENT_BASE_INSIDE:
		check_add(o->report, CHECK_OK, "base", NULL, "the image has its layers inside%s%s",
			  name ? ": " : "", name ? name : "");
		break;
	case CONTENT_BASE_GIVEN:
		check_add(o->report, CHECK_OK, "base", NULL,
			  "%s is the image that the container was made from", name ? name : "it");
		break;
	default:
		check_add(o->report, CHECK_OK, "base", NULL, "none is needed");
	}
}

#define GIVE_BASE   "--base with the image that the container was made from"
#define GIVE_VOLUME "--volume OLD=NEW says where it is on this host"

/* What firn restore would say. */
static void tell_refused(struct one *o, const struct content_source *s, int rc,
			 const struct firn_error *why)
{
	o->c.no_rootfs = "the checkpoint can't be mounted";
	if (s && content_base(s) == CONTENT_BASE_LACKING) {
		check_add(o->report, CHECK_FAIL, "base", GIVE_BASE, "%s", why->msg);
		o->c.no_rootfs = "the image that the container was made from is missing";
		o->c.no_rootfs_remedy = GIVE_BASE;
	} else if (rc == -FIRN_ENOTFOUND && s) {
		check_add(o->report, CHECK_FAIL, "volumes", GIVE_VOLUME, "%s", why->msg);
		o->c.no_rootfs = "without that volume the checkpoint can't be mounted";
		o->c.no_rootfs_remedy = GIVE_VOLUME;
	} else if (geteuid() != 0) {
		o->c.no_rootfs_remedy = "run it as root, or give --rootfs";
		check_add(o->report, CHECK_WARNING, "base", o->c.no_rootfs_remedy,
			  "not looked at: %s", why->msg);
	} else {
		o->c.no_rootfs_remedy =
		    members_form(o->c.m) == MEMBERS_IMAGE
			? NULL
			: "firn build makes an image of the checkpoint, which can be mounted";
		check_add(o->report, CHECK_FAIL, "mount", o->c.no_rootfs_remedy, "%s", why->msg);
	}
}

/* As firn restore does it, in a folder of the same kind; without root by FUSE. */
static int mount_it(struct one *o, struct firn_error *err)
{
	_cleanup_(content_source_freep) struct content_source *source = NULL;
	struct firn_mounted *mounted = NULL;
	struct firn_error why = { 0 };
	int rc = slot_claim(o->mount.state, NULL, &o->slot, err);

	if (rc < 0)
		return rc;
	rc = content_find(o->a->image, &o->mount, &source, &why);
	if (rc == 0)
		rc = mount_content(source, o->slot.bundle, &o->mount, NULL, &mounted, &why);
	firn_mounted_free(mounted);
	if (rc < 0) {
		tell_refused(o, source, rc, &why);
		slot_remove(&o->slot);
		return rc == -FIRN_ENOMEM ? firn_fail_oom(err, "mount") : 0;
	}
	o->mounted = true;
	tell_base(o, source);
	return checking_load_bundle(&o->c, o->slot.bundle, err);
}

static bool in_registry(const char *text)
{
	_cleanup_(ref_done) struct ref ref = { 0 };

	return text && ref_parse(text, &ref, NULL) == 0 && ref.transport == REF_DOCKER;
}

/* Whether a part of it would have to be brought here to be mounted. */
static bool is_far(const struct one *o)
{
	const struct firn_mount_opts *m = &o->mount;
	bool far = members_remote(o->c.m) || in_registry(m->base);

	for (size_t i = 0; !far && i < m->nbases; i++) {
		const char *base = strchr(m->bases[i], '=');

		far = in_registry(base ? base + 1 : NULL);
	}
	return far;
}

/* What is in a registry is looked at where it is. */
static int look_at_it(struct one *o, struct firn_error *err)
{
	const struct registry_opts *registry = &o->a->registry;
	struct firn_error why = { 0 };
	int rc = members_remote(o->c.m)
		     ? content_find_in(members_store(o->c.m), members_desc(o->c.m), &o->mount,
				       registry, &o->source, &why)
		     : content_find_from(o->a->image, &o->mount, registry, &o->source, &why);

	if (rc == 0)
		rc = checking_load_tree(&o->c, o->source, &o->mount, &why);
	if (rc == -FIRN_ENOMEM)
		return firn_fail_oom(err, "check");
	if (rc < 0)
		tell_refused(o, o->source, rc, &why);
	else
		tell_base(o, o->source);
	return 0;
}

/* What is not mounted has a config.json, too. A volume that isn't there was told, or is now. */
static int make_config(struct one *o, struct firn_error *err)
{
	const struct firn_mount_opts opts = { .volumes = o->mount.volumes,
					      .nvolumes = o->mount.nvolumes };
	const struct content content = { .config = o->c.config_text,
					 .config_len = o->c.config_len,
					 .spec = o->c.spec_text,
					 .spec_len = o->c.spec_len };
	const struct bundle b = {
		.opts = &opts,
		.content = &content,
		.path = CHECKING_NOWHERE,
		.cgroup = CHECKING_NOWHERE,
	};
	const size_t before = check_count(o->report, CHECK_FAIL);
	struct firn_error why;
	int rc = bundle_config(&b, &o->c.dump, &o->c.spec, &why);

	if (rc == -FIRN_ENOMEM)
		return firn_fail_oom(err, "config.json");
	if (rc < 0 && before == 0)
		check_add(o->report, CHECK_FAIL, "volumes", GIVE_VOLUME, "%s", why.msg);
	return 0;
}

static int find_rootfs(struct one *o, struct firn_error *err)
{
	const char *given = o->a->opts.rootfs;
	int rc = 0;

	if (given) {
		o->c.rootfs = open(given, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (o->c.rootfs < 0)
			return firn_fail_errno(err, "%s", given);
		check_add(o->report, CHECK_OK, "base", NULL, "not looked at: the rootfs is given");
	} else {
		rc = is_far(o) ? look_at_it(o, err) : mount_it(o, err);
	}
	return rc < 0 || o->c.spec.json ? rc : make_config(o, err);
}

static int ask(struct one *o, struct firn_error *err)
{
	int rc = find_rootfs(o, err);

	if (rc < 0)
		return rc;
	checking_fill(&o->c, &o->a->restore, o->a->restore.runtime);
	if (o->mounted && geteuid() != 0)
		o->c.input.flags |= CHECK_LOOKS;
	rc = check_run(check_host, &o->c.input, o->report, err);
	return rc < 0 ? rc : check_run(check_world, &o->c.input, o->report, err);
}

static void add_container(struct firn_checked *to, const struct one *o, const char *name)
{
	struct firn_value *v = doc_add_object(to->doc, to->containers, NULL);
	const size_t failures = check_count(o->report, CHECK_FAIL);

	if (!name)
		name = o->c.config.name;
	doc_add_text(to->doc, v, "container", name);
	doc_add_bool(to->doc, v, "restorable", failures == 0);
	doc_add_number(to->doc, v, "failures", failures);
	doc_add_number(to->doc, v, "warnings", check_count(o->report, CHECK_WARNING));
	doc_add(to->doc, v, "checks", check_report_value(o->report));
	to->failures += failures;
}

/* @m is taken, also on failure. */
static int check_one(const struct asking *a, struct members *m, const char *name,
		     struct firn_checked *to, struct firn_error *err)
{
	_cleanup_(one_done) struct one o = {
		.a = a, .mount = a->mount, .c = CHECKING_NONE, .slot.lock = -1
	};
	int rc = checking_load(&o.c, m, err);

	if (rc == 0)
		rc = check_report_new(&to->reports[to->n], err);
	if (rc < 0)
		return rc;
	o.report = to->reports[to->n++];
	o.mount.container = name ? name : a->mount.container;
	rc = ask(&o, err);
	if (rc < 0)
		return rc;
	add_container(to, &o, name);
	return doc_check(to->doc, err);
}

static int copy_names(const struct checkpoint_names *from, char ***ret, struct firn_error *err)
{
	char **list = calloc(from ? from->n + 1 : 1, sizeof(*list));

	if (!list)
		return firn_fail_oom(err, "containers");
	*ret = list;
	for (size_t i = 0; from && i < from->n; i++)
		if (from->list[i] && !(list[i] = strdup(from->list[i])))
			return firn_fail_oom(err, "containers");
	return 0;
}

static void names_freep(char ***list)
{
	for (char **name = *list; name && *name; name++)
		free(*name);
	free(*list);
}

/* One container after the other: only one is open at a time. */
static int check_all(const struct asking *a, struct firn_checked *to, struct firn_error *err)
{
	_cleanup_(names_freep) char **names = NULL;
	struct members *m = NULL;
	size_t n;
	int rc = members_open_from(a->image, a->mount.container, &a->registry, &m, err);

	if (rc < 0)
		return rc;
	n = members_names(m) ? members_names(m)->n : 0;
	rc = n > CONTAINERS_MAX
		 ? firn_fail(err, FIRN_ELIMIT, "more than %d containers", CONTAINERS_MAX)
		 : copy_names(members_names(m), &names, err);
	to->reports = rc < 0 ? NULL : calloc(n + 1, sizeof(struct check_report *));
	if (!to->reports) {
		members_close(m);
		return rc < 0 ? rc : firn_fail_oom(err, "check");
	}
	if (a->mount.container || n <= 1)
		return check_one(a, m, a->mount.container, to, err);
	rc = check_one(a, m, names[0], to, err);
	for (size_t i = 1; rc == 0 && i < n; i++) {
		rc = members_open_from(a->image, names[i], &a->registry, &m, err);
		if (rc == 0)
			rc = check_one(a, m, names[i], to, err);
	}
	return rc;
}

static int take_opts(const struct firn_check_opts *given, struct asking *a, struct firn_error *err)
{
	int rc = opts_take(given, &a->opts, sizeof(a->opts), err);

	if (rc == 0)
		rc = opts_take(a->opts.restore, &a->restore, sizeof(a->restore), err);
	if (rc == 0)
		rc = opts_take(a->restore.mount, &a->mount, sizeof(a->mount), err);
	if (rc == 0)
		rc = registry_opts_from(a->opts.registry, &a->registry, err);
	if (rc < 0)
		return rc;
	if (restore_podman_is(a->restore.runtime))
		return firn_fail(err, FIRN_EINVAL,
				 "Podman restores in its own way: what firn would do is asked");
	/* Nothing is to be left of this one. */
	a->mount.upper = NULL;
	a->mount.flags &= ~(unsigned)FIRN_MOUNT_READ_ONLY;
	a->mount.id = NULL;
	return 0;
}

int firn_check(const char *image, const struct firn_check_opts *opts, struct firn_checked **ret,
	       struct firn_error *err)
{
	_cleanup_(checked_freep) struct firn_checked *c = calloc(1, sizeof(*c));
	struct asking a = { .image = image };
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (!c)
		return firn_fail_oom(err, "check");
	rc = take_opts(opts, &a, err);
	if (rc == 0)
		rc = doc_new(CHECK_RESULT_MAX, &c->doc, err);
	if (rc < 0)
		return rc;
	c->containers = doc_list(c->doc);
	rc = check_all(&a, c, err);
	if (rc < 0)
		return firn_wrap(err, rc, "check: %s", path_quote(image, quoted));
	*ret = take_ptr(&c);
	return 0;
}

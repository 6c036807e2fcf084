/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/look.h"

#include <inttypes.h>

struct counts {
	uint64_t of[SPACE_UNREAD + 1];
	uint64_t parent; /* of those that are present */
};

struct telling {
	struct process *process;
	struct doc *doc;
	struct firn_value *areas; /* NULL: not asked for */
	size_t area;              /* that the runs are of */
	struct counts counts, total;
	uint64_t nareas, bytes;
};

static void tell_counts(struct doc *doc, struct firn_value *to, const struct counts *c)
{
	doc_add_number(doc, to, "pages_present", c->of[SPACE_PRESENT] - c->parent);
	doc_add_number(doc, to, "pages_parent", c->parent);
	doc_add_number(doc, to, "pages_zero", c->of[SPACE_ZERO]);
	doc_add_number(doc, to, "pages_untouched", c->of[SPACE_EMPTY]);
	doc_add_number(doc, to, "pages_file", c->of[SPACE_FILE]);
	doc_add_number(doc, to, "pages_lazy", c->of[SPACE_LAZY]);
	doc_add_number(doc, to, "pages_absent", c->of[SPACE_ABSENT]);
	if (c->of[SPACE_UNREAD])
		doc_add_number(doc, to, "pages_compressed", c->of[SPACE_UNREAD]);
}

static void tell_area(struct telling *t)
{
	const struct criu_area *a = &space_mm(t->process->space)->areas[t->area];
	struct firn_value *v = doc_add_object(t->doc, t->areas, NULL);
	const char *path = mapped_path(&t->process->mapped, a);
	char protection[PROTECTION_MAX];

	doc_add_format(t->doc, v, "start", "0x%" PRIx64, a->start);
	doc_add_format(t->doc, v, "end", "0x%" PRIx64, a->end);
	doc_add_text(t->doc, v, "protection", memory_protection(a, protection));
	doc_add_static(t->doc, v, "kind", criu_area_kind(a));
	if (path) {
		doc_add_text(t->doc, v, "path", path);
		doc_add_number(t->doc, v, "offset", a->offset);
	}
	doc_add_number(t->doc, v, "pages",
		       (a->end - a->start) / space_page_bytes(t->process->space));
	tell_counts(t->doc, v, &t->counts);
}

static void end_area(struct telling *t)
{
	const struct criu_area *a = &space_mm(t->process->space)->areas[t->area];

	for (size_t i = 0; i < ARRAY_SIZE(t->total.of); i++)
		t->total.of[i] += t->counts.of[i];
	t->total.parent += t->counts.parent;
	t->nareas++;
	t->bytes += a->end - a->start;
	if (t->areas && process_wants(t->process, a))
		tell_area(t);
	t->counts = (struct counts){ 0 };
}

static int take_run(const struct space_run *run, void *ctx, struct firn_error *err)
{
	struct telling *t = ctx;

	if (t->area != SIZE_MAX && run->area != t->area)
		end_area(t);
	t->area = run->area;
	t->counts.of[run->where] += run->pages;
	if (run->where == SPACE_PRESENT && run->dump)
		t->counts.parent += run->pages;
	return doc_check(t->doc, err);
}

int memory_tell_areas(struct process *p, struct doc *doc, struct firn_value *to,
		      struct firn_error *err)
{
	/* It stands before the areas, and is known behind them. */
	struct firn_value *v = doc_add_object(doc, to, "memory");
	struct telling t = { .process = p, .doc = doc, .area = SIZE_MAX };
	int rc;

	if (p->opts->flags & FIRN_MEMORY_AREAS)
		t.areas = doc_add_list(doc, to, "memory_areas");
	rc = space_each(p->space, take_run, &t, err);
	if (rc < 0)
		return rc;
	if (t.area != SIZE_MAX)
		end_area(&t);
	doc_add_number(doc, v, "areas", t.nareas);
	doc_add_number(doc, v, "size", t.bytes);
	doc_add_number(doc, v, "page_size", space_page_bytes(p->space));
	tell_counts(doc, v, &t.total);
	return doc_check(doc, err);
}

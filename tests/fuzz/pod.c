/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* project.json, pod.options, pod.dump: what is accepted names files of one folder, and each once.
 */
#include "format/pod.h"
#include "base/fd.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pod *p)
{
	if (p->n == 0 || p->n > POD_CONTAINERS_MAX)
		abort();
	for (size_t i = 0; i < p->n; i++) {
		const struct pod_entry *e = &p->list[i];

		if (pod_check_name(e->name, FIRN_EINVAL, NULL) < 0 || strchr(e->name, '/') ||
		    *e->name == '.' || !*e->file || strchr(e->file, '/') ||
		    strcmp(e->file, ".") == 0 || strcmp(e->file, "..") == 0)
			abort();
		for (size_t j = 0; j < i; j++)
			if (strcmp(p->list[j].name, e->name) == 0)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(pod_done) struct pod project = { 0 };
	_cleanup_(pod_done) struct pod options = { 0 };
	_cleanup_(pod_done) struct pod dump = { 0 };
	const char *text = (const char *)data;

	if (pod_parse_project(text, size, &project, NULL) == 0)
		check(&project);
	if (pod_parse_options(text, size, &options, NULL) == 0)
		check(&options);
	if (pod_parse_dump(text, size, &dump, NULL) < 0)
		return 0;
	if ((dump.name && !*dump.name) || (dump.uid && !*dump.uid) || dump.id || dump.n)
		abort();
	return 0;
}

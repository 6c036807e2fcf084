/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder with the checkpoints of several containers: a project of an archive for each service
 * (project.json), a pod's checkpoint (pod.options), or archives and folders without a document.
 */
#ifndef FIRN_INGEST_PROJECT_H
#define FIRN_INGEST_PROJECT_H

#include "format/pod.h"

#include "firn/build.h"
#include "firn/report.h"

struct project {
	struct pod pod;                /* its names, as far as known */
	struct firn_build_item *items; /* their strings are owned */
	size_t n;
};

void project_done(struct project *p);

/*
 * Look at the folder @dir. Every container gets a name, which may be no good or that of another
 * one, and what a document names is there. @report (may be NULL) is told what is left out.
 */
int project_open(const char *dir, const struct firn_report *report, struct project *ret,
		 struct firn_error *err) _must_check_;

#endif

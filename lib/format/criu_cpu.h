/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processor of a dump: cpuinfo.img, which CRIU writes with --cpu-cap=cpu or ins, and the
 * register sets that core-PID.img has something in.
 */
#ifndef FIRN_FORMAT_CRIU_CPU_H
#define FIRN_FORMAT_CRIU_CPU_H

#include "format/criu.h"

#define CRIU_CPUINFO "cpuinfo.img"

/*
 * Words of feature bits, as compel's cpu.h numbers them: the leaves of x86's CPUID. Version 1 of
 * the record has the first 12.
 */
#define CRIU_CPU_WORDS_V1  12
#define CRIU_CPU_WORDS     19
#define CRIU_CPU_HWCAPS    4
#define CRIU_CPU_MODEL_MAX 64

/* cpuinfo.proto: cpuinfo_x86_entry.vendor */
enum criu_cpu_vendor { CRIU_CPU_INTEL = 1, CRIU_CPU_AMD = 2 };

struct criu_cpu {
	bool x86; /* else hwcap says it all */
	enum criu_cpu_vendor vendor;
	size_t nwords;
	uint32_t words[CRIU_CPU_WORDS];
	char model[CRIU_CPU_MODEL_MAX]; /* "" unknown; printable */
	uint64_t xfeatures;             /* state components that XSAVE stores; 0: not recorded */
	uint32_t xsave_bytes, xsave_bytes_max;
	size_t nhwcap; /* ppc64, s390: AT_HWCAP and AT_HWCAP2 */
	uint64_t hwcap[CRIU_CPU_HWCAPS];
};

/* 1, or 0 when there is no such image. */
int criu_cpu_read(struct criu_images *images, struct criu_cpu *ret,
		  struct firn_error *err) _must_check_;

/*
 * The state components (bits as in XCR0) that the thread @tid had something in, on x86; 0 when the
 * image doesn't say. Returns 1, or 0 when there is no such image.
 */
int criu_xstate_read(struct criu_images *images, uint32_t tid, uint64_t *ret,
		     struct firn_error *err) _must_check_;

#endif

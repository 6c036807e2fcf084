/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/cpu.h"

#include "check/host.h"
#include "format/criu_task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME      "cpu"
#define NAMES_MAX 400 /* bytes of a list of features */
#define ELSEWHERE "restore it on a processor that has them"

/*
 * Instructions that a program may use without asking again (criu/arch/x86/cpu.c:
 * x86_ins_capability_mask), by Linux' names.
 */
static const struct feature {
	uint8_t word, bit;
	const char *name;
} features[] = {
	{ 0, 0, "fpu" },
	{ 0, 4, "tsc" },
	{ 0, 8, "cx8" },
	{ 0, 11, "sep" },
	{ 0, 15, "cmov" },
	{ 0, 19, "clflush" },
	{ 0, 23, "mmx" },
	{ 0, 24, "fxsr" },
	{ 0, 25, "sse" },
	{ 0, 26, "sse2" },
	{ 1, 11, "syscall" },
	{ 1, 22, "mmxext" },
	{ 1, 27, "rdtscp" },
	{ 1, 30, "3dnowext" },
	{ 1, 31, "3dnow" },
	{ 3, 16, "rep_good" },
	{ 3, 20, "nopl" },
	{ 4, 0, "sse3" },
	{ 4, 1, "pclmulqdq" },
	{ 4, 3, "monitor" },
	{ 4, 9, "ssse3" },
	{ 4, 13, "cx16" },
	{ 4, 19, "sse4_1" },
	{ 4, 20, "sse4_2" },
	{ 4, 22, "movbe" },
	{ 4, 23, "popcnt" },
	{ 4, 25, "aes" },
	{ 4, 26, "xsave" },
	{ 4, 27, "osxsave" },
	{ 4, 28, "avx" },
	{ 4, 29, "f16c" },
	{ 4, 30, "rdrand" },
	{ 6, 5, "abm" },
	{ 6, 6, "sse4a" },
	{ 6, 7, "misalignsse" },
	{ 6, 8, "3dnowprefetch" },
	{ 6, 11, "xop" },
	{ 6, 16, "fma4" },
	{ 6, 21, "tbm" },
	{ 9, 0, "fsgsbase" },
	{ 9, 3, "bmi1" },
	{ 9, 4, "hle" },
	{ 9, 5, "avx2" },
	{ 9, 8, "bmi2" },
	{ 9, 9, "erms" },
	{ 9, 11, "rtm" },
	{ 9, 14, "mpx" },
	{ 9, 16, "avx512f" },
	{ 9, 17, "avx512dq" },
	{ 9, 18, "rdseed" },
	{ 9, 19, "adx" },
	{ 9, 23, "clflushopt" },
	{ 9, 26, "avx512pf" },
	{ 9, 27, "avx512er" },
	{ 9, 28, "avx512cd" },
	{ 9, 29, "sha_ni" },
	{ 9, 30, "avx512bw" },
	{ 9, 31, "avx512vl" },
	{ 10, 0, "xsaveopt" },
	{ 10, 1, "xsavec" },
	{ 10, 2, "xgetbv1" },
	{ 10, 3, "xsaves" },
	{ 11, 1, "avx512vbmi" },
	{ 11, 6, "avx512_vbmi2" },
	{ 11, 8, "gfni" },
	{ 11, 9, "vaes" },
	{ 11, 10, "vpclmulqdq" },
	{ 11, 11, "avx512_vnni" },
	{ 11, 12, "avx512_bitalg" },
	{ 11, 13, "tme" },
	{ 11, 14, "avx512_vpopcntdq" },
	{ 11, 22, "rdpid" },
	{ 13, 0, "clzero" },
	{ 18, 2, "avx512_4vnniw" },
	{ 18, 3, "avx512_4fmaps" },
};

/* Bits of XCR0 (Linux' arch/x86/include/asm/fpu/types.h: enum xfeature). */
static const struct component {
	uint64_t bits;
	const char *name;
} components[] = {
	{ 1 << 2, "AVX" },
	{ 3 << 3, "MPX" },
	{ 7 << 5, "AVX-512" },
	{ 1 << 9, "protection keys" },
};

static void append(char *to, size_t room, const char *name)
{
	const size_t used = strlen(to);

	snprintf(to + used, room - used, "%s%s", used ? ", " : "", name);
}

const char *cpu_xstate_names(uint64_t bits, char *ret, size_t room)
{
	*ret = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(components); i++)
		if (bits & components[i].bits)
			append(ret, room, components[i].name);
	return ret;
}

/* Returns how many are missing. */
static size_t missing_features(const struct criu_cpu *image, const struct criu_cpu *here,
			       char *names, size_t room, size_t *had)
{
	size_t n = 0;

	*names = '\0';
	*had = 0;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *f = &features[i];
		const uint32_t bit = 1u << f->bit;

		if (f->word >= image->nwords || !(image->words[f->word] & bit))
			continue;
		(*had)++;
		if (here->words[f->word] & bit)
			continue;
		append(names, room, f->name);
		n++;
	}
	return n;
}

static void compare_xsave(const struct criu_cpu *image, const struct criu_cpu *here,
			  struct check_report *r)
{
	const uint64_t missing = image->xfeatures & ~here->xfeatures;
	char names[NAMES_MAX];

	if (missing)
		check_add(r, CHECK_FAIL, NAME, ELSEWHERE,
			  "the processor lacks registers of the one before: %s (XSAVE components "
			  "0x%" PRIx64 ")",
			  cpu_xstate_names(missing, names, sizeof(names)), missing);
	/* libc lets XSAVE write to a place that it measured when the program began. */
	if ((image->xsave_bytes && image->xsave_bytes != here->xsave_bytes) ||
	    (image->xsave_bytes_max && image->xsave_bytes_max != here->xsave_bytes_max))
		check_add(r, CHECK_FAIL, NAME, "restore it on a processor of the same kind",
			  "registers took %u bytes to save, at most %u, and take %u and %u here",
			  image->xsave_bytes, image->xsave_bytes_max, here->xsave_bytes,
			  here->xsave_bytes_max);
}

static void compare_hwcap(const struct criu_cpu *image, const struct criu_cpu *here,
			  struct check_report *r)
{
	for (size_t i = 0; i < image->nhwcap; i++) {
		const uint64_t has = i < here->nhwcap ? here->hwcap[i] : 0;

		if (image->hwcap[i] & ~has)
			check_add(r, CHECK_FAIL, NAME, ELSEWHERE,
				  "the processor lacks features of the one before (hwcap 0x%" PRIx64
				  ")",
				  image->hwcap[i] & ~has);
	}
}

void cpu_compare(const struct criu_cpu *image, const struct criu_cpu *here, struct check_report *r)
{
	const size_t failed = check_count(r, CHECK_FAIL);
	char names[NAMES_MAX];
	size_t had = 0;

	if (!image->x86)
		compare_hwcap(image, here, r);
	else if (missing_features(image, here, names, sizeof(names), &had))
		check_add(r, CHECK_FAIL, NAME, ELSEWHERE,
			  "the processor lacks instructions of the one before, which programs may "
			  "use at any "
			  "moment: %s",
			  names);
	if (image->x86)
		compare_xsave(image, here, r);
	if (check_count(r, CHECK_FAIL) != failed)
		return;
	if (image->x86)
		check_add(r, CHECK_OK, NAME, NULL, "it has all %zu features of the one before%s%s",
			  had, *image->model ? ", " : "", image->model);
	else
		check_add(r, CHECK_OK, NAME, NULL, "it has all features of the one before");
}

struct survey {
	struct criu_images *images;
	uint64_t xstate;
};

static int add_threads(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	struct survey *s = ctx;

	for (uint32_t i = 0; i < p->threads; i++) {
		uint64_t xstate = 0;
		int rc = criu_xstate_read(s->images, p->thread_ids[i], &xstate, err);

		if (rc < 0)
			return rc;
		s->xstate |= xstate;
	}
	return 0;
}

static void tell_registers(uint64_t used, const struct criu_cpu *here, bool alone,
			   struct check_report *r)
{
	const uint64_t missing = used & ~here->xfeatures & CPU_XSTATE_KNOWN;
	char names[NAMES_MAX];

	if (missing) {
		check_add(
		    r, CHECK_FAIL, NAME, ELSEWHERE,
		    "the processes have something in registers that this processor hasn't: %s",
		    cpu_xstate_names(missing, names, sizeof(names)));
		return;
	}
	if (!alone)
		return;
	cpu_xstate_names(used & CPU_XSTATE_KNOWN, names, sizeof(names));
	check_add(r, CHECK_OK, NAME, NULL,
		  "%s%s%swhich other instructions programs use isn't recorded",
		  *names ? "it has the registers in use (" : "", names, *names ? "); " : "");
}

int check_cpu(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	struct survey s = { .images = in->images };
	struct criu_cpu image, here;
	int recorded = criu_cpu_read(in->images, &image, err), rc;

	if (recorded < 0)
		return recorded;
	cpu_here(&here);
	rc = criu_each_process(in->images, add_threads, &s, err);
	if (rc < 0)
		return rc;
	/* Of another architecture: that was told. */
	if (recorded && image.x86 == here.x86)
		cpu_compare(&image, &here, r);
	if (here.x86)
		tell_registers(s.xstate, &here, !recorded, r);
	else if (!recorded)
		check_add(r, CHECK_OK, NAME, NULL, "which features programs use isn't recorded");
	return 0;
}

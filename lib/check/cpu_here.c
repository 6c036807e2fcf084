/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/cpu.h"

#include <string.h>
#include <sys/auxv.h>

#if defined(__x86_64__)

#include <cpuid.h>

/* Where compel puts the leaves of CPUID (compel/arch/x86/.../asm/cpu.h). */
static const struct leaf {
	unsigned word, leaf, subleaf, reg; /* reg: eax, ebx, ecx, edx */
} leaves[] = {
	{ 0, 0x1, 0, 3 },  { 1, 0x80000001, 0, 3 },  { 4, 0x1, 0, 2 },  { 6, 0x80000001, 0, 2 },
	{ 9, 0x7, 0, 1 },  { 10, 0xd, 1, 0 },        { 11, 0x7, 0, 2 }, { 13, 0x80000008, 0, 1 },
	{ 14, 0x6, 0, 0 }, { 17, 0x80000007, 0, 1 }, { 18, 0x7, 0, 3 },
};

/* Linux' word of features that are no leaf of CPUID; what compel sets of it. */
#define WORD_LINUX   3
#define BIT_REP_GOOD 16
#define BIT_NOPL     20
#define BIT_CPUID    25

#define FAMILY_INTEL_REP 0x6
#define FAMILY_AMD_REP   0x10

static unsigned family_of(uint32_t eax)
{
	const unsigned family = eax >> 8 & 0xf;

	return family == 0xf ? family + (eax >> 20 & 0xff) : family;
}

static void take_vendor(struct criu_cpu *cpu)
{
	uint32_t r[4] = { 0 }, name[3];

	(void)__get_cpuid(0, &r[0], &r[1], &r[2], &r[3]);
	memcpy(name, (uint32_t[]){ r[1], r[3], r[2] }, sizeof(name));
	if (memcmp(name, "GenuineIntel", sizeof(name)) == 0)
		cpu->vendor = CRIU_CPU_INTEL;
	else if (memcmp(name, "AuthenticAMD", sizeof(name)) == 0)
		cpu->vendor = CRIU_CPU_AMD;
}

static void take_model(struct criu_cpu *cpu)
{
	char text[49] = "";
	const char *at = text;
	uint32_t r[4];

	for (unsigned i = 0; i < 3; i++) {
		if (!__get_cpuid(0x80000002u + i, &r[0], &r[1], &r[2], &r[3]))
			return;
		memcpy(text + 16 * (size_t)i, r, sizeof(r));
	}
	while (*at == ' ')
		at++;
	memcpy(cpu->model, at, strlen(at) + 1);
}

void cpu_here(struct criu_cpu *ret)
{
	struct criu_cpu cpu = { .x86 = true, .nwords = CRIU_CPU_WORDS };
	uint32_t r[4];
	unsigned family = 0;

	take_vendor(&cpu);
	take_model(&cpu);
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		const struct leaf *l = &leaves[i];

		if (!__get_cpuid_count(l->leaf, l->subleaf, &r[0], &r[1], &r[2], &r[3]))
			continue;
		cpu.words[l->word] = r[l->reg];
		if (l->leaf == 1)
			family = family_of(r[0]);
	}
	cpu.words[WORD_LINUX] = 1u << BIT_NOPL | 1u << BIT_CPUID;
	if ((cpu.vendor == CRIU_CPU_INTEL && family == FAMILY_INTEL_REP) ||
	    (cpu.vendor == CRIU_CPU_AMD && family >= FAMILY_AMD_REP))
		cpu.words[WORD_LINUX] |= 1u << BIT_REP_GOOD;
	if (__get_cpuid_count(0xd, 0, &r[0], &r[1], &r[2], &r[3])) {
		cpu.xfeatures = (uint64_t)r[3] << 32 | r[0];
		cpu.xsave_bytes = r[1];
		cpu.xsave_bytes_max = r[2];
	}
	*ret = cpu;
}

#else

void cpu_here(struct criu_cpu *ret)
{
	*ret = (struct criu_cpu){
		.nhwcap = 2,
		.hwcap = { getauxval(AT_HWCAP), getauxval(AT_HWCAP2) },
	};
}

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_cpu.h"

#include "format/criu_reader.h"
#include "format/criu_wire.h"

#include <inttypes.h>
#include <stdio.h>

/* criu/include/magic.h */
#define MAGIC_CPUINFO 0x61404013u
#define MAGIC_CORE    0x55053847u

/* images/cpuinfo.proto: cpuinfo_entry */
enum { ENTRY_X86 = 1, ENTRY_PPC64 = 2, ENTRY_S390 = 3 };

/* cpuinfo_x86_entry */
enum {
	X86_VENDOR = 1,
	X86_VERSION = 5,
	X86_WORD = 6,
	X86_MODEL = 7,
	X86_XFEATURES = 8,
	X86_XSAVE = 9,
	X86_XSAVE_MAX = 10,
};

#define HWCAP_WORD 2 /* cpuinfo_ppc64_entry, cpuinfo_s390_entry: hwcap */

/* core.proto: core_entry.thread_info, core-x86.proto: down to user_x86_xsave_entry.xstate_bv */
static const uint32_t xstate_path[] = { 2, 3, 13, 1 };

static int add_word(struct criu_cpu *cpu, uint64_t v)
{
	if (cpu->nwords == CRIU_CPU_WORDS)
		return -1;
	cpu->words[cpu->nwords++] = (uint32_t)v;
	return 0;
}

/* Repeated numbers are one field each, or all packed into one. */
static int add_words(struct criu_cpu *cpu, const struct wire_field *f)
{
	struct cursor c = f->bytes;
	uint64_t v;

	if (f->type == WIRE_VARINT)
		return add_word(cpu, f->value);
	while (c.left)
		if (!wire_varint(&c, &v) || add_word(cpu, v) < 0)
			return -1;
	return 0;
}

static void take_model(struct criu_cpu *cpu, struct cursor c)
{
	size_t n = c.left < CRIU_CPU_MODEL_MAX ? c.left : CRIU_CPU_MODEL_MAX - 1;

	for (size_t i = 0; i < n; i++)
		cpu->model[i] = c.at[i] >= ' ' && c.at[i] < 0x7f ? (char)c.at[i] : '?';
	cpu->model[n] = '\0';
}

static int take_x86(struct cursor c, struct criu_cpu *cpu)
{
	struct wire_field f;
	uint64_t version = 0;
	int rc;

	cpu->x86 = true;
	while ((rc = wire_next(&c, &f)) > 0) {
		if (f.number == X86_WORD && add_words(cpu, &f) < 0)
			return -1;
		if (f.number == X86_MODEL && f.type == WIRE_LEN)
			take_model(cpu, f.bytes);
		if (f.type != WIRE_VARINT)
			continue;
		if (f.number == X86_VENDOR)
			cpu->vendor = (enum criu_cpu_vendor)f.value;
		else if (f.number == X86_VERSION)
			version = f.value;
		else if (f.number == X86_XFEATURES)
			cpu->xfeatures = f.value;
		else if (f.number == X86_XSAVE)
			cpu->xsave_bytes = (uint32_t)f.value;
		else if (f.number == X86_XSAVE_MAX)
			cpu->xsave_bytes_max = (uint32_t)f.value;
	}
	if (rc == 0 && cpu->nwords != (version == 1 ? CRIU_CPU_WORDS_V1 : CRIU_CPU_WORDS))
		return -1;
	return rc;
}

static int take_hwcap(struct cursor c, struct criu_cpu *cpu)
{
	struct wire_field f;
	int rc;

	while ((rc = wire_next(&c, &f)) > 0)
		if (f.number == HWCAP_WORD && f.type == WIRE_VARINT) {
			if (cpu->nhwcap == CRIU_CPU_HWCAPS)
				return -1;
			cpu->hwcap[cpu->nhwcap++] = f.value;
		}
	return rc;
}

static int take_entry(struct cursor c, struct criu_cpu *cpu)
{
	struct wire_field f;
	size_t entries = 0;
	int rc;

	while ((rc = wire_next(&c, &f)) > 0) {
		if (f.type != WIRE_LEN || f.number > ENTRY_S390)
			continue;
		if (entries++)
			return -1; /* CRIU takes one alone */
		rc = f.number == ENTRY_X86 ? take_x86(f.bytes, cpu) : take_hwcap(f.bytes, cpu);
		if (rc < 0)
			return rc;
	}
	return rc == 0 && entries == 0 ? -1 : rc;
}

int criu_cpu_read(struct criu_images *images, struct criu_cpu *ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	struct criu_cpu cpu = { 0 };
	size_t len;
	int rc = criu_reader_open(images, CRIU_CPUINFO, MAGIC_CPUINFO, &r, err);

	if (rc <= 0)
		return rc;
	rc = criu_reader_next(&r, &len, err);
	if (rc == 0)
		rc = firn_fail(err, FIRN_ECORRUPT, "is empty");
	else if (rc > 0 && take_entry((struct cursor){ r.bytes, len }, &cpu) < 0)
		rc = criu_reader_bad(&r, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", CRIU_CPUINFO);
	*ret = cpu;
	return 1;
}

static uint64_t find_xstate(struct cursor c)
{
	const size_t depth = ARRAY_SIZE(xstate_path);
	struct wire_field f;
	size_t at = 0;

	while (wire_next(&c, &f) > 0) {
		if (f.number != xstate_path[at])
			continue;
		if (at == depth - 1)
			return f.type == WIRE_VARINT ? f.value : 0;
		if (f.type != WIRE_LEN)
			return 0;
		c = f.bytes;
		at++;
	}
	return 0;
}

int criu_xstate_read(struct criu_images *images, uint32_t tid, uint64_t *ret,
		     struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	char name[32];
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "core-%" PRIu32 ".img", tid);
	rc = criu_reader_open(images, name, MAGIC_CORE, &r, err);
	if (rc > 0)
		rc = firn_wrap(err, criu_reader_next(&r, &len, err), "%s", name);
	if (rc <= 0)
		return rc;
	*ret = find_xstate((struct cursor){ r.bytes, len });
	return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processor of this host as CRIU sees it, and whether what a dump needs of one is in it. */
#ifndef FIRN_CHECK_CPU_H
#define FIRN_CHECK_CPU_H

#include "check/check.h"
#include "format/criu_cpu.h"

/* What CRIU would write to cpuinfo.img here. Architectures that CRIU writes none on have nothing.
 */
void cpu_here(struct criu_cpu *ret);

/* As "criu cpuinfo check" compares them: instructions, registers, size of the registers' area. */
void cpu_compare(const struct criu_cpu *image, const struct criu_cpu *here, struct check_report *r);

/* Names of state components, such as "AVX, AVX-512". Returns @ret. */
const char *cpu_xstate_names(uint64_t bits, char *ret, size_t room);

/* The components that have names, without those that every processor of 64 bits has. */
#define CPU_XSTATE_KNOWN 0x2fcu

#endif

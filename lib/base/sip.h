/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash-1-3 (Aumasson, Bernstein) for tables of what comes from outside: the key is random, so
 * that nobody can make names or digests that all fall into one place. No order that such a table
 * has may show outside.
 */
#ifndef FIRN_BASE_SIP_H
#define FIRN_BASE_SIP_H

#include <stddef.h>
#include <stdint.h>

struct sip_key {
	uint64_t words[2];
};

/* Random as far as the host has it, in any case another one for each @owner. */
struct sip_key sip_key_new(const void *owner);
/* Of @first and then @n bytes. */
uint64_t sip_hash(const struct sip_key *key, uint64_t first, const void *bytes, size_t n);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/sip.h"

#include <string.h>
#include <sys/random.h>

struct sip_key sip_key_new(const void *owner)
{
	struct sip_key key = { { (uint64_t)(uintptr_t)owner, 0 } }, random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) == (ssize_t)sizeof(random))
		key = random;
	return key;
}

static uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t sip_hash(const struct sip_key *key, uint64_t first, const void *bytes, size_t n)
{
	const uint64_t *k = key->words;
	uint64_t v[4] = { k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d,
			  k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573 };
	uint64_t word = (uint64_t)n << 56;
	const uint8_t *p = bytes;

	sip_word(v, first);
	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		uint64_t whole;

		memcpy(&whole, p, sizeof(whole));
		sip_word(v, whole);
	}
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	sip_word(v, word);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

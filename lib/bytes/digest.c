/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/digest.h"

#include "base/fd.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

struct alg_row {
	enum digest_alg alg;
	const char *name;
	size_t size;
};

static const struct alg_row algs[] = {
	{ DIGEST_SHA256, "sha256", 32 },
	{ DIGEST_SHA512, "sha512", 64 },
};

static const struct alg_row *alg_row(enum digest_alg alg)
{
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

size_t digest_size(enum digest_alg alg)
{
	const struct alg_row *row = alg_row(alg);

	return row ? row->size : 0;
}

const char *digest_alg_name(enum digest_alg alg)
{
	const struct alg_row *row = alg_row(alg);

	return row ? row->name : "none";
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Exactly @n bytes of lower-case hex and nothing behind them. */
static bool hex_decode(const char *hex, uint8_t *bytes, size_t n)
{
	if (strlen(hex) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int digest_parse(struct digest *ret, const char *text, struct firn_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		size_t len = strlen(algs[i].name);
		struct digest d = { .alg = algs[i].alg };

		if (strncmp(text, algs[i].name, len) != 0 || text[len] != ':')
			continue;
		if (!hex_decode(text + len + 1, d.bytes, algs[i].size))
			return firn_fail(err, FIRN_EINVAL,
					 "bad digest: %s needs %zu lower-case hex digits",
					 algs[i].name, 2 * algs[i].size);
		*ret = d;
		return 0;
	}
	return firn_fail(err, FIRN_EINVAL,
			 "bad digest: begins with neither \"sha256:\" nor \"sha512:\"");
}

const char *digest_hex(const struct digest *d, char ret[DIGEST_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = digest_size(d->alg);

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[d->bytes[i] >> 4];
		ret[2 * i + 1] = digits[d->bytes[i] & 15];
	}
	ret[2 * n] = '\0';
	return ret;
}

const char *digest_text(const struct digest *d, char ret[DIGEST_TEXT_MAX])
{
	const char *name = digest_alg_name(d->alg);
	char hex[DIGEST_TEXT_MAX];
	size_t len = strlen(name);

	memcpy(ret, name, len);
	ret[len] = ':';
	strcpy(ret + len + 1, digest_hex(d, hex));
	return ret;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return digest_compare(a, b) == 0;
}

int digest_compare(const struct digest *a, const struct digest *b)
{
	if (a->alg != b->alg)
		return a->alg < b->alg ? -1 : 1;
	return memcmp(a->bytes, b->bytes, digest_size(a->alg));
}

struct hasher {
	EVP_MD_CTX *ctx;
	enum digest_alg alg;
};

int hasher_new(enum digest_alg alg, struct hasher **ret, struct firn_error *err)
{
	const EVP_MD *md = alg == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
	_cleanup_(hasher_freep) struct hasher *h = calloc(1, sizeof(*h));

	assert(digest_size(alg) > 0);
	if (!h)
		return firn_fail_oom(err, "hash");
	h->alg = alg;
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx)
		return firn_fail_oom(err, "hash");
	/* A libcrypto in FIPS mode or with a broken configuration can refuse. */
	if (EVP_DigestInit_ex(h->ctx, md, NULL) != 1)
		return firn_fail(err, FIRN_EFAIL, "hash: libcrypto has no %s",
				 digest_alg_name(alg));
	*ret = take_ptr(&h);
	return 0;
}

struct hasher *hasher_free(struct hasher *h)
{
	if (h)
		EVP_MD_CTX_free(h->ctx);
	free(h);
	return NULL;
}

void hasher_freep(struct hasher **h)
{
	*h = hasher_free(*h);
}

int hasher_update(struct hasher *h, const void *bytes, size_t n, struct firn_error *err)
{
	if (n && EVP_DigestUpdate(h->ctx, bytes, n) != 1)
		return firn_fail(err, FIRN_EFAIL, "hash: libcrypto failed");
	return 0;
}

int hasher_final(struct hasher *h, struct digest *ret, struct firn_error *err)
{
	struct digest d = { .alg = h->alg };
	unsigned len = 0;

	if (EVP_DigestFinal_ex(h->ctx, d.bytes, &len) != 1 || len != digest_size(h->alg))
		return firn_fail(err, FIRN_EFAIL, "hash: libcrypto failed");
	*ret = d;
	return 0;
}

int digest_of(const void *bytes, size_t n, struct digest *ret, struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	int rc = hasher_new(DIGEST_SHA256, &h, err);

	if (rc == 0)
		rc = hasher_update(h, bytes, n, err);
	return rc < 0 ? rc : hasher_final(h, ret, err);
}

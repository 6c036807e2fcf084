/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spec.dump into config.json, with and without what this host may have. What comes out must be JSON
 * that goes in again.
 */
#include "format/spec.h"
#include "base/fd.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void once(const char *text, size_t len, const struct spec_opts *opts)
{
	struct spec s = { 0 }, again = { 0 };
	struct spec_opts plain = *opts;
	struct firn_error err;

	if (spec_rewrite(text, len, opts, &s, &err) < 0)
		return;
	plain.nvolumes = 0; /* the redirected mount isn't below /srv any more */
	if (strlen(s.json) != s.len || spec_rewrite(s.json, s.len, &plain, &again, &err) < 0)
		abort();
	spec_done(&again);
	spec_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const volumes[] = { "/srv=/mnt/srv" };
	const struct criu_info own = { .own_ns = ~CRIU_NS_USER, .etc_bytes = { 5, 300, 40 } };
	const struct criu_info none = { 0 };
	struct spec_opts opts = {
		.rootfs = "rootfs", .provided = "/run/firn/x", .cgroup = "/firn/x", .dump = &own
	};
	const char *text = (const char *)data;
	struct firn_error err;
	uint64_t bytes;

	once(text, size, &opts);
	opts.dump = &none;
	opts.host = ~0u;
	opts.criu_conf = "tcp-established\n";
	opts.volumes = volumes;
	opts.nvolumes = ARRAY_SIZE(volumes);
	once(text, size, &opts);
	if (spec_shm_bytes(text, size, &bytes, &err) == 1 && bytes == 0)
		abort();
	return 0;
}

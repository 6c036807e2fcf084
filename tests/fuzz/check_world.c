/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint whose world is compared with an empty one: whatever is in it, there is a report, and
 * it is text. */
#include "base/buf.h"
#include "base/fd.h"
#include "check/check.h"
#include "format/checkpoint.h"
#include "members/images.h"

#include <fcntl.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(const char *piece, size_t n, void *ctx)
{
	buf_put(ctx, piece, n);
	return 0;
}

static void ask(struct members *m, int rootfs)
{
	_cleanup_(check_report_freep) struct check_report *report = NULL;
	_buf_ struct buf text = BUF_INIT;
	_free_ char *config = NULL;
	struct member_images images;
	struct criu_info dump;
	struct spec spec = { 0 };
	struct check_input in = { .m = m,
				  .images = &images.base,
				  .dump = &dump,
				  .rootfs = rootfs,
				  .upper = -1,
				  .host = "/nowhere" };

	member_images_init(&images, m, CHECKPOINT_IMAGES_DIR);
	if (criu_inspect(&images.base, &dump, NULL) < 0 || check_report_new(&report, NULL) < 0)
		return;
	/* What spec.dump says, as if it were config.json. */
	if (members_read(m, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &config, &spec.len, NULL) > 0) {
		spec.json = config;
		in.spec = &spec;
	}
	if (check_run(check_world, &in, report, NULL) == 0 &&
	    (firn_value_print(check_report_value(report), 1, collect, &text) < 0 || text.oom))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(members_closep) struct members *m = NULL;
	_fd_ int rootfs = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct source *src = NULL;

	if (source_from_mem(data, size, &src, NULL) == 0 && members_open_source(src, &m, NULL) == 0)
		ask(m, rootfs);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every unit test program shares: its main(). Cases print TAP (CK_TAP_LOG_FILE_NAME), each
 * runs in a process of its own unless CK_FORK=no (valgrind).
 */
#ifndef FIRN_TESTS_UNIT_H
#define FIRN_TESTS_UNIT_H

#include "base/error.h"

#include <check.h>
#include <stdlib.h>

/* rc is 0 (or positive), or the test fails with the error's sentence. */
#define ck_ok(rc, err) ck_assert_msg((rc) >= 0, "%s: %s", #rc, (err).msg)

#define UNIT_MAIN(suite_fn)                                                                        \
	int main(void)                                                                             \
	{                                                                                          \
		SRunner *runner = srunner_create(suite_fn());                                      \
		int failed;                                                                        \
                                                                                                   \
		srunner_run_all(runner, CK_ENV);                                                   \
		failed = srunner_ntests_failed(runner);                                            \
		srunner_free(runner);                                                              \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                       \
	}

#endif

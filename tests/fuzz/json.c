/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json_parse() on anything; what it accepts survives printing, and json_locate() finds its members.
 */
#include "bytes/json.h"

#include "base/fd.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(const json_t *j)
{
	_buf_ struct buf out = BUF_INIT;
	_json_ json_t *again = NULL;

	if (json_print(j, &out, NULL) < 0 ||
	    json_parse((char *)out.data, out.len, &again, NULL) < 0 || !json_equal(j, again))
		abort();
}

static void check_locate(const char *text, size_t len, json_t *j)
{
	json_t *value;
	const char *key;

	json_object_foreach (j, key, value) {
		_json_ json_t *found = NULL;
		size_t at, n;

		if (*key == 1) /* in memory it is another one: bytes/json_number.h */
			continue;
		if (json_locate(text, len, key, &at, &n, NULL) != 1 || at > len || n > len - at ||
		    json_parse(text + at, n, &found, NULL) < 0 || !json_equal(found, value))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	_json_ json_t *j = NULL;
	size_t at = 0, n = 0;
	int rc;

	/* Without json_parse() before it the answer may be wrong, but is inside the text. */
	rc = json_locate(text, size, "key", &at, &n, NULL);
	if (rc == 1 && (at > size || n > size - at))
		abort();
	if (json_parse(text, size, &j, NULL) < 0)
		return 0;
	check_print(j);
	if (json_is_object(j))
		check_locate(text, size, j);
	return 0;
}

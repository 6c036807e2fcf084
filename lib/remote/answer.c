/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/answer.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 200 /* bytes of what the registry says that are passed on */

/* distribution-spec, "Error Codes": {"errors": [{"code", "message", "detail"}]} */
static void say_errors(const json_t *j, char *out, size_t room)
{
	json_t *errors = NULL;
	const char *code = NULL, *message = NULL;
	const json_t *first;

	if (json_opt_array(j, "errors", &errors, NULL) <= 0)
		return;
	first = json_array_get(errors, 0);
	if (!json_is_object(first))
		return;
	(void)!json_opt_str(first, "code", &code, NULL);
	(void)!json_opt_str(first, "message", &message, NULL);
	snprintf(out, room, "%s%s%s", code ? code : "", code && message && *message ? ": " : "",
		 message ? message : "");
}

static const char *reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *words;
	} known[] = {
		{ 400, "bad request" },
		{ 401, "who are you?" },
		{ 403, "not allowed" },
		{ 404, "not found" },
		{ 405, "can't be done" },
		{ 408, "request took too long" },
		{ 413, "too large" },
		{ 416, "no such range" },
		{ 429, "too many requests" },
		{ 500, "internal error" },
		{ 502, "bad gateway" },
		{ 503, "not available" },
		{ 504, "gateway's time is up" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].status == status)
			return known[i].words;
	return NULL;
}

/* What comes from outside shall not write to a terminal. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

int answer_fail(unsigned status, const char *text, size_t len, struct firn_error *err)
{
	_json_ json_t *j = NULL;
	char words[WORDS_MAX] = "";
	enum firn_code code = FIRN_EFAIL;

	if (len && json_parse(text, len, &j, NULL) >= 0)
		say_errors(j, words, sizeof(words));
	clean(words);
	if (!*words && reason(status))
		snprintf(words, sizeof(words), "%s", reason(status));
	if (status == 404)
		code = FIRN_ENOTFOUND;
	else if (status == 413)
		code = FIRN_ELIMIT;
	if (!*words)
		return firn_fail(err, code, "the registry answers %u", status);
	return firn_fail(err, code, "the registry answers %u (%s)", status, words);
}

bool answer_may_change(unsigned status)
{
	return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
	       status == 503 || status == 504;
}

bool answer_number(const char *value, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*value)
		return false;
	for (; *value; value++)
		if (*value < '0' || *value > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*value - '0'), &n))
			return false;
	*ret = n;
	return true;
}

/* "Wed, 21 Oct 2015 07:28:00 GMT" (RFC 9110, section 5.6.7; the form that is sent). */
static bool date(const char *value, int64_t *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t = { .tm_isdst = 0 };
	char month[4], zone[4];
	const char *found;

	if (strlen(value) != 29 ||
	    sscanf(value + 5, "%2d %3s %4d %2d:%2d:%2d %3s", &t.tm_mday, month, &t.tm_year,
		   &t.tm_hour, &t.tm_min, &t.tm_sec, zone) != 7)
		return false;
	found = strstr(months, month);
	if (strlen(month) != 3 || strcmp(zone, "GMT") != 0 || !found || (found - months) % 3 ||
	    t.tm_year < 1970)
		return false;
	t.tm_mon = (int)(found - months) / 3;
	t.tm_year -= 1900;
	*ret = timegm(&t);
	return true;
}

bool answer_retry_after(const char *value, int64_t now, uint64_t *ret_ms)
{
	uint64_t seconds;
	int64_t when;

	if (!answer_number(value, &seconds)) {
		if (!date(value, &when))
			return false;
		seconds = when > now ? (uint64_t)(when - now) : 0;
	}
	*ret_ms = seconds > ANSWER_RETRY_MAX_MS / 1000 ? ANSWER_RETRY_MAX_MS : seconds * 1000;
	return true;
}

/* "A-B" without anything around it. */
static bool pair(const char *text, size_t len, uint64_t *ret_a, uint64_t *ret_b)
{
	char copy[64];
	char *dash;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	dash = strchr(copy, '-');
	if (!dash)
		return false;
	*dash = '\0';
	return answer_number(copy, ret_a) && answer_number(dash + 1, ret_b) && *ret_a <= *ret_b;
}

bool answer_upload_range(const char *value, uint64_t *ret_last)
{
	uint64_t from, last;

	if (strncmp(value, "bytes=", 6) == 0)
		value += 6;
	if (!pair(value, strlen(value), &from, &last) || from != 0)
		return false;
	*ret_last = last;
	return true;
}

bool answer_content_range(const char *value, uint64_t *ret_from, uint64_t *ret_last,
			  uint64_t *ret_size)
{
	const char *slash;

	if (strncmp(value, "bytes ", 6) != 0)
		return false;
	value += 6;
	slash = strchr(value, '/');
	if (!slash || !pair(value, (size_t)(slash - value), ret_from, ret_last))
		return false;
	if (strcmp(slash + 1, "*") == 0)
		*ret_size = UINT64_MAX;
	else if (!answer_number(slash + 1, ret_size) || *ret_last >= *ret_size)
		return false;
	return true;
}

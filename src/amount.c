/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "amount.h"

#include "util.h"

#include <stdio.h>

#define HOUR 3600.0
#define DAY  (24 * HOUR)

static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

/* The largest unit that @bytes has one of; *ret: its bytes. */
static size_t unit_of(double bytes, double *ret)
{
	size_t i = 0;

	for (*ret = 1; bytes >= 1024 * *ret && i + 1 < ARRAY_SIZE(units); i++)
		*ret *= 1024;
	return i;
}

void amount_bytes(char ret[AMOUNT_MAX], double bytes)
{
	double unit;
	const size_t i = unit_of(bytes, &unit);
	const double n = bytes / unit;

	snprintf(ret, AMOUNT_MAX, n < 10 && i > 0 ? "%.1f %s" : "%.0f %s", n, units[i]);
}

void amount_part(char ret[AMOUNT_MAX], uint64_t done, uint64_t total)
{
	double unit;
	const size_t i = unit_of((double)total, &unit);
	const double all = (double)total / unit;

	snprintf(ret, AMOUNT_MAX, all < 10 && i > 0 ? "%.1f of %.1f %s" : "%.0f of %.0f %s",
		 (double)done / unit, all, units[i]);
}

void amount_rate(char ret[AMOUNT_MAX], double per_second)
{
	char text[AMOUNT_MAX];

	amount_bytes(text, per_second);
	snprintf(ret, AMOUNT_MAX, "%.20s/s", text);
}

void amount_time(char ret[AMOUNT_MAX], double seconds)
{
	const unsigned long s = seconds < 1000 * DAY ? (unsigned long)seconds : 0;

	if (seconds >= 1000 * DAY)
		snprintf(ret, AMOUNT_MAX, "years");
	else if (seconds >= 2 * DAY)
		snprintf(ret, AMOUNT_MAX, "%.0f days", seconds / DAY);
	else if (seconds >= HOUR)
		snprintf(ret, AMOUNT_MAX, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(ret, AMOUNT_MAX, "%lu:%02lu", s / 60, s % 60);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hexdump.h"

#include <inttypes.h>
#include <string.h>

static void print_line(const struct hexdump *h)
{
	const uint64_t address = h->next - h->to;
	/* "%016x  ", three for each byte, one in the middle, "|", sixteen, "|\n" */
	char text[24 + 3 * HEXDUMP_LINE + 8 + HEXDUMP_LINE];
	static const char digits[] = "0123456789abcdef";
	size_t n = (size_t)snprintf(text, sizeof(text), "%016" PRIx64 " ", address);

	for (size_t i = 0; i < HEXDUMP_LINE; i++) {
		const bool there = i >= h->from && i < h->to;

		if (i % 8 == 0)
			text[n++] = ' ';
		text[n++] = there ? digits[h->line[i] >> 4] : ' ';
		text[n++] = there ? digits[h->line[i] & 15] : ' ';
		text[n++] = ' ';
	}
	text[n++] = ' ';
	text[n++] = '|';
	for (size_t i = 0; i < h->to; i++)
		text[n++] = i < h->from                              ? ' '
			    : h->line[i] >= ' ' && h->line[i] <= '~' ? (char)h->line[i]
								     : '.';
	text[n++] = '|';
	text[n++] = '\n';
	fwrite(text, 1, n, h->f);
}

/* The line is full, or nothing follows it. */
static void finish_line(struct hexdump *h)
{
	const bool whole = h->from == 0 && h->to == HEXDUMP_LINE;

	if (h->from == h->to)
		return;
	if (whole && h->has_last && memcmp(h->line, h->last, HEXDUMP_LINE) == 0) {
		if (!h->starred)
			fputs("*\n", h->f);
		h->starred = true;
	} else {
		print_line(h);
		h->starred = false;
		memcpy(h->last, h->line, HEXDUMP_LINE);
		h->has_last = whole;
	}
	h->from = h->to = 0;
}

void hexdump_end(struct hexdump *h)
{
	finish_line(h);
	if (h->starred)
		fprintf(h->f, "%016" PRIx64 "\n", h->next);
	h->has_last = h->starred = false;
}

/* Whole lines of zeros behind one: nothing to look at one by one. */
static uint64_t skip_zeros(struct hexdump *h, uint64_t n)
{
	static const uint8_t zeros[HEXDUMP_LINE];
	const uint64_t lines = n / HEXDUMP_LINE;

	if (h->to || !h->starred || memcmp(h->last, zeros, HEXDUMP_LINE) != 0)
		return 0;
	h->next += lines * HEXDUMP_LINE;
	return lines * HEXDUMP_LINE;
}

bool hexdump_put(struct hexdump *h, uint64_t address, const uint8_t *bytes, uint64_t n)
{
	if (address != h->next)
		hexdump_end(h);
	if (address != h->next || h->from == h->to)
		h->from = h->to = address % HEXDUMP_LINE;
	h->next = address;
	for (uint64_t done = 0; done < n;) {
		const uint64_t left = n - done, room = HEXDUMP_LINE - h->to;
		const size_t take = (size_t)(left < room ? left : room);

		if (bytes)
			memcpy(h->line + h->to, bytes + done, take);
		else
			memset(h->line + h->to, 0, take);
		h->to += take;
		h->next += take;
		done += take;
		if (h->to == HEXDUMP_LINE)
			finish_line(h);
		if (!bytes)
			done += skip_zeros(h, n - done);
	}
	return !ferror(h->f);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes an archive with a dump in it, image by image, for tests of what reads the memory of
 * processes. Numbers of fields are CRIU's (images/mm.proto and so on).
 */
#ifndef FIRN_TESTS_DUMPING_H
#define FIRN_TESTS_DUMPING_H

#include "members/members.h"
#include "tar_builder.h"

#define DUMP_INVENTORY 0x58313116u
#define DUMP_PSTREE    0x50273030u
#define DUMP_CORE      0x55053847u
#define DUMP_MM        0x57492820u
#define DUMP_PAGEMAP   0x56084025u
#define DUMP_FILES     0x56303138u
#define DUMP_MEMFD     0x48453499u

static inline void dump_varint(struct buf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		buf_put(b, &(uint8_t){ (uint8_t)(v | 0x80) }, 1);
	buf_put(b, &(uint8_t){ (uint8_t)v }, 1);
}

static inline void dump_number(struct buf *b, uint32_t field, uint64_t v)
{
	dump_varint(b, field << 3);
	dump_varint(b, v);
}

static inline void dump_message(struct buf *b, uint32_t field, const struct buf *message)
{
	dump_varint(b, field << 3 | 2);
	dump_varint(b, message->len);
	buf_put(b, message->data, message->len);
}

/* The beginning of an image; its records follow. */
static inline void dump_begin(struct buf *image, uint32_t magic)
{
	if (magic != DUMP_INVENTORY)
		buf_le32(image, 0x54564319);
	buf_le32(image, magic);
}

static inline void dump_record(struct buf *image, struct buf *message)
{
	buf_le32(image, (uint32_t)message->len);
	buf_put(image, message->data, message->len);
	buf_reset(message);
}

static inline void dump_file(struct buf *tar, const char *path, const struct buf *bytes)
{
	MEMBER(tar, .name = path, .data = (const char *)bytes->data, .data_len = bytes->len);
}

struct dump_area {
	uint64_t start, end, offset, backing;
	uint32_t status, flags;
};

struct dump_range {
	uint64_t address, pages;
	uint32_t flags; /* 1: in the parent, 2: lazy, 4: present, 0: zero */
};

static inline void dump_pagemap(struct buf *tar, const char *path, uint32_t pages_id,
				const struct dump_range *ranges, size_t n)
{
	_buf_ struct buf image = BUF_INIT, m = BUF_INIT;

	dump_begin(&image, DUMP_PAGEMAP);
	dump_number(&m, 1, pages_id);
	dump_record(&image, &m);
	for (size_t i = 0; i < n; i++) {
		dump_number(&m, 1, ranges[i].address);
		dump_number(&m, 2, 0);
		dump_number(&m, 4, ranges[i].flags);
		dump_number(&m, 5, ranges[i].pages);
		dump_record(&image, &m);
	}
	dump_file(tar, path, &image);
}

/* A pages file of @n pages, each of which has @mark and its number in it, again and again. */
static inline void dump_pages(struct buf *tar, const char *path, const char *mark, size_t n)
{
	_buf_ struct buf pages = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		while (pages.len < (i + 1) * 4096)
			buf_printf(&pages, "%s%03zu.", mark, i);
		pages.len = (i + 1) * 4096;
	}
	MEMBER(tar, .name = path, .data = (const char *)pages.data, .data_len = n * 4096);
}

/* inventory, pstree, core and mm of one process, in checkpoint/. */
static inline void dump_process(struct buf *tar, uint32_t pid, const struct dump_area *areas,
				size_t n)
{
	_buf_ struct buf image = BUF_INIT, m = BUF_INIT, area = BUF_INIT;
	char path[64];

	dump_begin(&image, DUMP_INVENTORY);
	dump_number(&m, 1, 2);
	dump_record(&image, &m);
	dump_file(tar, "checkpoint/inventory.img", &image);
	buf_reset(&image);
	dump_begin(&image, DUMP_PSTREE);
	dump_number(&m, 1, pid);
	dump_number(&m, 2, 0);
	dump_record(&image, &m);
	dump_file(tar, "checkpoint/pstree.img", &image);
	buf_reset(&image);
	dump_begin(&image, DUMP_CORE);
	dump_number(&m, 1, 1);
	dump_record(&image, &m);
	snprintf(path, sizeof(path), "checkpoint/core-%u.img", pid);
	dump_file(tar, path, &image);
	buf_reset(&image);
	dump_begin(&image, DUMP_MM);
	for (size_t i = 0; i < n; i++) {
		dump_number(&area, 1, areas[i].start);
		dump_number(&area, 2, areas[i].end);
		dump_number(&area, 3, areas[i].offset);
		dump_number(&area, 4, areas[i].backing);
		dump_number(&area, 5, 3);
		dump_number(&area, 6, areas[i].flags);
		dump_number(&area, 7, areas[i].status);
		dump_message(&m, 14, &area);
		buf_reset(&area);
	}
	dump_record(&image, &m);
	snprintf(path, sizeof(path), "checkpoint/mm-%u.img", pid);
	dump_file(tar, path, &image);
}

/* The members of @tar. */
static inline struct members *dump_members(const struct buf *tar)
{
	struct firn_error err = { 0 };
	struct members *m = NULL;
	struct source *src = NULL;

	ck_ok(source_from_mem(tar->data, tar->len, &src, &err), err);
	ck_ok(members_open_source(src, &m, &err), err);
	return m;
}

/* The same; it is ended here. */
static inline struct members *dump_open(struct buf *tar)
{
	build_end(tar);
	return dump_members(tar);
}

#endif

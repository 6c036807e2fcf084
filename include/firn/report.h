/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file What long calls tell their caller while they work. The library itself never prints. */
#ifndef FIRN_REPORT_H
#define FIRN_REPORT_H

#include <firn/error.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A step of long work. */
struct firn_progress {
	const char *what; /**< what is being done, such as "checkpoint/pages-1.img" */
	uint64_t done;    /**< bytes so far */
	uint64_t total;   /**< bytes in all, 0 when nobody knows */
};

/** Callbacks, each may be NULL. They are called in the caller's thread. */
struct firn_report {
	/** Something the user should know and that stops nothing, as a sentence. */
	void (*warn)(const char *text, void *ctx);
	/** At most some hundred times for a call, and once at the end with done == total. */
	void (*progress)(const struct firn_progress *p, void *ctx);
	void *ctx; /**< handed to both */
};

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What firn verify has to say about its input: a list of findings, each with its place, a word that
 * stays the same from release to release, and a sentence. Who checks something adds what it finds
 * and goes on; what stops a check is no finding but an error: only that the system refuses.
 *
 * The list is bounded whatever the input: FINDINGS_EACH_MAX findings of one word are kept, and
 * FINDINGS_MAX in all; those behind them are counted. Like struct buf it remembers that memory ran
 * out and ignores what comes after it: findings_check() at the end.
 */
#ifndef FIRN_VERIFY_FINDINGS_H
#define FIRN_VERIFY_FINDINGS_H

#include "base/error.h"
#include "bytes/value.h"

#include <stdbool.h>
#include <stddef.h>

#define FINDINGS_EACH_MAX  100  /* findings kept of one word */
#define FINDINGS_MAX       4000 /* and of all words */
#define FINDINGS_CODES_MAX 200  /* words there are */

enum finding_level {
	FINDING_FAULT,   /* it is broken: exit status 3 */
	FINDING_WARNING, /* allowed, but somebody will stumble over it */
	FINDING_NOTE,    /* worth knowing, and nothing wrong */
};

struct findings;

int findings_new(struct findings **ret, struct firn_error *err) _must_check_;
struct findings *findings_free(struct findings *f);
void findings_freep(struct findings **f);

/*
 * @where: the file or blob, and what of it ("checkpoint/pagemap-1.img: entry 3"); bytes of it that
 * are no text are replaced when it is shown. "" is the whole input. @code: a word of lower-case
 * letters and hyphens, "digest-differs", static. @fmt: a sentence without a full stop that names
 * what was expected and what is there.
 */
void findings_add(struct findings *f, enum finding_level level, const char *where, const char *code,
		  const char *fmt, ...) _printf_(5, 6);

/*
 * The way from an error of a parser to a finding: if @rc is a failure that the bytes are to blame
 * for, add it under @code with the sentence of @e. What this firn doesn't know (-FIRN_EUNSUPP) is
 * a warning, what can't be read is the fault "unreadable". Out of memory alone is no finding: it is
 * returned with @e copied to @err. Else the result is 0 when there is no finding, 1 when there is.
 */
int findings_take(struct findings *f, const char *where, const char *code, int rc,
		  const struct firn_error *e, struct firn_error *err) _must_check_;

/*
 * From now on every place is below @place ("container c1"): "PLACE: WHERE". NULL: no more. Copied.
 */
void findings_within(struct findings *f, const char *place);

/* How many there are of @level, also of those that were only counted. */
uint64_t findings_count(const struct findings *f, enum finding_level level);
/* 0, or -FIRN_ENOMEM when a finding was lost for want of memory. */
int findings_check(const struct findings *f, struct firn_error *err) _must_check_;

/*
 * A list in the order of the findings, each an object {level, place, code, text}; behind them one
 * of the same form for every word of which more were found than kept. To be asked for once, after
 * the last findings_add(). Lives as long as @f.
 */
const struct firn_value *findings_value(struct findings *f);

#endif

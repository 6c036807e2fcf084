/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file
 * How every call of libfirn reports failure.
 *
 * A call returns 0 (or a documented positive value) on success and the negative of an
 * enum firn_code on failure. The caller may pass a struct firn_error, usually on its own stack, to
 * learn the sentence behind the code; NULL is allowed. Nothing in it needs to be freed, and it is
 * only meaningful after a call that failed.
 */
#ifndef FIRN_ERROR_H
#define FIRN_ERROR_H

#define FIRN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/** What went wrong, as far as a program may want to react to it. */
enum firn_code {
	FIRN_OK = 0,
	FIRN_EFAIL = 1, /**< the system refused; sys_errno says why */
	FIRN_EINVAL,    /**< an argument or option that can't be used */
	FIRN_ECORRUPT,  /**< bytes are not what they claim to be, or break their format */
	FIRN_ENOTFOUND, /**< a file, tag, blob or mount that isn't there */
	FIRN_EEXIST,    /**< something is there already, and replacing it was not asked for */
	FIRN_ELIMIT,    /**< larger, deeper or more than the named limit */
	FIRN_EUNSUPP,   /**< valid, but neither this version nor this kernel can do it */
	FIRN_ENOMEM,    /**< out of memory */
	FIRN_EMISMATCH, /**< two things that must belong together don't (base and checkpoint) */
	FIRN_EHOST,     /**< this host can't restore the checkpoint */
	FIRN_EBUSY,     /**< in use by somebody else */
};

/** A code, the errno behind it (0 if none), and a sentence without the program's name or newline.
 */
struct firn_error {
	int code;
	int sys_errno;
	char msg[480];
};

#ifdef __cplusplus
}
#endif

#endif

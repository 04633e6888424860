/* base/error.h - fills the caller's struct hf_error. Every function returns `code`, for `return`.
 */
#ifndef HF_BASE_ERROR_H
#define HF_BASE_ERROR_H

#include <holdfast/error.h>

#include <stdbool.h>

/* Set code and sentence; forgets what was there. err may be NULL. */
int hf_fail(struct hf_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A failed system call. `negative_errno` as the io table returns it; picks the code (ENOSPC and
 * EDQUOT: NO_SPACE; ENOMEM: NO_MEMORY; ENOENT: NOT_FOUND; EEXIST: EXISTS; else IO), saves errno,
 * names `file`, and makes the sentence "cannot VERB FILE: strerror".
 */
int hf_fail_errno(struct hf_error *err, int negative_errno, const char *verb, const char *file);

/* Damage in a file at an offset: code, file, offset and sentence. */
int hf_fail_at(struct hf_error *err, int code, const char *file, uint64_t offset,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

int hf_fail_memory(struct hf_error *err);

/*
 * Does a failure that gave this code say that something on disk is lost? So does a sector that the
 * disk refuses to read, which is as lost as one that it gives back changed. Want of memory,
 * descriptors or rights says nothing about the disk: what can't be looked at now is neither
 * replaced nor deleted for it.
 */
bool hf_error_is_damage(int code, const struct hf_error *err);

/* For a failure that harms nobody; the caller says why beside it. */
static inline void hf_tolerate(int rc)
{
    (void)rc;
}

/* Put "prefix: " before the sentence that is there; code and place stay. Returns err's code. */
int hf_fail_prefix(struct hf_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with another code: what a failure further down means to our caller. Returns `code`. */
int hf_fail_as(struct hf_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/*
 * fault-injection/disk/site.h - included before each source that changes the disk, when it is
 * compiled for the explorer: each call of such an operation notes where it stands.
 *
 * So the sources need not know of it, and what a call site is does not depend on what a compiler
 * inlined. The simulated disk takes the note when the operation reaches it.
 */
#ifndef HF_FAULT_SITE_H
#define HF_FAULT_SITE_H

#include "io/io.h"

/* "wal/append.c:235", of the call that this thread is making; or NULL. */
extern _Thread_local const char *site_of_call;

#define SITE_TEXT_OF(line) #line
#define SITE_TEXT(line)    SITE_TEXT_OF(line)
#define SITE               (site_of_call = __FILE__ ":" SITE_TEXT(__LINE__))

#define hf_io_create(...)    (SITE, hf_io_create(__VA_ARGS__))
#define hf_io_truncate(...)  (SITE, hf_io_truncate(__VA_ARGS__))
#define hf_io_fsync(...)     (SITE, hf_io_fsync(__VA_ARGS__))
#define hf_io_fdatasync(...) (SITE, hf_io_fdatasync(__VA_ARGS__))
#define hf_io_sync_dir(...)  (SITE, hf_io_sync_dir(__VA_ARGS__))
#define hf_io_link(...)      (SITE, hf_io_link(__VA_ARGS__))
#define hf_io_rename(...)    (SITE, hf_io_rename(__VA_ARGS__))
#define hf_io_unlink(...)    (SITE, hf_io_unlink(__VA_ARGS__))
#define hf_io_discard(...)   (SITE, hf_io_discard(__VA_ARGS__))
#define hf_io_rmdir(...)     (SITE, hf_io_rmdir(__VA_ARGS__))

#endif

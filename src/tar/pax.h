/* tar/pax.h - what the records of x and g headers say about an entry. Zeroed is nothing. */
#ifndef HF_TAR_PAX_H
#define HF_TAR_PAX_H

#include "tar/sparse.h"
#include "tar/xattrs.h"

struct hf_tar_pax {
    bool has_size;
    bool has_uid;
    bool has_gid;
    bool has_mtime;
    bool has_sparse_size;
    bool has_sparse_map;   /* 0.0 or 0.1 */
    bool has_sparse_major; /* a version is told */
    bool has_sparse_count;
    uint64_t size;
    uint64_t uid;
    uint64_t gid;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
    uint64_t sparse_size;
    uint64_t sparse_major;
    uint64_t sparse_minor;
    uint64_t sparse_count;
    uint64_t sparse_off;       /* of 0.0: the piece whose length comes next */
    struct hf_buf path;        /* empty: none */
    struct hf_buf link;        /* empty: none */
    struct hf_buf sparse_name; /* empty: none */
    struct hf_tar_xattrs xattrs;
    struct hf_tar_sparse sparse;
};

void hf_tar_pax_release(struct hf_tar_pax *pax);
void hf_tar_pax_clear(struct hf_tar_pax *pax); /* nothing told, keeps the memory */
/* What the global records say, for the start of an entry; what can only mean one entry is left out.
 */
HF_MUST_USE int hf_tar_pax_inherit(struct hf_tar_pax *pax, const struct hf_tar_pax *global,
                                   struct hf_error *err);
/* All records of one header. An empty value takes back what was told, but an extended attribute may
 * be empty. */
HF_MUST_USE int hf_tar_pax_read(struct hf_tar_pax *pax, const char *text, size_t len,
                                struct hf_error *err);

#endif

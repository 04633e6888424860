/*
 * transfer/member.h - the files of an archive that is being loaded: where their bytes are by now,
 * and how they are found by path (through links) or by digest.
 *
 * Members are added while the archive is read; hf_members_seal then makes them findable, and from
 * then on pointers to them stay valid until release.
 */
#ifndef HF_TRANSFER_MEMBER_H
#define HF_TRANSFER_MEMBER_H

#include <holdfast/digest.h>

#include "archive/archive.h"
#include "base/digest_map.h"
#include "transfer/measure.h"

#include <stdbool.h>

#define HF_MEMBERS_MAX       65536u
#define HF_MEMBERS_PATHS_MAX (8u * 1024u * 1024u) /* bytes of all paths together */
#define HF_MEMBERS_LINKS_MAX 40                   /* from link to link */

enum hf_member_place {
    HF_MEMBER_LINK,   /* it stands for another member */
    HF_MEMBER_UNREAD, /* a folder's file; read when it is wanted */
    HF_MEMBER_MEMORY, /* `data` */
    HF_MEMBER_STAGED, /* staged in the transaction */
    HF_MEMBER_STORED, /* the store has the same bytes: claimed and compared */
};

struct hf_member {
    char *path;
    char *link; /* LINK */
    enum hf_member_place place;
    struct hf_digest digest; /* UNREAD: what its name tells, if it does */
    uint64_t size_bytes;
    uint8_t *data; /* MEMORY */
    bool is_measured;
    bool is_settled; /* claimed or staged for good: objects may be put for it */
    struct hf_plain plain;
    bool is_inflated; /* its plain form is settled too */
    bool is_derived;  /* `derived` is known */
    bool is_judged;   /* and what could not be derived was told */
    struct hf_derived derived;
};

struct hf_members {
    struct hf_member *items;
    size_t count;
    size_t capacity;
    size_t path_bytes;
    size_t memory_bytes; /* of MEMORY members */
    uint32_t *by_path;   /* sealed: indexes in order of path */
    size_t path_count;
    struct hf_digest_map by_digest;
};

/* `link` NULL unless it is one. LIMIT when there are too many. The member is empty (UNREAD). */
HF_MUST_USE int hf_members_add(struct hf_members *members, const char *path, const char *link,
                               struct hf_member **out, struct hf_error *err);
/* Of members with the same path the last one counts, as if the archive had been unpacked. */
HF_MUST_USE int hf_members_seal(struct hf_members *members, struct hf_error *err);
/* *out NULL: there is none, or only a link to nowhere. INPUT: links in a circle. */
HF_MUST_USE int hf_members_at(const struct hf_members *members, const char *path,
                              struct hf_member **out, struct hf_error *err);
/* NULL: there is none. */
struct hf_member *hf_members_find(const struct hf_members *members, const struct hf_digest *digest);
void hf_members_release(struct hf_members *members);

/*
 * The digest that a path tells: the last component is 64 (128) hexadecimal digits, alone or with
 * ".tar", ".json", ".tar.gz". *out_strict: the path is blobs/ALGORITHM/HEX, where it must be true;
 * else it is only what writers commonly do.
 */
bool hf_member_digest_of_path(const char *path, struct hf_digest *out, bool *out_strict);

#endif

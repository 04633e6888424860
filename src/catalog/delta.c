/*
 * catalog/delta.c - the ordered map behind hf_delta: an AVL tree whose nodes versions share.
 *
 * A tree balanced by height, because keys are chosen by whoever names images: they must not be able
 * to make it deep. So every recursion here is as shallow as the tree (HEIGHT_MAX).
 *
 * Always true:
 *  (1) a node with more than one reference is never changed, nor is an entry once it is made;
 *  (2) a node that is reached only through nodes with a single reference, and has a single
 * reference itself, is seen by nobody else and may be changed in place; (3) the heights of a node's
 * two subtrees differ by at most 1; (4) what can fail comes before what changes contents: copying a
 * path leaves a version equal to what it was, so a put may stop after any copy.
 */
#include "catalog/delta.h"

#include "base/error.h"
#include "catalog/key_order.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* A tree of height h has at least fibonacci(h + 2) - 1 nodes (3), for 92 more than 2^63. */
#define HEIGHT_MAX 92

/* Apart from the nodes, so that copying a path copies no values. */
struct entry {
    atomic_size_t refs;
    uint64_t position;
    size_t key_len;
    size_t value_len;
    bool deleted;
    uint8_t bytes[]; /* the key, then the value */
};

/* The root stands for the version. */
struct hf_delta {
    atomic_size_t refs;
    struct hf_delta *child[2]; /* lower keys, higher keys */
    struct entry *entry;
    size_t count; /* nodes from here down */
    unsigned height;
};

/* --- entries ---------------------------------------------------------------------------------- */

static struct entry *entry_new(const struct hf_delta_entry *from)
{
    size_t value_len = from->deleted ? 0 : from->value_len;

    if (from->key_len > SIZE_MAX / 4 || value_len > SIZE_MAX / 4)
        return NULL;
    struct entry *entry = malloc(sizeof(*entry) + from->key_len + value_len);
    if (!entry)
        return NULL;
    atomic_init(&entry->refs, 1);
    entry->position = from->position;
    entry->key_len = from->key_len;
    entry->value_len = value_len;
    entry->deleted = from->deleted;
    if (from->key_len > 0)
        memcpy(entry->bytes, from->key, from->key_len);
    if (value_len > 0)
        memcpy(entry->bytes + from->key_len, from->value, value_len);
    return entry;
}

static struct entry *entry_ref(struct entry *entry)
{
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    return entry;
}

static void entry_unref(struct entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) == 1)
        free(entry);
}

static void show_entry(const struct entry *entry, struct hf_delta_entry *out)
{
    *out = (struct hf_delta_entry){
        .key = entry->bytes,
        .key_len = entry->key_len,
        .value = entry->deleted ? NULL : entry->bytes + entry->key_len,
        .value_len = entry->value_len,
        .deleted = entry->deleted,
        .position = entry->position,
    };
}

/* --- nodes ------------------------------------------------------------------------------------ */

static unsigned height_of(const struct hf_delta *node)
{
    return node ? node->height : 0;
}

size_t hf_delta_count(const struct hf_delta *version)
{
    return version ? version->count : 0;
}

/* Height and count from the children. */
static void measure(struct hf_delta *node)
{
    unsigned low = height_of(node->child[0]);
    unsigned high = height_of(node->child[1]);

    node->height = 1 + (low > high ? low : high);
    node->count = 1 + hf_delta_count(node->child[0]) + hf_delta_count(node->child[1]);
}

/* Takes over the references to entry and children; NULL takes none. */
static struct hf_delta *node_new(struct entry *entry, struct hf_delta *low, struct hf_delta *high)
{
    struct hf_delta *node = malloc(sizeof(*node));

    if (!node)
        return NULL;
    atomic_init(&node->refs, 1);
    node->child[0] = low;
    node->child[1] = high;
    node->entry = entry;
    measure(node);
    return node;
}

struct hf_delta *hf_delta_ref(struct hf_delta *version)
{
    if (version)
        atomic_fetch_add_explicit(&version->refs, 1, memory_order_relaxed);
    return version;
}

void hf_delta_unref(struct hf_delta *version)
{
    while (version && atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel) == 1) {
        struct hf_delta *high = version->child[1];

        hf_delta_unref(version->child[0]);
        entry_unref(version->entry);
        free(version);
        version = high;
    }
}

/*
 * Make *slot a node that may be changed. The node that holds the slot must be one already, so that
 * a single reference here means (2). False: no memory, *slot is what it was.
 */
static bool make_own(struct hf_delta **slot)
{
    struct hf_delta *node = *slot;

    /* Acquire: what another thread read before it dropped its reference was read by now. */
    if (atomic_load_explicit(&node->refs, memory_order_acquire) == 1)
        return true;
    struct hf_delta *copy = malloc(sizeof(*copy));
    if (!copy)
        return false;
    atomic_init(&copy->refs, 1);
    copy->child[0] = hf_delta_ref(node->child[0]);
    copy->child[1] = hf_delta_ref(node->child[1]);
    copy->entry = entry_ref(node->entry);
    copy->count = node->count;
    copy->height = node->height;
    *slot = copy;
    hf_delta_unref(node);
    return true;
}

/* --- put -------------------------------------------------------------------------------------- */

/* The child on `side` takes the place of *slot, which becomes its child on the other side. */
static void rotate_up(struct hf_delta **slot, int side)
{
    struct hf_delta *node = *slot;
    struct hf_delta *risen = node->child[side];

    node->child[side] = risen->child[!side];
    risen->child[!side] = node;
    measure(node);
    measure(risen);
    *slot = risen;
}

/*
 * Restore (3) in *slot after one of its subtrees grew by an insertion. The nodes that turn lie on
 * the path of that insertion, so they may be changed.
 */
static void rebalance(struct hf_delta **slot)
{
    struct hf_delta *node = *slot;
    int high = height_of(node->child[1]) > height_of(node->child[0]);

    measure(node);
    if (height_of(node->child[high]) <= height_of(node->child[!high]) + 1)
        return;
    struct hf_delta *heavy = node->child[high];
    if (height_of(heavy->child[!high]) > height_of(heavy->child[high]))
        rotate_up(&node->child[high], !high);
    rotate_up(slot, high);
}

int hf_delta_put(struct hf_delta **version, const struct hf_delta_entry *entry,
                 struct hf_error *err)
{
    struct hf_delta **path[HEIGHT_MAX];
    size_t depth = 0;
    struct hf_delta **slot = version;

    /* First of all: the caller's bytes may be borrowed from the very version that changes. */
    struct entry *added = entry_new(entry);
    if (!added)
        return hf_fail_memory(err);

    while (*slot) { /* (4) */
        if (!make_own(slot))
            goto no_memory;
        struct hf_delta *node = *slot;
        int order =
            hf_key_compare(added->bytes, added->key_len, node->entry->bytes, node->entry->key_len);
        if (order == 0) {
            entry_unref(node->entry);
            node->entry = added;
            return 0;
        }
        assert(depth < HEIGHT_MAX);
        path[depth++] = slot;
        slot = &node->child[order > 0];
    }
    struct hf_delta *leaf = node_new(added, NULL, NULL);
    if (!leaf)
        goto no_memory;
    *slot = leaf;
    while (depth > 0)
        rebalance(path[--depth]);
    return 0;

no_memory:
    entry_unref(added);
    return hf_fail_memory(err);
}

/* --- reading ---------------------------------------------------------------------------------- */

bool hf_delta_get(const struct hf_delta *version, const void *key, size_t key_len,
                  struct hf_delta_entry *out)
{
    while (version) {
        const struct entry *entry = version->entry;
        int order = hf_key_compare(key, key_len, entry->bytes, entry->key_len);

        if (order == 0) {
            show_entry(entry, out);
            return true;
        }
        version = version->child[order > 0];
    }
    return false;
}

bool hf_delta_seek(const struct hf_delta *version, const void *key, size_t key_len, bool after,
                   struct hf_delta_entry *out)
{
    const struct entry *best = NULL;

    while (version) {
        const struct entry *entry = version->entry;
        int order = hf_key_compare(entry->bytes, entry->key_len, key, key_len);

        if (after ? order > 0 : order >= 0) {
            best = entry;
            version = version->child[0];
        } else {
            version = version->child[1];
        }
    }
    if (!best)
        return false;
    show_entry(best, out);
    return true;
}

/* --- since ------------------------------------------------------------------------------------ */

/* Appends the entries of a version, ascending, borrowed. Returns how many there are then. */
static size_t collect(const struct hf_delta *version, uint64_t from, struct entry **entries,
                      size_t count)
{
    for (; version; version = version->child[1]) {
        count = collect(version->child[0], from, entries, count);
        if (version->entry->position >= from)
            entries[count++] = version->entry;
    }
    return count;
}

/* A balanced version of ascending entries, at least one. NULL: no memory. */
static struct hf_delta *build(struct entry *const *entries, size_t count)
{
    size_t middle = count / 2;
    struct hf_delta *low = NULL;
    struct hf_delta *high = NULL;

    if (middle > 0 && !(low = build(entries, middle)))
        return NULL;
    if (count - middle > 1 && !(high = build(entries + middle + 1, count - middle - 1)))
        goto no_memory;
    struct hf_delta *node = node_new(entries[middle], low, high);
    if (!node)
        goto no_memory;
    entry_ref(entries[middle]);
    return node;

no_memory:
    hf_delta_unref(low);
    hf_delta_unref(high);
    return NULL;
}

int hf_delta_since(const struct hf_delta *version, uint64_t from, struct hf_delta **out,
                   struct hf_error *err)
{
    struct hf_delta *made = NULL;
    struct entry **entries = NULL;
    size_t count = 0;

    if (version) {
        entries = calloc(version->count, sizeof(struct entry *));
        if (!entries)
            return hf_fail_memory(err);
        count = collect(version, from, entries, 0);
    }
    if (count > 0)
        made = build(entries, count);
    free(entries);
    if (count > 0 && !made)
        return hf_fail_memory(err);
    *out = made;
    return 0;
}

/* erofs/tree.c - the tree of one layer, in memory. */
#include "erofs/tree.h"

#include "base/array.h"
#include "base/checksum.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 1024u

static size_t memory_bytes(const struct hf_erofs_tree *tree)
{
    return tree->name_capacity * sizeof(*tree->names) +
           tree->inode_capacity * sizeof(*tree->inodes) +
           tree->bucket_count * sizeof(*tree->buckets) + tree->bytes.capacity;
}

int hf_erofs_tree_afford(const struct hf_erofs_tree *tree, size_t more, struct hf_error *err)
{
    size_t used = memory_bytes(tree);

    if (used > tree->memory_max_bytes || more > tree->memory_max_bytes - used)
        return hf_fail(err, HF_ERR_LIMIT,
                       "the index of the layer would need more than %zu bytes of memory",
                       tree->memory_max_bytes);
    return 0;
}

/* Doubling has old and new at once for a moment: that is what must be affordable. */
static int grow(struct hf_erofs_tree *tree, void *array, size_t *capacity, size_t count,
                size_t element_bytes, struct hf_error *err)
{
    if (count < *capacity)
        return 0;
    int rc = hf_erofs_tree_afford(tree, *capacity * 2 * element_bytes, err);
    return rc < 0 ? rc : hf_array_grow(array, capacity, count, element_bytes, err);
}

int hf_erofs_tree_keep(struct hf_erofs_tree *tree, const void *data, size_t len, uint32_t *out_off,
                       struct hf_error *err)
{
    struct hf_buf *bytes = &tree->bytes;
    int rc = 0;

    if (len > bytes->capacity - bytes->len)
        rc = hf_erofs_tree_afford(tree, 2 * bytes->capacity + len, err);
    if (rc < 0)
        return rc;
    *out_off = (uint32_t)bytes->len; /* the memory is at most 2 GiB */
    hf_buf_put(bytes, data, len);
    return hf_buf_check(bytes, err);
}

int hf_erofs_tree_add_inode(struct hf_erofs_tree *tree, const struct hf_erofs_inode *inode,
                            uint32_t *out, struct hf_error *err)
{
    int rc = grow(tree, &tree->inodes, &tree->inode_capacity, tree->inode_count,
                  sizeof(*tree->inodes), err);

    if (rc < 0)
        return rc;
    *out = (uint32_t)tree->inode_count;
    tree->inodes[tree->inode_count++] = *inode;
    return 0;
}

static uint32_t *bucket_of(const struct hf_erofs_tree *tree, uint32_t directory, const void *text,
                           size_t len)
{
    /* Whoever makes a tar does not know the seed, and so not which names share a bucket. */
    uint64_t hash = hf_checksum(text, len, tree->seed + directory);

    return &tree->buckets[hash & (tree->bucket_count - 1)];
}

uint32_t hf_erofs_tree_find(const struct hf_erofs_tree *tree, uint32_t directory, const void *text,
                            size_t len)
{
    uint32_t at = *bucket_of(tree, directory, text, len);

    while (at != HF_EROFS_NONE) {
        const struct hf_erofs_name *name = &tree->names[at];
        if (name->parent == directory && name->text_len == len &&
            memcmp(hf_erofs_tree_bytes(tree, name->text), text, len) == 0)
            break;
        at = name->chain;
    }
    return at;
}

static void fill_buckets(struct hf_erofs_tree *tree)
{
    memset(tree->buckets, 0xff, tree->bucket_count * sizeof(*tree->buckets));
    for (uint32_t i = 1; i < tree->name_count; i++) { /* nobody looks for the root */
        struct hf_erofs_name *name = &tree->names[i];
        uint32_t *bucket =
            bucket_of(tree, name->parent, hf_erofs_tree_bytes(tree, name->text), name->text_len);
        name->chain = *bucket;
        *bucket = i;
    }
}

static int grow_buckets(struct hf_erofs_tree *tree, struct hf_error *err)
{
    size_t count = tree->bucket_count > 0 ? 2 * tree->bucket_count : FIRST_BUCKETS;
    int rc = hf_erofs_tree_afford(tree, count * sizeof(*tree->buckets), err);

    if (rc < 0)
        return rc;
    uint32_t *buckets = malloc(count * sizeof(*buckets));
    if (!buckets)
        return hf_fail_memory(err);
    free(tree->buckets);
    tree->buckets = buckets;
    tree->bucket_count = count;
    fill_buckets(tree);
    return 0;
}

int hf_erofs_tree_add_name(struct hf_erofs_tree *tree, uint32_t directory, const void *text,
                           size_t len, uint32_t inode, uint32_t *out, struct hf_error *err)
{
    struct hf_erofs_name name = {.inode = inode, .parent = directory, .text_len = (uint8_t)len};
    uint32_t index = (uint32_t)tree->name_count;
    int rc;

    if (len > HF_TAR_MAX_COMPONENT) /* paths are checked, targets of symlinks on the way are not */
        return hf_fail(err, HF_ERR_LIMIT, "its path leads through a symlink to a name of %zu bytes",
                       len);
    if ((rc = grow(tree, &tree->names, &tree->name_capacity, tree->name_count, sizeof(*tree->names),
                   err)) < 0 ||
        (rc = hf_erofs_tree_keep(tree, text, len, &name.text, err)) < 0)
        return rc;
    if (tree->name_count >= tree->bucket_count && (rc = grow_buckets(tree, err)) < 0)
        return rc;
    uint32_t *bucket = bucket_of(tree, directory, text, len);
    name.chain = *bucket;
    *bucket = index;
    name.next = (uint32_t)tree->inodes[directory].data;
    tree->inodes[directory].data = index;
    if (hf_erofs_is(&tree->inodes[inode], S_IFDIR))
        tree->inodes[inode].name = index;
    tree->names[tree->name_count++] = name;
    *out = index;
    return 0;
}

struct hf_erofs_inode hf_erofs_plain_directory(void)
{
    return (struct hf_erofs_inode){
        .mode = S_IFDIR | 0755, .xattrs = HF_EROFS_NONE, .data = HF_EROFS_NONE};
}

int hf_erofs_tree_init(struct hf_erofs_tree *tree, size_t memory_max_bytes, struct hf_error *err)
{
    struct hf_erofs_inode root = hf_erofs_plain_directory();
    uint32_t index = 0;
    int rc;

    *tree = (struct hf_erofs_tree){.memory_max_bytes = memory_max_bytes,
                                   .seed = hf_checksum(&tree, sizeof(tree), (uintptr_t)tree)};
    if ((rc = hf_erofs_tree_add_inode(tree, &root, &index, err)) < 0 ||
        (rc = grow(tree, &tree->names, &tree->name_capacity, 0, sizeof(*tree->names), err)) < 0 ||
        (rc = grow_buckets(tree, err)) < 0)
        return rc;
    tree->names[tree->name_count++] =
        (struct hf_erofs_name){.next = HF_EROFS_NONE, .chain = HF_EROFS_NONE};
    return 0;
}

void hf_erofs_tree_release(struct hf_erofs_tree *tree)
{
    free(tree->names);
    free(tree->inodes);
    free(tree->buckets);
    hf_buf_release(&tree->bytes);
    hf_buf_release(&tree->path);
    hf_buf_release(&tree->way);
    *tree = (struct hf_erofs_tree){0};
}

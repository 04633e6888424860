/* rootfs/made.c - what the tree remembers: entries of this layer, and what directories shall be. */
#include "rootfs/tree.h"

#include "base/array.h"
#include "base/checksum.h"

#include <string.h>

/* Whoever makes a tar does not know the seed, and so not which entries are taken for another. */
static uint64_t key_of(const struct hf_tree *tree, uint64_t dir_ino, const char *name)
{
    return hf_checksum(name, strlen(name), tree->seed ^ dir_ino);
}

int hf_tree_note_made(struct hf_tree *tree, struct hf_tree_place place, const char *name,
                      struct hf_error *err)
{
    if (tree->layer <= 1)
        return 0;
    return hf_numbers_put(&tree->made, key_of(tree, place.ino, name), 0, err);
}

bool hf_tree_is_made(const struct hf_tree *tree, uint64_t dir_ino, const char *name)
{
    return tree->layer <= 1 || hf_numbers_get(&tree->made, key_of(tree, dir_ino, name), NULL);
}

int hf_tree_note_dir(struct hf_tree *tree, uint64_t ino, const struct hf_tree_attrs *attrs,
                     struct hf_error *err)
{
    uint32_t index = 0;
    int rc = 0;

    if (!hf_numbers_get(&tree->dirs, ino, &index)) {
        index = (uint32_t)tree->attr_count;
        rc = hf_array_grow(&tree->attrs, &tree->attr_capacity, tree->attr_count,
                           sizeof(*tree->attrs), err);
        if (rc == 0)
            rc = hf_numbers_put(&tree->dirs, ino, index, err);
        if (rc != 0)
            return rc;
        tree->attr_count++;
    }
    tree->attrs[index] = *attrs;
    return 0;
}

const struct hf_tree_attrs *hf_tree_dir(const struct hf_tree *tree, uint64_t ino)
{
    uint32_t index = 0;

    if (!hf_numbers_get(&tree->dirs, ino, &index))
        return NULL;
    return &tree->attrs[index];
}

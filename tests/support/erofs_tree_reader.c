/* tests/support/erofs_tree_reader.c - reads the directories of EROFS images, and checks whole ones.
 */
#include "support/erofs_reader.h"

#include "support/erofs_reader_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK_MAX 4096

/* Where the listing of one directory is. */
struct listing {
    struct hf_erofs_image *image;
    const struct hf_erofs_stat *directory;
    char last[255]; /* the name before */
    size_t last_len;
    bool (*each)(void *arg, const struct hf_erofs_image_entry *entry);
    void *arg;
};

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static bool take_entry(struct listing *listing, const struct hf_erofs_image_entry *entry)
{
    if (entry->name_len == 0 || entry->name_len > 255 ||
        memchr(entry->name, '/', entry->name_len) || memchr(entry->name, 0, entry->name_len))
        return hf_erofs_fault(listing->image, "directory %u: a name", listing->directory->nid);
    if (listing->last_len > 0 &&
        compare(listing->last, listing->last_len, entry->name, entry->name_len) >= 0)
        return hf_erofs_fault(listing->image, "directory %u: names out of order",
                              listing->directory->nid);
    memcpy(listing->last, entry->name, entry->name_len);
    listing->last_len = entry->name_len;
    return listing->each(listing->arg, entry);
}

/* One block, or what there is of the last. */
static bool list_block(struct listing *listing, const uint8_t *block, size_t len)
{
    size_t names = len >= 12 ? hf_erofs_get(block + 8, 2) : 0;
    size_t count = names / 12;

    if (count == 0 || names % 12 != 0 || names >= len)
        return hf_erofs_fault(listing->image, "directory %u: a block", listing->directory->nid);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = block + 12 * i;
        size_t from = hf_erofs_get(at + 8, 2);
        size_t to = i + 1 < count
                        ? hf_erofs_get(at + 20, 2)
                        : from + strnlen((const char *)block + from, from < len ? len - from : 0);
        if (from < names || to <= from || to > len || at[11] != 0)
            return hf_erofs_fault(listing->image, "directory %u: an entry",
                                  listing->directory->nid);
        struct hf_erofs_image_entry entry = {.name = (const char *)block + from,
                                             .name_len = to - from,
                                             .nid = hf_erofs_get(at, 8),
                                             .type = at[10]};
        if (!take_entry(listing, &entry))
            return false;
    }
    return true;
}

bool hf_erofs_image_list(struct hf_erofs_image *image, const struct hf_erofs_stat *directory,
                         bool (*each)(void *arg, const struct hf_erofs_image_entry *entry),
                         void *arg)
{
    struct listing listing = {.image = image, .directory = directory, .each = each, .arg = arg};
    uint8_t block[BLOCK_MAX];

    for (uint64_t off = 0; off < directory->size; off += image->block_bytes) {
        size_t len = directory->size - off < image->block_bytes ? (size_t)(directory->size - off)
                                                                : image->block_bytes;
        if (!hf_erofs_image_read(image, directory, off, block, len) ||
            !list_block(&listing, block, len))
            return false;
    }
    return true;
}

struct search {
    const char *name;
    size_t name_len;
    uint64_t nid;
    bool is_found;
};

static bool match(void *arg, const struct hf_erofs_image_entry *entry)
{
    struct search *search = arg;

    if (compare(entry->name, entry->name_len, search->name, search->name_len) == 0) {
        search->nid = entry->nid;
        search->is_found = true;
    }
    return true;
}

bool hf_erofs_image_find(struct hf_erofs_image *image, const char *path, struct hf_erofs_stat *out)
{
    if (!hf_erofs_image_stat(image, image->root_nid, out))
        return false;
    while (*path != '\0') {
        struct search search = {.name = path, .name_len = strcspn(path, "/")};
        if (!S_ISDIR(out->mode) || !hf_erofs_image_list(image, out, match, &search) ||
            !search.is_found || !hf_erofs_image_stat(image, (uint32_t)search.nid, out))
            return false;
        path += search.name_len + (path[search.name_len] == '/' ? 1 : 0);
    }
    return true;
}

/* What the check of a whole image remembers. */
struct audit {
    struct hf_erofs_image *image;
    uint32_t *names; /* how many names lead to the inode, by number */
    uint32_t *queue; /* directories still to be read, and who has them */
    size_t queued;
    size_t taken;
    uint32_t directory; /* the one at hand */
    uint32_t parent;
    uint32_t folders; /* in it, "." and ".." counted */
    uint64_t inodes;
    unsigned dots; /* 1 for ".", 2 for ".." */
};

static const uint8_t types[] = {[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3,
                                [S_IFBLK >> 12] = 4, [S_IFIFO >> 12] = 5, [S_IFLNK >> 12] = 7};

static bool read_all(struct hf_erofs_image *image, const struct hf_erofs_stat *inode)
{
    uint8_t block[BLOCK_MAX];
    uint64_t unit = image->block_bytes;
    /* Of chunks one block each will do: a hole may have exabytes. */
    uint64_t step = inode->layout == 4 ? unit << (inode->address & 31) : unit;

    for (uint64_t off = 0; off < inode->size; off += step) {
        uint64_t left = inode->size - off;
        uint64_t last = (left < step ? left : step) - 1;
        if (!hf_erofs_image_read(image, inode, off, block, left < unit ? (size_t)left : unit) ||
            !hf_erofs_image_read(image, inode, off + last, block, 1))
            return false;
        if (step > UINT64_MAX - off)
            break;
    }
    return true;
}

static bool see_inode(struct audit *audit, const struct hf_erofs_image_entry *entry,
                      struct hf_erofs_stat *inode)
{
    struct hf_erofs_image *image = audit->image;

    if (entry->nid > image->len / 32 || !hf_erofs_image_stat(image, (uint32_t)entry->nid, inode))
        return hf_erofs_fault(image, "an entry leads outside");
    if (types[inode->mode >> 12] != entry->type)
        return hf_erofs_fault(image, "inode %u has another type than its entry", inode->nid);
    return true;
}

static bool audit_entry(void *arg, const struct hf_erofs_image_entry *entry)
{
    struct audit *audit = arg;
    struct hf_erofs_image *image = audit->image;
    struct hf_erofs_stat inode;

    if (!see_inode(audit, entry, &inode))
        return false;
    audit->folders += S_ISDIR(inode.mode) ? 1 : 0;
    for (size_t dots = 1; dots <= 2; dots++) {
        if (compare(entry->name, entry->name_len, "..", dots) == 0) {
            audit->dots |= (unsigned)dots;
            if (entry->nid != (dots == 1 ? audit->directory : audit->parent))
                return hf_erofs_fault(image, "directory %u: dots", audit->directory);
            return true;
        }
    }
    if (audit->names[entry->nid]++ > 0)
        return S_ISDIR(inode.mode) ? hf_erofs_fault(image, "two names of directory %u", inode.nid)
                                   : true;
    audit->inodes++;
    hf_erofs_image_xattr_count(image, &inode);
    if (S_ISDIR(inode.mode)) {
        audit->queue[audit->queued++] = inode.nid;
        audit->queue[audit->queued++] = audit->directory;
        return image->fault[0] == '\0';
    }
    return image->fault[0] == '\0' && read_all(image, &inode);
}

static bool audit_directory(struct audit *audit)
{
    struct hf_erofs_stat directory;

    audit->directory = audit->queue[audit->taken++];
    audit->parent = audit->queue[audit->taken++];
    audit->folders = 0;
    audit->dots = 0;
    if (!hf_erofs_image_stat(audit->image, audit->directory, &directory) ||
        !hf_erofs_image_list(audit->image, &directory, audit_entry, audit))
        return false;
    if (audit->dots != 3 || directory.nlink != audit->folders)
        return hf_erofs_fault(audit->image, "directory %u: %u links, %u directories",
                              audit->directory, directory.nlink, audit->folders);
    return true;
}

static bool check_links(struct audit *audit)
{
    struct hf_erofs_stat inode;

    for (uint32_t nid = 0; nid < audit->image->len / 32; nid++) {
        if (audit->names[nid] == 0)
            continue;
        if (!hf_erofs_image_stat(audit->image, nid, &inode))
            return false;
        if (!S_ISDIR(inode.mode) && inode.nlink != audit->names[nid])
            return hf_erofs_fault(audit->image, "inode %u: %u links, %u names", nid, inode.nlink,
                                  audit->names[nid]);
    }
    return true;
}

bool hf_erofs_image_check(struct hf_erofs_image *image)
{
    struct audit audit = {.image = image, .inodes = 1};
    bool is_good = false;

    audit.names = calloc(image->len / 32 + 1, sizeof(*audit.names));
    audit.queue = calloc(image->len / 16 + 2, sizeof(*audit.queue));
    if (audit.names && audit.queue) {
        audit.queue[audit.queued++] = image->root_nid;
        audit.queue[audit.queued++] = image->root_nid;
        audit.names[image->root_nid] = 1;
        is_good = true;
    }
    while (is_good && audit.taken < audit.queued)
        is_good = audit_directory(&audit);
    is_good = is_good && check_links(&audit);
    if (is_good && audit.inodes != image->inode_count)
        is_good = hf_erofs_fault(image, "the super block counts other inodes");
    free(audit.names);
    free(audit.queue);
    return is_good;
}

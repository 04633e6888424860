/* fault-injection/tree.c - see tree.h. */
#include "tree.h"

#include "base/digest.h"

#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_hasher *begin(void)
{
    struct hf_hasher *hasher = hf_hasher_new(HF_DIGEST_SHA256);

    if (hasher == NULL)
        exit(3);
    return hasher;
}

static void end(struct hf_hasher *hasher, char text[HF_DIGEST_TEXT_MAX])
{
    struct hf_digest digest = {0};

    hf_hasher_final(hasher, &digest);
    hf_hasher_free(hasher);
    hf_digest_text(&digest, text);
}

static void add_bytes(struct hf_hasher *hasher, const char *path)
{
    static uint8_t buffer[1 << 16];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    while (fd >= 0 && (got = read(fd, buffer, sizeof(buffer))) > 0)
        hf_hasher_update(hasher, buffer, (size_t)got);
    if (fd < 0 || got < 0)
        hf_hasher_update(hasher, "unreadable", 10);
    if (fd >= 0)
        close(fd);
}

void tree_digest_file(const char *path, char text[HF_DIGEST_TEXT_MAX])
{
    struct hf_hasher *hasher = begin();

    add_bytes(hasher, path);
    end(hasher, text);
}

static int compare(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_entry(struct hf_hasher *hasher, const FTSENT *entry, size_t root_len)
{
    char line[PATH_MAX + 80], target[PATH_MAX];
    const struct stat *stat = entry->fts_statp;
    int len = snprintf(line, sizeof(line), "%s %o %u %u %lld\n", entry->fts_path + root_len + 1,
                       stat->st_mode, stat->st_uid, stat->st_gid,
                       entry->fts_info == FTS_D ? 0LL : (long long)stat->st_size);

    hf_hasher_update(hasher, line, (size_t)len);
    if (entry->fts_info == FTS_F)
        add_bytes(hasher, entry->fts_accpath);
    if (entry->fts_info == FTS_SL) {
        ssize_t got = readlink(entry->fts_accpath, target, sizeof(target));
        hf_hasher_update(hasher, target, got > 0 ? (size_t)got : 0);
    }
}

void tree_digest(const char *path, char text[HF_DIGEST_TEXT_MAX])
{
    char *paths[] = {(char *)path, NULL};
    struct hf_hasher *hasher = begin();
    FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, compare);

    for (FTSENT *entry; fts != NULL && (entry = fts_read(fts)) != NULL;)
        if (entry->fts_level > 0 && entry->fts_info != FTS_DP)
            add_entry(hasher, entry, strlen(path));
    if (fts != NULL)
        fts_close(fts);
    end(hasher, text);
}

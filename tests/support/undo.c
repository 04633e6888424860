#include "support/undo.h"

#include "support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a range of a file had in it before a write. */
struct hf_test_undo {
    struct hf_test_undo *next;
    dev_t device;
    ino_t inode;
    uint64_t off;
    size_t len;
    uint8_t bytes[];
};

/* The descriptor itself may be for reading or for writing only, or for appending. */
static int open_again(int fd, int flags)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = open(path, flags | O_CLOEXEC);
    hf_test_require(again >= 0);
    return again;
}

void hf_test_undo_keep(struct hf_test_undo **list, int fd, uint64_t off, size_t len)
{
    struct hf_test_undo *undo = calloc(1, sizeof(*undo) + len);
    struct stat stat;

    hf_test_require(undo && fstat(fd, &stat) == 0);
    undo->device = stat.st_dev;
    undo->inode = stat.st_ino;
    undo->off = off;
    undo->len = len;
    int again = open_again(fd, O_RDONLY);
    hf_test_require(pread(again, undo->bytes, len, (off_t)off) >= 0); /* zeros behind the end */
    close(again);
    undo->next = *list;
    *list = undo;
}

static void put_back(int fd, const struct hf_test_undo *undo)
{
    int again = open_again(fd, O_WRONLY);

    hf_test_require(pwrite(again, undo->bytes, undo->len, (off_t)undo->off) >= 0);
    close(again);
}

void hf_test_undo_end(struct hf_test_undo **list, int fd, bool loses)
{
    struct stat stat;

    if (*list == NULL || fstat(fd, &stat) != 0)
        return;
    for (struct hf_test_undo **at = list; *at;) {
        struct hf_test_undo *undo = *at;
        if (undo->inode != stat.st_ino || undo->device != stat.st_dev) {
            at = &undo->next;
            continue;
        }
        if (loses)
            put_back(fd, undo);
        *at = undo->next;
        free(undo);
    }
}

void hf_test_undo_drop(struct hf_test_undo **list)
{
    while (*list) {
        struct hf_test_undo *undo = *list;
        *list = undo->next;
        free(undo);
    }
}

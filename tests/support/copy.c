#include "support/copy.h"

#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

static bool is_zero(const uint8_t *data, size_t len)
{
    return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

/* Each run of blocks that are not zeros at once. */
static void put_bytes(int to, const uint8_t *data, size_t len, off_t off)
{
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && !is_zero(data + end, len - end < BLOCK ? len - end : BLOCK))
            end = len - end < BLOCK ? len : end + BLOCK;
        if (end > at)
            hf_test_require(pwrite(to, data + at, end - at, off + (off_t)at) ==
                            (ssize_t)(end - at));
        at = end > at ? end : at + BLOCK;
    }
}

static void copy_file_at(int from_dir, const char *from_name, int to_dir, const char *to_name)
{
    static uint8_t data[1 << 20];
    int from = openat(from_dir, from_name, O_RDONLY | O_CLOEXEC);
    int to = openat(to_dir, to_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat stat;
    off_t off = 0;

    hf_test_require(from >= 0 && to >= 0 && fstat(from, &stat) == 0);
    for (ssize_t got; (got = read(from, data, sizeof(data))) != 0; off += got) {
        hf_test_require(got > 0);
        put_bytes(to, data, (size_t)got, off);
    }
    const struct timespec times[2] = {stat.st_atim, stat.st_mtim};
    hf_test_require(ftruncate(to, off) == 0 && fchmod(to, stat.st_mode & 07777) == 0 &&
                    futimens(to, times) == 0);
    close(from);
    close(to);
}

void hf_test_copy_file(const char *from, const char *to)
{
    copy_file_at(AT_FDCWD, from, AT_FDCWD, to);
}

static void copy_dir_at(int from_dir, const char *from_name, int to_dir, const char *to_name)
{
    int from = openat(from_dir, from_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat stat;

    hf_test_require(mkdirat(to_dir, to_name, 0700) == 0 || errno == EEXIST);
    int to = openat(to_dir, to_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hf_test_require(from >= 0 && to >= 0 && fstat(from, &stat) == 0);
    DIR *dir = fdopendir(from);
    hf_test_require(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_type == DT_REG)
            copy_file_at(from, entry->d_name, to, entry->d_name);
        else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            copy_dir_at(from, entry->d_name, to, entry->d_name);
    }
    const struct timespec times[2] = {stat.st_atim, stat.st_mtim};
    hf_test_require(fchmod(to, stat.st_mode & 07777) == 0 && futimens(to, times) == 0);
    closedir(dir);
    close(to);
}

void hf_test_copy_dir(const char *from, const char *to)
{
    copy_dir_at(AT_FDCWD, from, AT_FDCWD, to);
}

void hf_test_replace_dir(const char *from, const char *to)
{
    if (access(to, F_OK) == 0)
        hf_test_remove_dir(to);
    hf_test_copy_dir(from, to);
}

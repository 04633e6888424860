/*
 * tests/fuzz/fuzz_archive.c - holdfast/image.h: any bytes in the place of an archive are loaded
 * into a store. Whatever they are, the error is about the input and the store stays in order, as
 * the independent checker sees it.
 */
#include "fuzz/fuzz.h"

#include "support/checker.h"

#include <holdfast/image.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAR_BLOCK   512
#define CHECK_EVERY 64

static struct hf_store *store;
static char root[256];
static unsigned runs;

/* Right checksums of what may be tar headers. */
void hf_fuzz_repair(uint8_t *data, size_t size)
{
    for (size_t at = 0; size - at >= TAR_BLOCK; at += TAR_BLOCK) {
        uint8_t *header = data + at;
        char text[9];
        unsigned sum = 0;
        if (memcmp(header + 257, "ustar", 5) != 0)
            continue;
        memset(header + 148, ' ', 8);
        for (int i = 0; i < TAR_BLOCK; i++)
            sum += header[i];
        snprintf(text, sizeof(text), "%06o", sum);
        memcpy(header + 148, text, 7);
    }
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    return remove(path);
}

static void remove_store(void)
{
    (void)hf_store_close(store, NULL);
    (void)nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    /* In memory: a sync costs nothing there, and thousands of loads shall wear out no disk. */
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct hf_store_options options = {.mode = HF_OPEN_CREATE};
    struct hf_error err = {0};

    snprintf(root, sizeof(root), "%s/holdfast-fuzz-XXXXXX", parent);
    if (!mkdtemp(root) || hf_store_open(root, &options, &store, &err) != 0) {
        fprintf(stderr, "no store in %s: %s\n", root, err.message);
        exit(2);
    }
    atexit(remove_store);
    return 0;
}

static void check_store(void)
{
    struct hf_io *io = hf_io_posix();
    struct hf_checker_store found = {0};
    struct hf_prune_options all = {.all = true};
    struct hf_error err = {0};
    uint64_t freed = 0;
    int fd = -1;

    HF_FUZZ_CHECK(hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &fd, NULL) == 0);
    HF_FUZZ_CHECK(hf_checker_read(io, fd, HF_CHECKER_LIVE, &found, &err) == 0);
    for (size_t i = 0; i < found.violation_count && i < HF_CHECKER_VIOLATIONS_KEPT; i++)
        fprintf(stderr, "%s\n", found.violations[i]);
    HF_FUZZ_CHECK(found.violation_count == 0);
    HF_FUZZ_CHECK(found.transaction_count == 0);
    hf_checker_release(&found);
    hf_io_close(io, &fd);
    HF_FUZZ_CHECK(hf_image_prune(store, &all, &freed, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct hf_load_options options = {.ref_digest = true};
    struct hf_error err = {0};
    int fd = memfd_create("archive", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        exit(2);
    int rc = hf_image_load(store, NULL, fd, &options, &err);
    close(fd);
    HF_FUZZ_CHECK(rc == err.code);
    HF_FUZZ_CHECK(rc == 0 || rc == HF_ERR_INPUT || rc == HF_ERR_DIGEST || rc == HF_ERR_REFUSED ||
                  rc == HF_ERR_LIMIT || rc == HF_ERR_USAGE || rc == HF_ERR_NOT_FOUND ||
                  rc == HF_ERR_UNSUPPORTED || rc == HF_ERR_NO_MEMORY);
    if (++runs % CHECK_EVERY == 0)
        check_store();
    return 0;
}

/*
 * Proves what rot does to a store: each region of each of its files is changed, zeroed, filled with
 * garbage, cut off, or put back to what it was before; each file is removed, emptied, or put back.
 *
 * The rule. The check finds it and names the file, or nothing is lost: then the store opens and
 * shows all. Opening never shows less than all without saying so. After a repair the check is
 * clean, and all is there that one good copy was left of: which is everything, as long as one block
 * alone is hit (wal/FORMAT.md 1.1 and 1.2, src/store/FORMAT.md 4); and never an empty store.
 */
#include "support/copy.h"
#include "support/damage.h"
#include "support/suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

static char root[256], kept[300], older[300], shared[300];
static char whole[65536]; /* the state of the store, before rot */
static char past[65536];  /* what it was in between */

/* In place, for `shared` is believed by its inode. */
static void restore(void)
{
    hf_test_remove_dir(root);
    ck_assert_int_eq(mkdir(root, 0700), 0);
    ck_assert_int_eq(link(shared, hf_test_in(root, "shared")), 0);
    hf_test_copy_dir(kept, root);
}

/* Two checkpoints with a log before, between and behind them, and what it was in between. */
static void setup(void)
{
    struct hf_digest top = hf_test_top_of(&hf_test_image_b);

    hf_test_damage_setup(root);
    (void)snprintf(kept, sizeof(kept), "%s.kept", root);
    (void)snprintf(older, sizeof(older), "%s.older", root);
    (void)snprintf(shared, sizeof(shared), "%s.shared", root);
    hf_test_make_checkpoints(root, 1);
    hf_test_copy_dir(root, older);
    hf_test_make_checkpoints(root, 1);
    struct hf_store *store = hf_test_must_open(hf_io_posix(), root, HF_OPEN_READ_WRITE);
    (void)snprintf(past, sizeof(past), "%s", hf_test_state(store));
    ck_assert_int_eq(hf_test_tag(store, "late:1", &top, NULL), 0);
    (void)snprintf(whole, sizeof(whole), "%s", hf_test_state(store));
    hf_test_must_close(store);
    hf_test_copy_dir(root, kept);
    ck_assert_int_eq(link(hf_test_in(root, "shared"), shared), 0);
}

static void teardown(void)
{
    hf_test_remove_dir(root);
    hf_test_remove_dir(kept);
    hf_test_remove_dir(older);
    unlink(shared);
}

/* --- damage ----------------------------------------------------------------------------------- */

enum damage { FLIP, ZEROS, GARBAGE, BEFORE, CUT, REMOVE, EMPTY, PUT_BACK, DAMAGES };
#define FIRST_OF_FILES REMOVE /* these hit the whole file */

static const char *const words[DAMAGES] = {
    "a changed byte", "zeros",   "garbage", "what was there before",
    "cut off",        "removed", "emptied", "as it was before",
};

static size_t read_file(const char *folder, const char *path, uint64_t off, uint8_t *into,
                        size_t len)
{
    int fd = open(hf_test_in(folder, path), O_RDONLY);

    if (fd < 0)
        return 0;
    ssize_t got = pread(fd, into, len, (off_t)off);
    close(fd);
    return got > 0 ? (size_t)got : 0;
}

static void write_file(const char *path, uint64_t off, const uint8_t *data, size_t len)
{
    int fd = open(hf_test_in(root, path), O_WRONLY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, data, len, (off_t)off), (ssize_t)len);
    close(fd);
}

static void put_file_back(const char *path)
{
    char from[600], to[600];

    (void)snprintf(from, sizeof(from), "%s/%s", older, path);
    (void)snprintf(to, sizeof(to), "%s/%s", root, path);
    hf_test_copy_file(from, to);
}

/* False: it would change nothing, or there is no older version. */
static bool do_damage(enum damage damage, const char *path, uint64_t off, size_t len)
{
    uint8_t now[BLOCK], then[BLOCK];

    len = read_file(root, path, off, now, len);
    memcpy(then, now, len);
    if (damage == FLIP && len > 0)
        then[len / 2] ^= 0x20;
    if (damage == ZEROS)
        memset(then, 0, len);
    for (size_t i = 0; damage == GARBAGE && i < len; i++)
        then[i] = (uint8_t)(i * 37 + 11);
    if (damage == BEFORE)
        (void)read_file(older, path, off, then, len);
    if (damage < CUT && memcmp(now, then, len) == 0)
        return false;
    if (damage < CUT)
        write_file(path, off, then, len);
    else if (damage == CUT)
        hf_test_cut(root, path, off);
    else if (damage == REMOVE)
        ck_assert_int_eq(unlink(hf_test_in(root, path)), 0);
    else if (damage == EMPTY)
        hf_test_cut(root, path, 0);
    else if (access(hf_test_in(older, path), F_OK) == 0)
        put_file_back(path);
    else
        return false;
    return true;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* What is judged: for messages. */
static char what[400];

/* All is there, and every byte of it can be read. */
static void expect_whole(void)
{
    struct hf_digest top = hf_test_top_of(&hf_test_image_b);
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    int rc = hf_test_open(hf_io_posix(), root, HF_OPEN_READ_WRITE, &store, &err);

    ck_assert_msg(rc == 0, "%s: cannot open: %s %s", what, hf_error_name(rc), err.message);
    ck_assert_msg(hf_store_damage(store, &err) == 0, "%s: damaged: %s", what, err.message);
    ck_assert_msg(strcmp(hf_test_state(store), whole) == 0, "%s: lost\n%s\n%s", what, whole,
                  hf_test_state(store));
    hf_test_read_all(store);
    /* It takes more, which makes a spare again. */
    ck_assert_int_eq(hf_test_tag(store, "late:1", &top, NULL), 0);
    hf_test_must_close(store);
    hf_test_check(root, HF_CHECKER_RECOVERED, what);
}

/*
 * Opening it as it is: all is shown, or it is told that this is not all. Only a `shared` of an
 * earlier moment is believed by who may not look behind it: it is what the log was then
 * (wal/FORMAT.md 3.1).
 */
static void expect_told_or_all(bool is_shared_older)
{
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    int rc = hf_test_open(hf_io_posix(), root, HF_OPEN_READ_ONLY, &store, &err);

    if (rc != 0) {
        ck_assert_msg(err.message[0] != '\0' && err.code == rc, "%s: no word", what);
        return;
    }
    const char *shown = hf_test_state(store);
    bool is_all = strcmp(shown, whole) == 0 || (is_shared_older && strcmp(shown, past) == 0);
    if (hf_store_damage(store, &err) == 0)
        ck_assert_msg(is_all, "%s: silently lost\n%s\n%s", what, whole, shown);
    else
        ck_assert_msg(err.message[0] != '\0', "%s: no word", what);
    int closed = hf_store_close(store, &err);
    ck_assert_msg(closed == 0 || err.message[0] != '\0', "%s: no word", what);
}

static bool is_named(const struct hf_test_findings *found, const char *path)
{
    for (size_t i = 0; i < found->count; i++)
        if (strstr(found->items[i].path, path) || strstr(found->items[i].message, path) ||
            (strncmp(path, "wal/", 4) == 0 && found->items[i].kind == HF_FINDING_LOG))
            return true;
    return found->rc != 0 && (strstr(found->err.message, path) || strstr(found->err.file, path));
}

static bool has_a_name(struct hf_store *store)
{
    const char *state = hf_test_state(store);

    return state[0] != '|' && state[0] != '\0';
}

/* Repaired, what could not be saved was told, and it is no empty store. */
static void expect_contained(void)
{
    static const struct hf_fsck_options full = {.full = true};
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    int rc = hf_test_open(hf_io_posix(), root, HF_OPEN_READ_WRITE, &store, &err);
    if (rc != 0) { /* it is refused, and stays as it is */
        ck_assert_msg(err.message[0] != '\0', "%s: no word", what);
        return;
    }
    ck_assert_msg(has_a_name(store), "%s: empty", what);
    hf_test_must_close(store);
    const struct hf_test_findings *left = hf_test_try_fsck(root, &full);
    for (size_t i = 0; i < left->count; i++)
        ck_assert_msg(left->items[i].kind == HF_FINDING_KNOWN_DAMAGE, "%s: after repair: %s", what,
                      left->items[i].message);
}

/* One block is hit at most: of a damage of all of a file another file has to tell. */
static bool is_survived_in(const char *path, enum damage damage)
{
    bool is_segment = strstr(path, ".seg") != NULL;

    return damage < CUT || !is_segment;
}

static void judge(const char *path, enum damage damage)
{
    static const struct hf_fsck_options full = {.full = true};
    static const struct hf_fsck_options repair = {.full = true, .repair = true};
    const struct hf_test_findings *found = hf_test_try_fsck(root, &full);
    bool is_found = found->rc != 0 || found->count > 0;

    if (is_found)
        ck_assert_msg(is_named(found, path), "%s: found, not named: %s %s", what,
                      found->count > 0 ? found->items[0].path : found->err.file,
                      found->count > 0 ? found->items[0].message : found->err.message);
    expect_told_or_all(strcmp(path, "shared") == 0 && (damage == BEFORE || damage == PUT_BACK));
    if (!is_found) {
        expect_whole();
        return;
    }
    found = hf_test_try_fsck(root, &repair);
    ck_assert_msg(found->rc == 0 || found->err.message[0] != '\0', "%s: no word", what);
    if (is_survived_in(path, damage))
        expect_whole();
    expect_contained();
}

/* --- all files -------------------------------------------------------------------------------- */

static void try(enum damage damage, const char *path, uint64_t off, size_t len)
{
    (void)snprintf(what, sizeof(what), "%.300s, at %llu: %s", path, (unsigned long long)off,
                   words[damage]);
    if (!do_damage(damage, path, off, len))
        return;
    judge(path, damage);
    restore();
}

static uint64_t size_of(const char *path)
{
    struct stat stat;

    ck_assert_int_eq(lstat(hf_test_in(root, path), &stat), 0);
    return (uint64_t)stat.st_size;
}

/* Behind the last record a segment is zeros: of those one block is as good as another. */
static uint64_t used_of(const char *path)
{
    uint8_t block[BLOCK] = {0};
    static const uint8_t zeros[BLOCK];
    uint64_t size = size_of(path);

    while (size > 2 * BLOCK && read_file(root, path, size - BLOCK, block, BLOCK) == BLOCK &&
           memcmp(block, zeros, BLOCK) == 0)
        size -= BLOCK;
    return size + BLOCK < size_of(path) ? size + BLOCK : size_of(path);
}

static void try_file(const char *path)
{
    uint64_t size = used_of(path);
    size_t step = size >= 2 * BLOCK ? BLOCK : 64;

    for (int damage = FLIP; damage < FIRST_OF_FILES; damage++)
        for (uint64_t off = 0; off < size; off += step)
            try((enum damage)damage, path, off, step);
    for (int damage = FIRST_OF_FILES; damage < DAMAGES; damage++)
        try((enum damage)damage, path, 0, 0);
}

/* The names of all files in a folder: rot and repair change the folder meanwhile. */
static void try_folder(const char *folder)
{
    char names[64][300];
    size_t count = 0;
    DIR *dir = opendir(hf_test_in(root, folder));

    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_type == DT_REG && count < 64)
            (void)snprintf(names[count++], sizeof(names[0]), "%s%s%.200s", folder,
                           folder[0] != '\0' ? "/" : "", entry->d_name);
    closedir(dir);
    ck_assert_uint_gt(count, 1);
    for (size_t i = 0; i < count; i++)
        try_file(names[i]);
}

START_TEST(rot_of_the_log_is_survived_or_told)
{
    try_folder("wal");
}
END_TEST

START_TEST(rot_of_the_checkpoints_is_survived)
{
    try_folder("catalog");
}
END_TEST

/* FORMAT, lock, shared. */
START_TEST(rot_of_the_files_at_the_top_is_survived)
{
    try_folder("");
}
END_TEST

/* --- bytes of objects ------------------------------------------------------------------------- */

static void expect_blob_contained(const char *path)
{
    const struct hf_test_findings *found = hf_test_fsck(root, HF_TEST_FULL);

    ck_assert_msg(found->count > 0 && is_named(found, path), "%s: not found", what);
    ck_assert_ptr_nonnull(strstr(found->items[0].names, "a:1"));
    hf_test_repair(root, HF_TEST_FULL, NULL);
    found = hf_test_fsck(root, HF_TEST_FULL);
    ck_assert_msg(found->count == 1 && found->items[0].kind == HF_FINDING_KNOWN_DAMAGE,
                  "%s: not contained", what);
    hf_test_expect_whole(root, &hf_test_image_b);
    hf_test_expect_whole(root, &hf_test_image_c);
    hf_test_check(root, HF_CHECKER_RECOVERED, what);
}

START_TEST(rot_of_the_bytes_of_an_object_is_contained)
{
    char path[HF_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", hf_test_blob_of("only in a"));
    uint64_t size = size_of(path);

    for (int damage = FLIP; damage < DAMAGES; damage++)
        for (uint64_t off = 0; off < size; off += damage < FIRST_OF_FILES ? 3 : size) {
            (void)snprintf(what, sizeof(what), "%.300s, at %llu: %s", path, (unsigned long long)off,
                           words[damage]);
            if (!do_damage((enum damage)damage, path, off, 3) || damage == PUT_BACK)
                continue;
            expect_blob_contained(path);
            restore();
        }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("rot");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, rot_of_the_log_is_survived_or_told);
    tcase_add_test(tests, rot_of_the_checkpoints_is_survived);
    tcase_add_test(tests, rot_of_the_files_at_the_top_is_survived);
    tcase_add_test(tests, rot_of_the_bytes_of_an_object_is_contained);
    return hf_test_run("rot", tests);
}

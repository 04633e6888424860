/*
 * Proves what each profile of the disk leaves after a cut, on cases of a few operations: all states
 * are listed, each as what a reader finds.
 */
#include "disk/disk.h"
#include "explore.h"

#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK     512
#define FOUND_MAX 64

/* An open disk, with the folders "one" and "two" that are durable. */
struct scene {
    struct disk *disk;
    uint32_t one, two;
    const char *names[4]; /* looked for in both folders */
};

static uint32_t enter(struct scene *scene, uint32_t dir, const char *name, uint32_t inode)
{
    disk_enter(scene->disk, dir, name, strlen(name), inode);
    return inode;
}

static uint32_t make(struct scene *scene, uint32_t dir, const char *name)
{
    disk_step(scene->disk);
    return enter(scene, dir, name, disk_make(scene->disk, false));
}

static void rename_to(struct scene *scene, const char *from, const char *to, uint32_t inode)
{
    disk_step(scene->disk);
    enter(scene, scene->two, to, inode);
    enter(scene, scene->one, from, 0);
}

static void put(struct scene *scene, uint32_t inode, int letter, size_t len, uint64_t off)
{
    char data[4 * CHUNK];

    memset(data, letter, len);
    disk_step(scene->disk);
    disk_write(scene->disk, inode, data, len, off);
}

static struct scene begin(enum disk_profile profile)
{
    struct scene scene = {.disk = disk_new(CHUNK, profile), .names = {"a", "b", "c", "d"}};

    disk_step(scene.disk);
    scene.one = enter(&scene, DISK_ROOT, "one", disk_make(scene.disk, true));
    scene.two = enter(&scene, DISK_ROOT, "two", disk_make(scene.disk, true));
    disk_sync(scene.disk, DISK_ROOT);
    return scene;
}

/* The first letter of each chunk: '.' for zeros; garbage begins with a 'Z'. */
static void describe_file(struct disk *disk, uint32_t inode, char *out)
{
    uint64_t size = disk_size(disk, inode);

    for (uint64_t off = 0; off < size; off += CHUNK) {
        char first = 0;
        (void)disk_read(disk, inode, &first, 1, off);
        *out++ = first == 0 ? '.' : first;
    }
    *out = '\0';
}

static void describe(const struct scene *scene, struct disk *disk, char out[256])
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < 8; i++) {
        uint32_t dir = i < 4 ? scene->one : scene->two;
        const char *name = scene->names[i % 4];
        uint32_t inode = disk_lookup(disk, dir, name, 1);
        if (inode == 0)
            continue;
        at += (size_t)snprintf(out + at, 256 - at, "%s%s%s=", at > 0 ? " " : "",
                               i < 4 ? "one/" : "two/", name);
        describe_file(disk, inode, out + at);
        at += strlen(out + at);
    }
}

struct found {
    char states[FOUND_MAX][256];
    size_t count;
};

static void note(struct found *found, const char *state)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->states[i], state) == 0)
            return;
    }
    ck_assert_uint_lt(found->count, FOUND_MAX);
    strcpy(found->states[found->count++], state);
}

static void list(const struct scene *scene, struct found *out)
{
    struct explore explore = {0};

    do {
        struct disk *disk = disk_copy(scene->disk);
        char state[256];
        explore_begin(&explore);
        disk_set_choose(disk, explore_choose, &explore);
        describe(scene, disk, state);
        note(out, state);
        disk_free(disk);
    } while (explore_next(&explore));
}

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

/* The states after a cut, sorted, are these: "STATE|STATE|...". The scene ends. */
static void expect(struct scene *scene, const char *states)
{
    struct found found = {.count = 0};
    char text[4096] = "";

    disk_cut(scene->disk);
    list(scene, &found);
    qsort(found.states, found.count, sizeof(found.states[0]), compare);
    for (size_t i = 0; i < found.count; i++) {
        strcat(text, i > 0 ? "|" : "");
        strcat(text, found.states[i]);
    }
    ck_assert_str_eq(text, states);
    disk_free(scene->disk);
}

static struct scene renamed(enum disk_profile profile)
{
    struct scene scene = begin(profile);
    uint32_t file = make(&scene, scene.one, "a");

    disk_sync(scene.disk, scene.one);
    rename_to(&scene, "a", "b", file);
    return scene;
}

START_TEST(a_rename_is_whole_but_under_the_strict_profile)
{
    struct scene scene = renamed(DISK_STRICT);

    expect(&scene, "|one/a=|one/a= two/b=|two/b=");
    for (enum disk_profile profile = DISK_EXT4; profile < DISK_PROFILE_COUNT; profile++) {
        scene = renamed(profile);
        expect(&scene, "one/a=|two/b=");
    }
}
END_TEST

/* Two files are made in turn, then one of them is synced. */
static struct scene made(enum disk_profile profile, bool first_is_synced)
{
    struct scene scene = begin(profile);
    uint32_t first = make(&scene, scene.one, "a"), second = make(&scene, scene.two, "b");

    disk_sync(scene.disk, first_is_synced ? first : second);
    return scene;
}

START_TEST(a_sync_takes_along_what_came_before_in_a_journal_and_its_own_names_in_btrfs)
{
    struct scene scene = made(DISK_STRICT, false);

    expect(&scene, "|one/a=|one/a= two/b=|two/b=");
    scene = made(DISK_EXT4, false);
    expect(&scene, "one/a= two/b=");
    scene = made(DISK_EXT4, true);
    expect(&scene, "one/a=|one/a= two/b=");
    scene = made(DISK_XFS, false);
    expect(&scene, "one/a= two/b=");
    scene = made(DISK_BTRFS, false);
    expect(&scene, "one/a= two/b=|two/b=");
}
END_TEST

/* Of two names the first is lost only if the second is. */
START_TEST(names_come_in_the_order_of_their_operations)
{
    for (enum disk_profile profile = DISK_EXT4; profile < DISK_PROFILE_COUNT; profile++) {
        struct scene scene = begin(profile);
        make(&scene, scene.two, "b");
        make(&scene, scene.one, "a");
        expect(&scene, "|one/a= two/b=|two/b=");
    }
}
END_TEST

/* A file of two chunks, in place; then a name beside it, and what was written over is synced. */
static struct scene overwritten(enum disk_profile profile, bool has_grown)
{
    struct scene scene = begin(profile);
    uint32_t file = make(&scene, scene.one, "a");

    put(&scene, file, 'X', CHUNK, 0);
    disk_sync(scene.disk, file);
    disk_sync(scene.disk, scene.one);
    make(&scene, scene.two, "b");
    put(&scene, file, 'Y', CHUNK, has_grown ? CHUNK : 0);
    disk_sync_data(scene.disk, file);
    return scene;
}

START_TEST(fdatasync_of_a_file_that_kept_its_length_commits_no_journal)
{
    for (enum disk_profile profile = DISK_EXT4; profile <= DISK_XFS; profile++) {
        struct scene scene = overwritten(profile, false);
        expect(&scene, "one/a=Y|one/a=Y two/b=");
        scene = overwritten(profile, true);
        expect(&scene, "one/a=XY two/b=");
    }
    struct scene scene = overwritten(DISK_BTRFS, true);
    expect(&scene, "one/a=XY|one/a=XY two/b=");
}
END_TEST

START_TEST(names_are_committed_by_fsync_and_not_by_fdatasync)
{
    struct scene scene = renamed(DISK_EXT4);

    disk_sync_data(scene.disk, disk_lookup(scene.disk, scene.two, "b", 1));
    expect(&scene, "one/a=|two/b=");
    scene = renamed(DISK_EXT4);
    disk_sync(scene.disk, disk_lookup(scene.disk, scene.two, "b", 1));
    expect(&scene, "two/b=");
}
END_TEST

START_TEST(btrfs_takes_along_the_new_folder_of_a_file)
{
    struct scene scene = begin(DISK_BTRFS);

    disk_step(scene.disk);
    uint32_t folder = enter(&scene, scene.one, "a", disk_make(scene.disk, true));
    disk_sync(scene.disk, make(&scene, folder, "b"));
    expect(&scene, "one/a=");
}
END_TEST

/* A name is given to another file: the first has its new name by then. */
START_TEST(btrfs_takes_along_what_was_done_to_a_name_before)
{
    struct scene scene = renamed(DISK_BTRFS);

    disk_sync(scene.disk, make(&scene, scene.one, "a"));
    expect(&scene, "one/a= two/b=");
}
END_TEST

static struct scene appended(enum disk_profile profile)
{
    struct scene scene = begin(profile);
    uint32_t file = make(&scene, scene.one, "a");

    disk_sync(scene.disk, file);
    disk_sync(scene.disk, scene.one);
    put(&scene, file, 'X', CHUNK, 0);
    put(&scene, file, 'Y', CHUNK, CHUNK);
    return scene;
}

START_TEST(a_new_tail_is_garbage_or_zeros_or_whole)
{
    struct scene scene = appended(DISK_STRICT);

    expect(&scene, "one/a=|one/a=.|one/a=..|one/a=.Y|one/a=.Z|one/a=X|one/a=X.|one/a=XY|one/a=XZ|"
                   "one/a=Z|one/a=Z.|one/a=ZY|one/a=ZZ");
    scene = appended(DISK_EXT4);
    expect(&scene, "one/a=|one/a=X|one/a=XY");
    scene = appended(DISK_XFS);
    expect(&scene, "one/a=|one/a=.|one/a=..|one/a=.Y|one/a=X|one/a=X.|one/a=XY");
    scene = appended(DISK_BTRFS);
    expect(&scene, "one/a=|one/a=.|one/a=..|one/a=.Y|one/a=X|one/a=X.|one/a=XY");
}
END_TEST

/* Written over, and then a name is made. */
static struct scene written_before_a_name(enum disk_profile profile)
{
    struct scene scene = begin(profile);
    uint32_t file = make(&scene, scene.one, "a");

    put(&scene, file, 'X', CHUNK, 0);
    disk_sync(scene.disk, file);
    disk_sync(scene.disk, scene.one);
    make(&scene, scene.two, "b");
    put(&scene, file, 'Y', CHUNK, 0);
    return scene;
}

START_TEST(data_written_in_place_wait_for_nothing_and_copies_for_the_transaction)
{
    struct scene scene = written_before_a_name(DISK_XFS);

    expect(&scene, "one/a=X|one/a=X two/b=|one/a=Y|one/a=Y two/b=");
    scene = written_before_a_name(DISK_BTRFS);
    expect(&scene, "one/a=X|one/a=X two/b=|one/a=Y two/b=");
}
END_TEST

/* What nobody read after the first cut is as open at the second, and in the same order. */
START_TEST(an_order_outlives_a_second_cut)
{
    struct scene scene = begin(DISK_EXT4);

    make(&scene, scene.two, "b");
    make(&scene, scene.one, "a");
    disk_cut(scene.disk);
    make(&scene, scene.one, "c");
    disk_sync(scene.disk, scene.one);
    make(&scene, scene.one, "d");
    expect(&scene, "one/a= one/c= one/d= two/b=|one/a= one/c= two/b=|one/c=|one/c= one/d=|"
                   "one/c= one/d= two/b=|one/c= two/b=");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("profiles");

    tcase_add_test(tests, a_rename_is_whole_but_under_the_strict_profile);
    tcase_add_test(tests,
                   a_sync_takes_along_what_came_before_in_a_journal_and_its_own_names_in_btrfs);
    tcase_add_test(tests, names_come_in_the_order_of_their_operations);
    tcase_add_test(tests, fdatasync_of_a_file_that_kept_its_length_commits_no_journal);
    tcase_add_test(tests, names_are_committed_by_fsync_and_not_by_fdatasync);
    tcase_add_test(tests, btrfs_takes_along_the_new_folder_of_a_file);
    tcase_add_test(tests, btrfs_takes_along_what_was_done_to_a_name_before);
    tcase_add_test(tests, a_new_tail_is_garbage_or_zeros_or_whole);
    tcase_add_test(tests, data_written_in_place_wait_for_nothing_and_copies_for_the_transaction);
    tcase_add_test(tests, an_order_outlives_a_second_cut);
    return hf_test_run("profiles", tests);
}

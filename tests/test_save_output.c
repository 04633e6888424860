/*
 * Proves how a save ends: whole and synced under its name, or not at all; that damage is found
 * while it is written; and that what is removed meanwhile is written all the same.
 */
#include "base/digest.h"
#include "transfer/save.h"
#include "support/images.h"
#include "support/members.h"
#include "support/proxy_io.h"
#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hf_test_store t;
static struct hf_test_image image;
static char folder[256], path[300];
static struct hf_test_proxy proxy;

static void setup(void)
{
    hf_test_store_make(&t);
    hf_test_make_dir(folder);
    snprintf(path, sizeof(path), "%s/out", folder);
    hf_test_put_image(
        t.store,
        &(struct hf_test_spec){.names = "app:1", .text = "a", .base = "base", .is_gzip = true},
        &image);
    hf_test_proxy_init(&proxy);
}

static void teardown(void)
{
    hf_test_remove_dir(folder);
    hf_test_store_remove(&t);
}

static int save_with(struct hf_save_options options, const char *to, int fd, struct hf_error *err)
{
    const char *reference = "app:1";

    return hf_image_save_io(&proxy.io, t.store, &reference, 1, to, fd, &options, err);
}

static int save_as(enum hf_save_format format)
{
    return save_with((struct hf_save_options){.format = format}, path, -1, NULL);
}

static size_t count_entries(const char *dir)
{
    DIR *stream = opendir(dir);
    size_t count = 0;

    ck_assert_ptr_nonnull(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void require_text(const char *name, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(name, "r");

    ck_assert_ptr_nonnull(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert_str_eq(text, expected);
}

static void require_archive(const char *name)
{
    struct hf_test_members members;

    hf_test_members_read(name, &members);
    ck_assert_ptr_nonnull(hf_test_member(&members, "index.json"));
    hf_test_members_release(&members);
}

static void blob_path(const struct hf_digest *digest, char out[512])
{
    char hex[HF_DIGEST_TEXT_MAX];

    snprintf(out, 512, "%s/blobs/sha256/%s", t.root, hf_digest_hex(digest, hex));
}

/* --- durable ---------------------------------------------------------------------------------- */

static size_t place_of(const char *what)
{
    const char *place = strstr(proxy.trace, what);

    ck_assert_msg(place != NULL, "no \"%s\" in %s", what, proxy.trace);
    return (size_t)(place - proxy.trace);
}

START_TEST(file_is_synced_then_renamed_then_its_folder_is_synced)
{
    char renamed[400], synced[400];

    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), 0);
    snprintf(renamed, sizeof(renamed), "rename %.260s;", path);
    snprintf(synced, sizeof(synced), "fsync %.63s;", folder);
    ck_assert_uint_lt(place_of("fsync "), place_of(renamed));
    ck_assert_uint_lt(place_of(renamed), place_of(synced));
    require_archive(path);
    ck_assert_uint_eq(count_entries(folder), 1);
}
END_TEST

START_TEST(new_file_is_for_its_owner_alone_and_an_old_one_keeps_its_mode)
{
    struct stat stat_now;

    umask(0);
    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), 0);
    ck_assert_int_eq(stat(path, &stat_now), 0);
    ck_assert_uint_eq(stat_now.st_mode & 0777, 0600);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), 0);
    ck_assert_int_eq(stat(path, &stat_now), 0);
    ck_assert_uint_eq(stat_now.st_mode & 0777, 0640);
}
END_TEST

/* Fail each call in turn until a run does not reach it; `check` looks at what each has left. */
static void fail_every_call(enum hf_save_format format, void (*prepare)(void), void (*check)(void))
{
    int rc = -1;

    for (int at = 1; rc != 0; at++) {
        struct hf_error err = {0};
        prepare();
        hf_test_proxy_init(&proxy);
        proxy.fail_at = at;
        proxy.fail_errno = -EIO;
        rc = save_with((struct hf_save_options){.format = format}, path, -1, &err);
        ck_assert_int_eq(err.code, rc);
        check();
        ck_assert_uint_eq(count_entries(folder), 1);
        ck_assert(rc != 0 || at > 10);
    }
}

static void prepare_file(void)
{
    write_file(path, "old");
}

/* The old one, or the new one whole (its folder's sync failed). */
static void check_file(void)
{
    struct stat stat_now;

    ck_assert_int_eq(stat(path, &stat_now), 0);
    if (stat_now.st_size == 3)
        require_text(path, "old");
    else
        require_archive(path);
}

START_TEST(failed_save_leaves_the_old_file_and_no_temporary)
{
    fail_every_call(HF_SAVE_HYBRID, prepare_file, check_file);
}
END_TEST

static void prepare_dir(void)
{
    if (access(path, F_OK) == 0)
        hf_test_remove_dir(path);
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void check_dir(void)
{
    size_t count = count_entries(path);

    ck_assert(count == 0 || count == 3);
}

START_TEST(failed_save_to_a_folder_leaves_it_empty)
{
    fail_every_call(HF_SAVE_OCI_DIR, prepare_dir, check_dir);
}
END_TEST

/* --- where it goes ---------------------------------------------------------------------------- */

START_TEST(folder_has_the_layout_and_every_file_and_folder_is_synced)
{
    char blob[600], hex[HF_DIGEST_TEXT_MAX];
    size_t syncs = 0;

    ck_assert_int_eq(save_as(HF_SAVE_OCI_DIR), 0);
    snprintf(blob, sizeof(blob), "%s/blobs/sha256/%s", path, hf_digest_hex(&image.layers[0], hex));
    ck_assert_int_eq(access(blob, R_OK), 0);
    ck_assert_uint_eq(count_entries(path), 3);
    for (const char *at = proxy.trace; (at = strstr(at, "fsync ")); at++)
        syncs++;
    ck_assert_uint_eq(syncs, 4 + 2 + 3 + 1); /* blobs, documents, folders, the one around */
}
END_TEST

START_TEST(folder_that_is_not_empty_is_refused)
{
    char inside[400];

    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(inside, sizeof(inside), "%s/mine", path);
    write_file(inside, "mine");
    ck_assert_int_eq(save_as(HF_SAVE_OCI_DIR), HF_ERR_EXISTS);
    require_text(inside, "mine");
    ck_assert_uint_eq(count_entries(folder), 1);
}
END_TEST

START_TEST(file_is_not_made_where_a_folder_is_and_the_other_way_round)
{
    ck_assert_int_eq(mkdir(path, 0755), 0);
    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), HF_ERR_EXISTS);
    ck_assert_int_eq(rmdir(path), 0);
    write_file(path, "mine");
    ck_assert_int_eq(save_as(HF_SAVE_OCI_DIR), HF_ERR_EXISTS);
    require_text(path, "mine");
}
END_TEST

START_TEST(folder_that_is_missing_above_is_not_made)
{
    char deep[400];

    snprintf(deep, sizeof(deep), "%s/missing/out", folder);
    ck_assert_int_eq(save_with((struct hf_save_options){0}, deep, -1, NULL), HF_ERR_NOT_FOUND);
    ck_assert_uint_eq(count_entries(folder), 0);
}
END_TEST

START_TEST(descriptor_gets_the_same_bytes_and_stays_open)
{
    char other[400], command[900];
    int fd;

    snprintf(other, sizeof(other), "%s/other", folder);
    fd = open(other, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), 0);
    ck_assert_int_eq(save_with((struct hf_save_options){0}, NULL, fd, NULL), 0);
    ck_assert_int_eq(close(fd), 0);
    snprintf(command, sizeof(command), "cmp -s %s %s", path, other);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(device_is_written_to_and_not_replaced)
{
    struct stat stat_now;

    ck_assert_int_eq(save_with((struct hf_save_options){0}, "/dev/null", -1, NULL), 0);
    ck_assert_int_eq(stat("/dev/null", &stat_now), 0);
    ck_assert(S_ISCHR(stat_now.st_mode));
}
END_TEST

START_TEST(symbolic_link_is_written_through)
{
    char target[400];
    struct stat stat_now;

    snprintf(target, sizeof(target), "%s/target", folder);
    write_file(target, "old");
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), 0);
    ck_assert_int_eq(lstat(path, &stat_now), 0);
    ck_assert(S_ISLNK(stat_now.st_mode));
    require_archive(target);
}
END_TEST

START_TEST(closed_pipe_is_an_error)
{
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[0]);
    ck_assert_int_eq(save_with((struct hf_save_options){0}, NULL, ends[1], NULL), HF_ERR_IO);
    close(ends[1]);
}
END_TEST

/* --- damage ----------------------------------------------------------------------------------- */

/* Saving finds it, says which object it is and what is wrong, and leaves nothing. */
static void require_damage_found(const struct hf_digest *digest, const char *what)
{
    static const enum hf_save_format formats[] = {HF_SAVE_HYBRID, HF_SAVE_DOCKER_ARCHIVE,
                                                  HF_SAVE_OCI_ARCHIVE, HF_SAVE_OCI_DIR};
    char hex[HF_DIGEST_TEXT_MAX];

    for (size_t i = 0; i < 4; i++) {
        struct hf_error err = {0};
        int rc = save_with((struct hf_save_options){.format = formats[i]}, path, -1, &err);
        ck_assert_msg(rc == HF_ERR_CORRUPT, "%s: %s", hf_error_name(rc), err.message);
        ck_assert_msg(strstr(err.message, hf_digest_hex(digest, hex)), "%s", err.message);
        ck_assert_msg(strstr(err.message, what), "%s", err.message);
        ck_assert_uint_eq(count_entries(folder), 0);
    }
}

START_TEST(object_that_is_known_to_be_damaged_is_not_written)
{
    hf_test_set_damaged(t.store, &image.layers[1]);
    require_damage_found(&image.layers[1], "is damaged");
}
END_TEST

static void flip_byte(const struct hf_digest *digest, long off)
{
    char blob[512];

    blob_path(digest, blob);
    FILE *file = fopen(blob, "r+");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, off, SEEK_SET), 0);
    int byte = fgetc(file);
    ck_assert_int_eq(fseek(file, off, SEEK_SET), 0);
    fputc(byte ^ 0x20, file);
    fclose(file);
}

START_TEST(flipped_byte_of_a_layer_is_found_while_it_is_written)
{
    flip_byte(&image.layers[0], 13);
    require_damage_found(&image.layers[0], "is damaged in the store");
}
END_TEST

START_TEST(flipped_byte_of_a_config_is_found)
{
    flip_byte(&image.id, 20);
    require_damage_found(&image.id, "damaged");
}
END_TEST

START_TEST(shortened_layer_is_found)
{
    char blob[512];

    blob_path(&image.layers[0], blob);
    ck_assert_int_eq(truncate(blob, 10), 0);
    require_damage_found(&image.layers[0], "has 10 bytes instead of 24");
}
END_TEST

START_TEST(lengthened_layer_is_found)
{
    char blob[512];

    blob_path(&image.layers[0], blob);
    FILE *file = fopen(blob, "a");
    ck_assert_ptr_nonnull(file);
    fputs("more", file);
    fclose(file);
    require_damage_found(&image.layers[0], "has 28 bytes instead of 24");
}
END_TEST

START_TEST(missing_layer_is_found)
{
    char blob[512];

    blob_path(&image.layers[0], blob);
    ck_assert_int_eq(unlink(blob), 0);
    require_damage_found(&image.layers[0], "");
}
END_TEST

/* --- beside others ---------------------------------------------------------------------------- */

struct interference {
    bool is_removed;
};

static int remove_meanwhile(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
    struct interference *interference = arg;
    const char *reference = "app:1";

    if (interference->is_removed)
        return 0;
    interference->is_removed = true;
    hf_test_require(hf_image_remove(t.store, &reference, 1, NULL, NULL) == 0);
    return 0;
}

START_TEST(image_that_is_removed_meanwhile_is_written_whole)
{
    struct interference interference = {0};
    const struct hf_save_options options = {
        .format = HF_SAVE_OCI_ARCHIVE,
        .observer = {.progress = remove_meanwhile, .arg = &interference}};
    struct hf_test_members members;
    char blob[512];

    ck_assert_int_eq(save_with(options, path, -1, NULL), 0);
    ck_assert(interference.is_removed);
    ck_assert_str_eq(hf_test_names(t.store), "");
    hf_test_members_read(path, &members);
    ck_assert_uint_eq(members.count, 6);
    hf_test_members_release(&members);
    /* And once it is written nothing keeps the bytes. */
    hf_test_store_reopen(&t, HF_OPEN_READ_WRITE);
    blob_path(&image.layers[0], blob);
    ck_assert_int_ne(access(blob, F_OK), 0);
}
END_TEST

START_TEST(cancelled_save_leaves_nothing)
{
    for (uint64_t call = 1; call <= 4; call++) {
        struct hf_test_told told = {.cancel_at_call = call};
        const struct hf_save_options options = {.observer = hf_test_listen(&told)};
        ck_assert_int_eq(save_with(options, path, -1, NULL), HF_ERR_CANCELLED);
        ck_assert_str_eq(told.text, "");
        ck_assert_uint_eq(count_entries(folder), 0);
    }
}
END_TEST

START_TEST(store_that_is_only_read_saves_too)
{
    hf_test_store_reopen(&t, HF_OPEN_READ_ONLY);
    ck_assert_int_eq(save_as(HF_SAVE_HYBRID), 0);
    require_archive(path);
}
END_TEST

START_TEST(missing_image_writes_nothing)
{
    const char *references[] = {"app:1", "missing"};

    ck_assert_int_eq(hf_image_save(t.store, references, 2, path, -1, NULL, NULL), HF_ERR_NOT_FOUND);
    ck_assert_int_eq(hf_image_save(t.store, NULL, 0, path, -1, NULL, NULL), HF_ERR_USAGE);
    ck_assert_uint_eq(count_entries(folder), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("save_output");

    tcase_set_timeout(tests, 60); /* every change waits for the disk */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, file_is_synced_then_renamed_then_its_folder_is_synced);
    tcase_add_test(tests, new_file_is_for_its_owner_alone_and_an_old_one_keeps_its_mode);
    tcase_add_test(tests, failed_save_leaves_the_old_file_and_no_temporary);
    tcase_add_test(tests, failed_save_to_a_folder_leaves_it_empty);
    tcase_add_test(tests, folder_has_the_layout_and_every_file_and_folder_is_synced);
    tcase_add_test(tests, folder_that_is_not_empty_is_refused);
    tcase_add_test(tests, file_is_not_made_where_a_folder_is_and_the_other_way_round);
    tcase_add_test(tests, folder_that_is_missing_above_is_not_made);
    tcase_add_test(tests, descriptor_gets_the_same_bytes_and_stays_open);
    tcase_add_test(tests, device_is_written_to_and_not_replaced);
    tcase_add_test(tests, symbolic_link_is_written_through);
    tcase_add_test(tests, closed_pipe_is_an_error);
    tcase_add_test(tests, object_that_is_known_to_be_damaged_is_not_written);
    tcase_add_test(tests, flipped_byte_of_a_layer_is_found_while_it_is_written);
    tcase_add_test(tests, flipped_byte_of_a_config_is_found);
    tcase_add_test(tests, shortened_layer_is_found);
    tcase_add_test(tests, lengthened_layer_is_found);
    tcase_add_test(tests, missing_layer_is_found);
    tcase_add_test(tests, image_that_is_removed_meanwhile_is_written_whole);
    tcase_add_test(tests, cancelled_save_leaves_nothing);
    tcase_add_test(tests, store_that_is_only_read_saves_too);
    tcase_add_test(tests, missing_image_writes_nothing);
    return hf_test_run("save_output", tests);
}

/*
 * fault-injection/verdict.c - mounts, recovers, checks, opens again, unmounts.
 *
 * After a power cut the system has another boot ID, unless the disk alone lost power. Both are
 * tried: which, a bit of the state's hash decides, so that a state is always judged alike.
 */
#include "verdict.h"

#include "support/checker.h"

#include "base/digest.h"
#include "store/handle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static bool broken(struct verdict *verdict,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(verdict->broken, sizeof(verdict->broken), format, args);
    va_end(args);
    return false;
}

/* --- another boot ----------------------------------------------------------------------------- */

static uint64_t boot;

static int other_boot_id(struct hf_io *io, uint8_t id[16])
{
    memset(id, 0xb0, 16);
    memcpy(id, &boot, sizeof(boot));
    return 0;
}

static struct hf_io *io_after(uint64_t hash)
{
    static struct hf_io_ops ops;
    static struct hf_io io = {.ops = &ops};

    if (hash & 1)
        return hf_io_posix();
    ops = *hf_io_posix()->ops;
    ops.boot_id = other_boot_id;
    boot++;
    return &io;
}

/* --- the store -------------------------------------------------------------------------------- */

static bool recover(struct hf_io *io, const char *root, struct verdict *verdict)
{
    struct hf_store_options options = {.mode = HF_OPEN_CREATE};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    int rc = hf_store_open_io(io, root, &options, &store, &err);

    if (rc == 0)
        rc = hf_store_damage(store, &err);
    int closed = hf_store_close(store, rc == 0 ? &err : NULL);
    rc = rc != 0 ? rc : closed;
    return rc == 0 ||
           broken(verdict, "opening or closing fails: %s: %s", hf_error_name(rc), err.message);
}

static void add_names(const struct hf_checker_store *store, struct account_lines *found)
{
    char name[ACCOUNT_TEXT_MAX], digest[HF_DIGEST_TEXT_MAX];

    for (size_t i = 0; i < store->name_count; i++) {
        snprintf(name, sizeof(name), "%.*s", (int)store->names[i].name_len,
                 (const char *)store->names[i].name);
        account_set(found, name, hf_digest_text(&store->names[i].target, digest));
    }
}

static bool check(struct hf_io *io, const char *root, struct verdict *verdict,
                  struct account_lines *found, size_t *out_objects)
{
    struct hf_checker_store store = {0};
    struct hf_error err = {0};
    int dir = -1;
    int rc = hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err);

    if (rc == 0)
        rc = hf_checker_read(io, dir, HF_CHECKER_RECOVERED, &store, &err);
    hf_io_close(io, &dir);
    if (rc != 0)
        return broken(verdict, "the checker can't read the store: %s", err.message);
    if (store.violation_count > 0)
        broken(verdict, "%zu violations, the first: %s", store.violation_count,
               store.violations[0]);
    add_names(&store, found);
    *out_objects = store.object_count;
    hf_checker_release(&store);
    return verdict->broken[0] == '\0';
}

static bool judge_store(struct hf_io *io, const char *root, struct verdict *verdict)
{
    struct verdict again = {0};
    size_t objects = 0, objects_again = 0;

    bool ok = recover(io, root, verdict) && check(io, root, verdict, &verdict->found, &objects) &&
              recover(io, root, verdict) && check(io, root, verdict, &again.found, &objects_again);
    if (ok && (!verdict_equal(verdict, &again) || objects != objects_again))
        broken(verdict, "opening the store once more changes it");
    verdict_release(&again);
    return ok;
}

/* --- files that a save has made --------------------------------------------------------------- */

static void digest_file(const char *path, char text[HF_DIGEST_TEXT_MAX])
{
    static uint8_t buffer[1 << 16];
    struct hf_hasher *hasher = hf_hasher_new(HF_DIGEST_SHA256);
    struct hf_digest digest = {0};
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && hasher != NULL && (got = read(fd, buffer, sizeof(buffer))) > 0)
        hf_hasher_update(hasher, buffer, (size_t)got);
    if (got == 0)
        hf_hasher_final(hasher, &digest);
    if (fd >= 0)
        close(fd);
    hf_hasher_free(hasher);
    hf_digest_text(&digest, text);
}

/* A temporary one (it begins with a dot) is nobody's promise. */
static void add_saves(const char *folder, struct account_lines *found)
{
    DIR *dir = opendir(folder);
    char path[512], name[ACCOUNT_TEXT_MAX], digest[HF_DIGEST_TEXT_MAX];

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        snprintf(name, sizeof(name), "file:%.100s", entry->d_name);
        digest_file(path, digest);
        account_set(found, name, digest);
    }
    if (dir != NULL)
        closedir(dir);
}

/* --- a command -------------------------------------------------------------------------------- */

static void ask_command(const char *command, const char *mount_point, struct verdict *verdict)
{
    char line[512], name[ACCOUNT_TEXT_MAX], target[ACCOUNT_TEXT_MAX];

    snprintf(line, sizeof(line), "%s %s", command, mount_point);
    FILE *pipe = popen(line, "re");
    while (pipe != NULL && fgets(line, sizeof(line), pipe) != NULL)
        if (sscanf(line, "%127s %127s", name, target) == 2)
            account_set(&verdict->found, name, target);
    if (pipe == NULL || pclose(pipe) != 0)
        broken(verdict, "%s fails", command);
}

/* ---------------------------------------------------------------------------------------------- */

int verdict_find(struct medium *medium, const struct verdict_way *way, struct verdict *out)
{
    char root[sizeof(medium->mount_point) + 8], saves[sizeof(medium->mount_point) + 8];

    *out = (struct verdict){
        .mount_errno = medium_mount(medium, way->fs_type, way->fs_options),
    };
    if (out->mount_errno != 0)
        return 0;
    snprintf(root, sizeof(root), "%s/store", medium->mount_point);
    snprintf(saves, sizeof(saves), "%s/saves", medium->mount_point);
    if (way->command != NULL) {
        ask_command(way->command, medium->mount_point, out);
    } else {
        judge_store(io_after(medium->hash), root, out);
        add_saves(saves, &out->found);
    }
    return medium_unmount(medium);
}

void verdict_release(struct verdict *verdict)
{
    account_lines_release(&verdict->found);
}

bool verdict_equal(const struct verdict *a, const struct verdict *b)
{
    if (a->mount_errno != b->mount_errno || strcmp(a->broken, b->broken) != 0 ||
        a->found.count != b->found.count)
        return false;
    for (size_t i = 0; i < a->found.count; i++)
        if (strcmp(a->found.lines[i].name, b->found.lines[i].name) != 0 ||
            strcmp(a->found.lines[i].target, b->found.lines[i].target) != 0)
            return false;
    return true;
}

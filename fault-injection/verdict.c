/*
 * fault-injection/verdict.c - mounts, recovers, checks, opens again, unmounts.
 *
 * After a power cut the system has another boot ID, unless the disk alone lost power. Both are
 * tried: which, a bit of the state's hash decides, so that a state is always judged alike.
 */
#include "judge_io.h"
#include "tree.h"
#include "verdict_inside.h"

#include "base/digest.h"
#include "store/handle.h"

#include <holdfast/rootfs.h>

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VIEWS 16 /* of so many states one image is mounted */

bool verdict_break(struct verdict *verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(verdict->broken, sizeof(verdict->broken), format, args);
    va_end(args);
    return false;
}

/* --- the store -------------------------------------------------------------------------------- */

/* Opens it, as any command does, and with `ends_mounts` as `holdfast recover` does. */
static bool recover(const char *root, bool ends_mounts, struct verdict *verdict)
{
    struct hf_store_options options = {.mode = HF_OPEN_CREATE};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    int rc = hf_store_open_io(judge_io(), root, &options, &store, &err);

    if (rc == 0)
        rc = hf_store_damage(store, &err);
    if (rc == 0 && ends_mounts)
        rc = hf_mounts_recover(store, NULL, &err);
    int closed = hf_store_close(store, rc == 0 ? &err : NULL);
    rc = rc != 0 ? rc : closed;
    return rc == 0 || verdict_break(verdict, "opening or closing fails: %s: %s", hf_error_name(rc),
                                    err.message);
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

static bool check(const char *root, struct verdict *verdict, struct account_lines *found,
                  size_t *out_objects)
{
    struct hf_checker_store store = {0};
    struct hf_error err = {0};
    struct hf_io *io = judge_io();
    int dir = -1;
    int rc = hf_io_open(io, HF_IO_CWD, root, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err);

    if (rc == 0)
        rc = hf_checker_read(io, dir, HF_CHECKER_RECOVERED, &store, &err);
    hf_io_close(io, &dir);
    if (rc != 0)
        return verdict_break(verdict, "the checker can't read the store: %s", err.message);
    if (store.violation_count > 0)
        verdict_break(verdict, "%zu violations, the first: %s", store.violation_count,
                      store.violations[0]);
    add_names(&store, found);
    verdict_add_spaces(&store, root, verdict, found);
    *out_objects = store.object_count;
    hf_checker_release(&store);
    return verdict->broken[0] == '\0';
}

/* Without mounts, which a boot ends. Whether there were any. */
static bool drop_mounts(struct account_lines *found)
{
    size_t kept = 0, count = found->count;

    for (size_t i = 0; i < found->count; i++)
        if (strncmp(found->lines[i].name, VERDICT_MOUNT, strlen(VERDICT_MOUNT)) != 0)
            found->lines[kept++] = found->lines[i];
    found->count = kept;
    return kept < count;
}

/* What the second opening did not change, the checker need not read again. */
static bool open_again(const char *root, bool is_booted, size_t objects, struct verdict *verdict)
{
    uint64_t changes = judge_io_changes();
    struct verdict again = {0}, expected = {0};
    size_t objects_again = 0;

    if (!recover(root, is_booted, verdict))
        return false;
    for (size_t i = 0; i < verdict->found.count; i++)
        account_set(&expected.found, verdict->found.lines[i].name, verdict->found.lines[i].target);
    bool ends_mounts = is_booted && drop_mounts(&expected.found);
    bool ok = true;
    if (ends_mounts || judge_io_changes() != changes) {
        ok = check(root, verdict, &again.found, &objects_again);
        if (ok && (!verdict_equal(&expected, &again) || objects != objects_again))
            ok = verdict_break(verdict, "opening the store once more changes it");
    }
    verdict_release(&again);
    verdict_release(&expected);
    return ok;
}

static void judge_store(const struct medium *medium, struct verdict *verdict)
{
    char root[sizeof(medium->mount_point) + 8];
    bool is_booted = (medium->hash & 1) == 0;
    size_t objects = 0;

    snprintf(root, sizeof(root), "%s/store", medium->mount_point);
    judge_io_boot(is_booted);
    if (recover(root, false, verdict) && check(root, verdict, &verdict->found, &objects) &&
        open_again(root, is_booted, objects, verdict) && (medium->hash >> 1) % VIEWS == 0)
        verdict_try_mount(root, medium, verdict);
}

/* --- files and trees that commands have made -------------------------------------------------- */

typedef void digest_fn(const char *path, char text[HF_DIGEST_TEXT_MAX]);

/* A temporary one (it begins with a dot) is nobody's promise. */
static void add_outputs(const struct medium *medium, const char *folder, const char *kind,
                        digest_fn *digest_of, struct account_lines *found)
{
    char path[512], name[ACCOUNT_TEXT_MAX], digest[HF_DIGEST_TEXT_MAX];

    snprintf(path, sizeof(path), "%s/%s", medium->mount_point, folder);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s/%s", medium->mount_point, folder, entry->d_name);
        snprintf(name, sizeof(name), "%s:%.100s", kind, entry->d_name);
        digest_of(path, digest);
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
        verdict_break(verdict, "%s fails", command);
}

/* ---------------------------------------------------------------------------------------------- */

int verdict_find(struct medium *medium, const struct verdict_way *way, struct verdict *out)
{
    *out = (struct verdict){
        .mount_errno = medium_mount(medium, way->fs_type, way->fs_options),
    };
    if (out->mount_errno != 0)
        return 0;
    if (way->command != NULL) {
        ask_command(way->command, medium->mount_point, out);
    } else {
        judge_store(medium, out);
        add_outputs(medium, "saves", "file", tree_digest_file, &out->found);
        add_outputs(medium, "trees", "tree", tree_digest, &out->found);
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

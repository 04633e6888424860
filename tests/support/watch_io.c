#include "support/watch_io.h"

#include "support/suite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hf_test_watch *watch_of(struct hf_io *io)
{
    return (struct hf_test_watch *)io;
}

static struct hf_io *inner(struct hf_io *io)
{
    return watch_of(io)->inner;
}

/* Where `path` under `dir` is, told below of the root. With path_mutex. */
static void place_locked(struct hf_test_watch *watch, int dir, const char *path, char out[120])
{
    size_t root_len = strlen(watch->root);

    if (dir == HF_IO_CWD) {
        if (root_len > 0 && strncmp(path, watch->root, root_len) == 0)
            path += root_len + (path[root_len] == '/');
        snprintf(out, 120, "%s", path[0] != '\0' ? path : ".");
        return;
    }
    hf_test_require(dir >= 0 && dir < 1024);
    const char *parent = watch->paths[dir];
    if (strcmp(path, ".") == 0)
        snprintf(out, 120, "%s", parent);
    else if (strcmp(parent, ".") == 0)
        snprintf(out, 120, "%s", path);
    else
        snprintf(out, 120, "%.50s/%.68s", parent, path);
}

static void place(struct hf_test_watch *watch, int dir, const char *path, char out[120])
{
    pthread_mutex_lock(&watch->path_mutex);
    place_locked(watch, dir, path, out);
    pthread_mutex_unlock(&watch->path_mutex);
}

static struct hf_test_event *keep(struct hf_test_watch *watch, const struct hf_test_event *event)
{
    if (watch->event_count == watch->event_capacity) {
        watch->event_capacity = 2 * watch->event_capacity + 256;
        watch->events = realloc(watch->events, watch->event_capacity * sizeof(*watch->events));
        hf_test_require(watch->events);
    }
    watch->events[watch->event_count] = *event;
    return &watch->events[watch->event_count++];
}

/* Does this one fail? Counts it. */
static bool fails_now(struct hf_test_watch *watch, const struct hf_test_event *event)
{
    if (event->op == HF_TEST_UNLOCK || !(watch->match_ops & HF_TEST_OP_BIT(event->op)))
        return false;
    if (watch->match_path[0] != '\0' && !strstr(event->path, watch->match_path) &&
        !strstr(event->from, watch->match_path))
        return false;
    watch->calls++;
    if (watch->fail_at == 0)
        return false;
    if (!watch->for_good)
        return watch->calls == watch->fail_at;
    return watch->calls >= watch->fail_at &&
           (watch->failure != HF_TEST_ALTERNATES || (watch->calls - watch->fail_at) % 2 == 0);
}

enum verdict { MAKE_IT, FAIL_IT, HALVE_IT, LIE, LOSE, HOOK };

/* Called before the operation is made. *out_rc: what it returns when it is not. */
static enum verdict enter(struct hf_test_watch *watch, struct hf_test_event *event, int *out_rc)
{
    enum verdict verdict = MAKE_IT;

    pthread_mutex_lock(&watch->mutex);
    if (fails_now(watch, event)) {
        bool moves_bytes = event->op == HF_TEST_READ || event->op == HF_TEST_WRITE;
        watch->failed++;
        *out_rc = watch->fail_errno;
        if (watch->failure == HF_TEST_EXITS)
            _exit(77);
        if (watch->failure == HF_TEST_FAILS || watch->failure == HF_TEST_ALTERNATES)
            verdict = FAIL_IT;
        if (watch->failure == HF_TEST_LOSES)
            verdict = LOSE;
        if (watch->failure == HF_TEST_SHORT && moves_bytes && event->len > 1)
            verdict = HALVE_IT;
        if (watch->failure == HF_TEST_LIES && moves_bytes)
            verdict = LIE;
        if (watch->failure == HF_TEST_HOOKS) {
            verdict = HOOK;
            watch->fail_at = 0; /* its own calls are left alone */
        }
        event->result = *out_rc;
    }
    if (!watch->forgets)
        keep(watch, event);
    pthread_mutex_unlock(&watch->mutex);
    if (verdict != HOOK)
        return verdict;
    watch->hook();
    return MAKE_IT;
}

static enum verdict enter_path(struct hf_io *io, enum hf_test_op op, int dir, const char *path,
                               int *out_rc)
{
    struct hf_test_event event = {.op = op};

    place(watch_of(io), dir, path, event.path);
    return enter(watch_of(io), &event, out_rc);
}

static enum verdict enter_fd(struct hf_io *io, enum hf_test_op op, int fd, uint64_t off,
                             uint64_t len, const void *data, int *out_rc)
{
    struct hf_test_event event = {.op = op, .off = off, .len = len};

    hf_test_require(fd >= 0 && fd < 1024);
    place(watch_of(io), fd, ".", event.path);
    if (data)
        memcpy(event.head, data, len < sizeof(event.head) ? (size_t)len : sizeof(event.head));
    return enter(watch_of(io), &event, out_rc);
}

static int watch_openat(struct hf_io *io, int dir, const char *path, unsigned flags, uint32_t mode)
{
    struct hf_test_watch *watch = watch_of(io);
    int rc = 0;

    if (enter_path(io, HF_TEST_OPEN, dir, path, &rc) == FAIL_IT)
        return rc;
    int fd = inner(io)->ops->openat(inner(io), dir, path, flags, mode);
    if (fd >= 0) {
        char placed[120];
        hf_test_require(fd < 1024);
        place(watch, dir, path, placed);
        pthread_mutex_lock(&watch->path_mutex);
        memcpy(watch->paths[fd], placed, sizeof(placed));
        pthread_mutex_unlock(&watch->path_mutex);
    }
    return fd;
}

/* A failed close has closed all the same. */
static int watch_close(struct hf_io *io, int fd)
{
    int rc = 0;
    enum verdict verdict = enter_fd(io, HF_TEST_CLOSE, fd, 0, 0, NULL, &rc);
    int closed = inner(io)->ops->close(inner(io), fd);

    return verdict == FAIL_IT ? rc : closed;
}

static int64_t watch_read(struct hf_io *io, int fd, void *data, size_t len)
{
    int rc = 0;
    enum verdict verdict = enter_fd(io, HF_TEST_READ, fd, 0, len, NULL, &rc);

    if (verdict == FAIL_IT || verdict == LIE)
        return rc;
    return inner(io)->ops->read(inner(io), fd, data, verdict == HALVE_IT ? len / 2 : len);
}

static int64_t watch_pread(struct hf_io *io, int fd, void *data, size_t len, uint64_t off)
{
    int rc = 0;
    enum verdict verdict = enter_fd(io, HF_TEST_READ, fd, off, len, NULL, &rc);

    if (verdict == FAIL_IT || verdict == LIE)
        return rc;
    return inner(io)->ops->pread(inner(io), fd, data, verdict == HALVE_IT ? len / 2 : len, off);
}

static int64_t watch_write(struct hf_io *io, int fd, const void *data, size_t len)
{
    int rc = 0;
    enum verdict verdict = enter_fd(io, HF_TEST_WRITE, fd, 0, len, data, &rc);

    if (verdict == FAIL_IT)
        return rc;
    int64_t put = inner(io)->ops->write(inner(io), fd, data, verdict == HALVE_IT ? len / 2 : len);
    return verdict == LIE ? rc : put;
}

static int64_t watch_pwrite(struct hf_io *io, int fd, const void *data, size_t len, uint64_t off)
{
    int rc = 0;
    enum verdict verdict = enter_fd(io, HF_TEST_WRITE, fd, off, len, data, &rc);

    if (verdict == FAIL_IT)
        return rc;
    int64_t put =
        inner(io)->ops->pwrite(inner(io), fd, data, verdict == HALVE_IT ? len / 2 : len, off);
    return verdict == LIE ? rc : put;
}

static int watch_ftruncate(struct hf_io *io, int fd, uint64_t len)
{
    int rc = 0;

    if (enter_fd(io, HF_TEST_TRUNCATE, fd, 0, len, NULL, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->ftruncate(inner(io), fd, len);
}

/* False: *out_rc is told without a sync. */
static bool is_synced(struct hf_io *io, enum hf_test_op op, int fd, int *out_rc)
{
    struct hf_test_watch *watch = watch_of(io);
    enum verdict verdict = enter_fd(io, op, fd, 0, 0, NULL, out_rc);

    if (verdict == LOSE)
        watch->lose(watch->inner, fd);
    return verdict != LOSE && verdict != FAIL_IT && !watch->skips_sync;
}

static int watch_fsync(struct hf_io *io, int fd)
{
    int rc = 0;

    return is_synced(io, HF_TEST_FSYNC, fd, &rc) ? inner(io)->ops->fsync(inner(io), fd) : rc;
}

static int watch_fdatasync(struct hf_io *io, int fd)
{
    int rc = 0;

    return is_synced(io, HF_TEST_FDATASYNC, fd, &rc) ? inner(io)->ops->fdatasync(inner(io), fd)
                                                     : rc;
}

static void watch_start_writeback(struct hf_io *io, int fd, uint64_t off, uint64_t len)
{
    inner(io)->ops->start_writeback(inner(io), fd, off, len);
}

static void watch_drop_cache(struct hf_io *io, int fd)
{
    inner(io)->ops->drop_cache(inner(io), fd);
}

static enum verdict enter_move(struct hf_io *io, enum hf_test_op op, int from_dir, const char *from,
                               int to_dir, const char *to, int *out_rc)
{
    struct hf_test_event event = {.op = op};

    place(watch_of(io), from_dir, from, event.from);
    place(watch_of(io), to_dir, to, event.path);
    return enter(watch_of(io), &event, out_rc);
}

static int watch_linkat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                        const char *to)
{
    int rc = 0;

    if (enter_move(io, HF_TEST_LINK, from_dir, from, to_dir, to, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->linkat(inner(io), from_dir, from, to_dir, to);
}

/* Open descriptors of the file are told by its new name. */
static void follow_rename(struct hf_test_watch *watch, int from_dir, const char *from, int to_dir,
                          const char *to)
{
    char old[120], new[120];

    place(watch, from_dir, from, old);
    place(watch, to_dir, to, new);
    pthread_mutex_lock(&watch->path_mutex);
    for (size_t fd = 0; fd < 1024; fd++)
        if (strcmp(watch->paths[fd], old) == 0)
            memcpy(watch->paths[fd], new, sizeof(new));
    pthread_mutex_unlock(&watch->path_mutex);
}

static int watch_renameat(struct hf_io *io, int from_dir, const char *from, int to_dir,
                          const char *to)
{
    int rc = 0;

    if (enter_move(io, HF_TEST_RENAME, from_dir, from, to_dir, to, &rc) == FAIL_IT)
        return rc;
    rc = inner(io)->ops->renameat(inner(io), from_dir, from, to_dir, to);
    if (rc == 0)
        follow_rename(watch_of(io), from_dir, from, to_dir, to);
    return rc;
}

static int watch_unlinkat(struct hf_io *io, int dir, const char *path, bool is_dir)
{
    int rc = 0;

    if (enter_path(io, HF_TEST_UNLINK, dir, path, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->unlinkat(inner(io), dir, path, is_dir);
}

static int watch_mkdirat(struct hf_io *io, int dir, const char *path, uint32_t mode)
{
    int rc = 0;

    if (enter_path(io, HF_TEST_MKDIR, dir, path, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->mkdirat(inner(io), dir, path, mode);
}

static int watch_fstat(struct hf_io *io, int fd, struct hf_io_stat *out)
{
    int rc = 0;

    if (enter_fd(io, HF_TEST_STAT, fd, 0, 0, NULL, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->fstat(inner(io), fd, out);
}

static int watch_fstatat(struct hf_io *io, int dir, const char *path, struct hf_io_stat *out)
{
    int rc = 0;

    if (enter_path(io, HF_TEST_STAT, dir, path, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->fstatat(inner(io), dir, path, out);
}

static int watch_list(struct hf_io *io, int dir, const char *path, hf_io_entry_fn *fn, void *arg)
{
    int rc = 0;

    if (enter_path(io, HF_TEST_LIST, dir, path, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->list(inner(io), dir, path, fn, arg);
}

static int watch_lock(struct hf_io *io, int fd, enum hf_io_lock kind, uint64_t off, uint64_t len,
                      bool wait)
{
    enum hf_test_op op = kind == HF_IO_UNLOCK ? HF_TEST_UNLOCK : HF_TEST_LOCK;
    int rc = 0;

    if (enter_fd(io, op, fd, off, len, NULL, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->lock(inner(io), fd, kind, off, len, wait);
}

static int watch_lock_test(struct hf_io *io, int fd, uint64_t off)
{
    int rc = 0;

    if (enter_fd(io, HF_TEST_LOCK_TEST, fd, off, 1, NULL, &rc) == FAIL_IT)
        return rc;
    return inner(io)->ops->lock_test(inner(io), fd, off);
}

static bool other_fails(struct hf_io *io, const char *what, int *out_rc)
{
    struct hf_test_event event = {.op = HF_TEST_OTHER};

    snprintf(event.path, sizeof(event.path), "%s", what);
    return enter(watch_of(io), &event, out_rc) == FAIL_IT;
}

static int watch_fs_name(struct hf_io *io, int fd, char name[32])
{
    int rc = 0;

    return other_fails(io, "fs_name", &rc) ? rc : inner(io)->ops->fs_name(inner(io), fd, name);
}

static int watch_free_bytes(struct hf_io *io, int fd, uint64_t *out_free)
{
    int rc = 0;

    return other_fails(io, "free_bytes", &rc) ? rc
                                              : inner(io)->ops->free_bytes(inner(io), fd, out_free);
}

static uint64_t watch_now_ns(struct hf_io *io)
{
    if (watch_of(io)->clock_ns != 0)
        return watch_of(io)->clock_ns;
    return watch_of(io)->fixes_chance ? HF_TEST_WATCH_NOW_NS : inner(io)->ops->now_ns(inner(io));
}

static int watch_random(struct hf_io *io, void *data, size_t len)
{
    int rc = 0;

    if (other_fails(io, "random", &rc))
        return rc;
    if (!watch_of(io)->fixes_chance)
        return inner(io)->ops->random(inner(io), data, len);
    memset(data, HF_TEST_WATCH_RANDOM_BYTE, len);
    return 0;
}

static int watch_boot_id(struct hf_io *io, uint8_t id[16])
{
    static const uint8_t none[16];
    int rc = 0;

    if (other_fails(io, "boot_id", &rc))
        return rc;
    if (memcmp(watch_of(io)->boot, none, 16) == 0)
        return inner(io)->ops->boot_id(inner(io), id);
    memcpy(id, watch_of(io)->boot, 16);
    return 0;
}

void hf_test_watch_init(struct hf_test_watch *watch, const char *root)
{
    *watch = (struct hf_test_watch){
        .ops =
            {
                .openat = watch_openat,
                .close = watch_close,
                .read = watch_read,
                .write = watch_write,
                .pread = watch_pread,
                .pwrite = watch_pwrite,
                .ftruncate = watch_ftruncate,
                .fsync = watch_fsync,
                .fdatasync = watch_fdatasync,
                .start_writeback = watch_start_writeback,
                .drop_cache = watch_drop_cache,
                .linkat = watch_linkat,
                .renameat = watch_renameat,
                .unlinkat = watch_unlinkat,
                .mkdirat = watch_mkdirat,
                .fstat = watch_fstat,
                .fstatat = watch_fstatat,
                .list = watch_list,
                .lock = watch_lock,
                .lock_test = watch_lock_test,
                .fs_name = watch_fs_name,
                .free_bytes = watch_free_bytes,
                .now_ns = watch_now_ns,
                .random = watch_random,
                .boot_id = watch_boot_id,
            },
        .match_ops = HF_TEST_ANY_OP,
        .inner = hf_io_posix(),
    };
    watch->io.ops = &watch->ops;
    snprintf(watch->root, sizeof(watch->root), "%s", root ? root : "");
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_mutex_init(&watch->path_mutex, NULL);
}

void hf_test_watch_release(struct hf_test_watch *watch)
{
    free(watch->events);
    watch->events = NULL;
    watch->event_count = watch->event_capacity = 0;
    pthread_mutex_destroy(&watch->mutex);
    pthread_mutex_destroy(&watch->path_mutex);
}

void hf_test_watch_restart(struct hf_test_watch *watch)
{
    watch->event_count = 0;
    watch->calls = 0;
    watch->failed = 0;
}

void hf_test_watch_fail(struct hf_test_watch *watch, unsigned n, enum hf_test_failure failure,
                        int negative_errno, bool for_good)
{
    watch->calls = 0;
    watch->failed = 0;
    watch->fail_at = n;
    watch->failure = failure;
    watch->fail_errno = negative_errno;
    watch->for_good = for_good;
}

void hf_test_watch_match(struct hf_test_watch *watch, uint32_t ops, const char *path)
{
    watch->match_ops = ops;
    snprintf(watch->match_path, sizeof(watch->match_path), "%s", path ? path : "");
}

size_t hf_test_watch_find(const struct hf_test_watch *watch, size_t from, enum hf_test_op op,
                          const char *path)
{
    for (size_t i = from; i < watch->event_count; i++) {
        const struct hf_test_event *event = &watch->events[i];
        if (event->op == op && strstr(event->path, path))
            return i;
    }
    return watch->event_count;
}

const char *hf_test_op_name(enum hf_test_op op)
{
    static const char *const names[HF_TEST_OP_COUNT] = {
        "open",   "close", "read", "write", "truncate", "fsync",  "fdatasync", "link",  "rename",
        "unlink", "mkdir", "stat", "list",  "lock",     "unlock", "lock_test", "other",
    };

    return names[op];
}

void hf_test_watch_print(const struct hf_test_watch *watch)
{
    for (size_t i = 0; i < watch->event_count; i++) {
        const struct hf_test_event *event = &watch->events[i];
        printf("%4zu %s %s%s%s off %" PRIu64 " len %" PRIu64 " = %" PRId64 "\n", i,
               hf_test_op_name(event->op), event->from, event->from[0] ? " -> " : "", event->path,
               event->off, event->len, event->result);
    }
}

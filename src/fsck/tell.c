/*
 * fsck/tell.c - findings on their way to the caller: counted, and with the names of the
 * images that they hit.
 */
#include "fsck/check.h"

#include "base/array.h"
#include "base/digest.h"
#include "base/digest_map.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* As many as anybody reads. */
#define NAMES_MAX_BYTES (16u * 1024u)

/* Climbs from an object to all names above it. */
struct climb {
    struct hf_digest_map seen;
    struct hf_digest *todo;
    size_t count, capacity;
    struct hf_buf names;
    bool is_cut;
    struct hf_error *err;
};

static int see_referrer(void *arg, const struct hf_digest *object, const char *name)
{
    struct climb *climb = arg;

    if (name != NULL) {
        if (climb->names.len + strlen(name) > NAMES_MAX_BYTES)
            climb->is_cut = true;
        else
            hf_buf_printf(&climb->names, "%s%s", climb->names.len > 0 ? " " : "", name);
        return 0;
    }
    if (hf_digest_map_get(&climb->seen, object, NULL))
        return 0;
    int rc = hf_digest_map_put(&climb->seen, object, 0, climb->err);
    if (rc == 0)
        rc = hf_array_grow(&climb->todo, &climb->capacity, climb->count, sizeof(*climb->todo),
                           climb->err);
    if (rc == 0)
        climb->todo[climb->count++] = *object;
    return rc;
}

/* Names above an object, separated by blanks, into climb->names. */
static int find_names(struct hf_check *check, const struct hf_digest *digest, struct climb *climb)
{
    struct hf_snapshot *snapshot = NULL;

    int rc = hf_snapshot_take(check->store, &snapshot, climb->err);
    if (rc == 0)
        rc = see_referrer(climb, digest, NULL);
    while (rc == 0 && climb->count > 0) {
        struct hf_digest next = climb->todo[--climb->count];
        rc = hf_snapshot_each_referrer(snapshot, &next, see_referrer, climb, climb->err);
    }
    if (climb->is_cut)
        hf_buf_put_text(&climb->names, " ...");
    hf_snapshot_release(snapshot);
    return rc;
}

/* Messages of the lower layers name the file first, which a finding does by itself. */
static const char *without_path(const char *message, const char *path)
{
    size_t len = path != NULL ? strlen(path) : 0;

    return len > 0 && strncmp(message, path, len) == 0 && strncmp(message + len, ": ", 2) == 0
               ? message + len + 2
               : message;
}

void hf_check_tell(struct hf_check *check, enum hf_finding_kind kind, const char *path,
                   const struct hf_digest *digest, bool repaired, const char *message)
{
    struct hf_error why = {0};
    struct climb climb = {.err = &why};
    struct hf_finding finding = {
        .kind = kind,
        .path = path,
        .names = "",
        .message = without_path(message, path),
        .repaired = repaired,
    };

    check->report.findings++;
    check->report.repaired += repaired;
    check->report.left += !repaired;
    if (check->fsck->finding == NULL)
        return;
    if (digest != NULL && hf_digest_is_set(digest)) {
        finding.digest = *digest;
        /* A finding is told also when its names can't be found. */
        if (check->store != NULL && find_names(check, digest, &climb) == 0 &&
            hf_buf_text(&climb.names) != NULL)
            finding.names = hf_buf_text(&climb.names);
    }
    check->fsck->finding(check->fsck->arg, &finding);
    hf_digest_map_release(&climb.seen);
    hf_buf_release(&climb.names);
    free(climb.todo);
}

int hf_check_note_damage(struct hf_check *check, enum hf_finding_kind kind, const char *path,
                         const char *message, struct hf_error *err)
{
    struct hf_check_damage damage = {.kind = kind, .message = strdup(message)};

    if (path != NULL)
        damage.path = strdup(path);
    int rc =
        damage.message == NULL || (path != NULL && damage.path == NULL) ? hf_fail_memory(err) : 0;
    if (rc == 0)
        rc = hf_array_grow(&check->damage, &check->damage_capacity, check->damage_count,
                           sizeof(*check->damage), err);
    if (rc != 0) {
        free(damage.path);
        free(damage.message);
        return rc;
    }
    check->damage[check->damage_count++] = damage;
    return 0;
}

void hf_check_tell_damage(struct hf_check *check, bool repaired)
{
    for (size_t i = 0; i < check->damage_count; i++) {
        struct hf_check_damage *damage = &check->damage[i];
        hf_check_tell(check, damage->kind, damage->path, NULL, repaired, damage->message);
        free(damage->path);
        free(damage->message);
    }
    check->damage_count = 0;
}

int hf_check_note_bad(struct hf_check *check, const struct hf_check_bad *bad, struct hf_error *err)
{
    int rc = hf_array_grow(&check->bad, &check->bad_capacity, check->bad_count, sizeof(*check->bad),
                           err);

    if (rc == 0)
        check->bad[check->bad_count++] = *bad;
    return rc;
}

/* rootfs/mounts.c - which images are mounted, and which mounts a boot has ended. */
#include "rootfs/record.h"

#include "base/array.h"
#include "base/error.h"
#include "rootfs/kernel.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    char boot[HF_BOOT_ID_MAX];
    hf_mounted_fn *fn;
    void *arg;
};

static int tell(void *arg, const struct hf_mount_record *record)
{
    const struct listing *listing = arg;
    bool is_gone = strcmp(record->boot, listing->boot) != 0;
    const struct hf_mounted mounted = {
        .hold_id = record->id,
        .time_ns = record->time_ns,
        .target = record->target,
        .name = record->name,
        .dir = record->dir,
        .workspace = record->workspace,
        .how = record->how,
        .is_gone = is_gone,
        .is_seen = !is_gone && hf_kernel_is_mounted(record->dir),
    };

    return listing->fn(listing->arg, &mounted);
}

int hf_mounts_each(struct hf_store *store, hf_mounted_fn *fn, void *arg, struct hf_error *err)
{
    struct listing listing = {.fn = fn, .arg = arg};
    int rc = hf_boot_id(listing.boot, err);

    return rc == 0 ? hf_records_each_mount(store, tell, &listing, err) : rc;
}

struct gone {
    uint64_t *ids;
    size_t count, capacity;
    struct hf_error *err;
};

static int collect(void *arg, const struct hf_mounted *mounted)
{
    struct gone *gone = arg;

    if (!mounted->is_gone)
        return 0;
    int rc = hf_array_grow(&gone->ids, &gone->capacity, gone->count, sizeof(*gone->ids), gone->err);
    if (rc == 0)
        gone->ids[gone->count++] = mounted->hold_id;
    return rc;
}

int hf_mounts_recover(struct hf_store *store, size_t *out_count, struct hf_error *err)
{
    struct gone gone = {.err = err};
    int rc = hf_mounts_each(store, collect, &gone, err);

    if (rc == 0)
        rc = hf_image_release_holds(store, gone.ids, gone.count, NULL, err);
    if (rc == HF_ERR_NOT_FOUND)
        rc = 0; /* somebody else was faster */
    if (rc == 0 && out_count)
        *out_count = gone.count;
    free(gone.ids);
    return rc;
}

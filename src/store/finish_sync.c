/* store/finish_sync.c - the syncs of blobs/ that come before DONE, and before anything is unlinked.
 */
#include "store/finish.h"

int hf_finish_sync_folders(struct hf_finish *finish)
{
    int rc = 0;

    for (uint8_t a = HF_DIGEST_SHA256; rc == 0 && a <= HF_DIGEST_SHA512; a++) {
        char path[HF_PATH_MAX];
        if (!finish->touched[a])
            continue;
        hf_path_blob_dir(a, path);
        rc = hf_io_sync_dir(finish->store->io, finish->store->layout.root, path, finish->err);
        finish->touched[a] = rc != 0;
    }
    return rc;
}

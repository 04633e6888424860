/* tests/support/loading.h - a store to load into, and archives from memory. */
#ifndef HF_TESTS_SUPPORT_LOADING_H
#define HF_TESTS_SUPPORT_LOADING_H

#include "image/summary.h"
#include "support/archives.h"
#include "support/images.h"

struct hf_test_load {
    struct hf_test_store store;
    char dir[256]; /* for archives */
    struct hf_test_told told;
    struct hf_load_options options; /* for the next load; events go to `told` */
    struct hf_error err;            /* of the last */
};

void hf_test_load_make(struct hf_test_load *out);
void hf_test_load_remove(struct hf_test_load *load);
/* Write the bytes to a file and load it. */
int hf_test_load_bytes(struct hf_test_load *load, const struct hf_buf *archive);
/* It must load, and then these are all names, and what was told. */
void hf_test_loads(struct hf_test_load *load, const struct hf_buf *archive, const char *names);
/* It must be refused with this code, the message must contain `part`, and nothing has changed: the
 * names are the same, staging/ and trash/ have no files. */
void hf_test_refuses(struct hf_test_load *load, const struct hf_buf *archive, int code,
                     const char *part);
/* The same for a path. */
int hf_test_load_path(struct hf_test_load *load, const char *path);

/* State of an object, 0: there is none. summary may be NULL. */
int hf_test_state(struct hf_test_load *load, const struct hf_digest *digest,
                  struct hf_summary *summary);
/* Path of a blob in the store. */
void hf_test_blob_path(const struct hf_test_load *load, const struct hf_test_blob *blob,
                       char path[512]);
/* Every file under blobs/ hashes to its name. */
void hf_test_check_blobs(const struct hf_test_load *load);

#endif

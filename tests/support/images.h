/*
 * tests/support/images.h - a store in a new folder, images put into it without the loader, and what
 * an operation told.
 *
 * Names are written short here ("a:1" is docker.io/library/a:1).
 */
#ifndef HF_TESTS_SUPPORT_IMAGES_H
#define HF_TESTS_SUPPORT_IMAGES_H

#include <holdfast/holdfast.h>

struct hf_test_store {
    char root[256];
    struct hf_store *store;
};
void hf_test_store_make(struct hf_test_store *out);
void hf_test_store_reopen(struct hf_test_store *store, enum hf_open_mode mode);
void hf_test_store_remove(struct hf_test_store *store);

#define HF_TEST_LAYERS_MAX 4

struct hf_test_spec {
    const char *names;    /* separated by blanks; "" or NULL: for an index to come */
    const char *text;     /* a word that makes config and layers its own; NULL: "x" */
    const char *base;     /* contents of a first layer to share with others; NULL: none */
    bool is_gzip;         /* layers are stored compressed */
    const char *created;  /* RFC 3339; NULL: 2024-01-01T00:00:00Z */
    const char *platform; /* "os/arch"; NULL: this machine's */
    const char *config;   /* members of the config's "config"; NULL: none */
    const char *history;  /* JSON of the config's history; NULL: none */
    bool has_no_layers;
};

struct hf_test_image {
    struct hf_digest manifest; /* or index */
    struct hf_digest id;       /* config */
    struct hf_digest layers[HF_TEST_LAYERS_MAX];
    size_t layer_count;
};

void hf_test_put_image(struct hf_store *store, const struct hf_test_spec *spec,
                       struct hf_test_image *out);
/* An index over manifests that are put by the same change, so that they need no names. With
 * `has_absent` it also has one for plan9/none that was never fetched. */
void hf_test_put_index(struct hf_store *store, const char *names, const struct hf_test_spec *specs,
                       size_t count, bool has_absent, struct hf_digest *out_index,
                       struct hf_test_image *out_images);
/* A manifest that is no image, with a name, or kept by its subject. */
void hf_test_put_artifact(struct hf_store *store, const char *name, const struct hf_digest *subject,
                          struct hf_digest *out);

/* All names, short, separated by blanks, ascending. Static storage. */
const char *hf_test_names(struct hf_store *store);
bool hf_test_has_object(struct hf_store *store, const struct hf_digest *digest);
size_t hf_test_object_count(struct hf_store *store);
void hf_test_set(struct hf_store *store, const char *setting, const char *value);
void hf_test_set_damaged(struct hf_store *store, const struct hf_digest *digest);
/* Give a name to what has none of its own, or move one, past all rules. */
void hf_test_point(struct hf_store *store, const char *name, const struct hf_digest *target);

/* What was told, one word and the short name each: "untagged a:1; deleted; deleted". */
struct hf_test_told {
    char text[4096];
    size_t deleted_count;        /* not in the text */
    struct hf_digest id, old_id; /* of the last that had them */
    char kept[HF_REFERENCE_MAX];
    uint64_t progress_calls;
    uint64_t cancel_at_call; /* 0: never */
};
struct hf_observer hf_test_listen(struct hf_test_told *told);

#endif

/*
 * image/layers.h - the layers of an image that is in the store, and the plain bytes of each.
 */
#ifndef HF_IMAGE_LAYERS_H
#define HF_IMAGE_LAYERS_H

#include <holdfast/image.h>

struct hf_layer {
    struct hf_digest blob;    /* as the manifest names it, compressed or not */
    struct hf_digest diff_id; /* of its plain tar */
    struct hf_blob *opened;   /* hf_layers_open: what is read; NULL: opened when it is read */
    struct hf_digest source;  /* `opened`: which of both it is */
    uint64_t checksum;        /* `opened`: what the catalog says of its bytes */
};

/* The lowest first, as in the manifest; a layer that an image has twice is there twice. Zero it
 * first. */
struct hf_layers {
    struct hf_layer *items;
    size_t count;
};

/*
 * Read from the image's manifest and config, whose bytes are checked. The image's objects must be
 * kept by a hold or a claim for as long as the layers are used.
 */
HF_MUST_USE int hf_layers_of(struct hf_store *store, const struct hf_image *image,
                             struct hf_layers *out, struct hf_error *err);
/*
 * Open what each layer is read from, while all of it is in the catalog: a claim keeps the bytes,
 * but what left the catalog is not opened any more. Descriptors are scarce: of layers beyond 256
 * each is opened when it is read, and may be gone by then.
 *
 * What is opened so is told from damaged bytes by its checksum, as in a save, which costs a tenth
 * of the time of its digest: that the bytes with this checksum give the diff ID was proven by the
 * load.
 *
 * Errors   NOT_FOUND: a layer was removed meanwhile.
 */
HF_MUST_USE int hf_layers_open(struct hf_store *store, struct hf_layers *layers,
                               struct hf_error *err);
void hf_layers_release(struct hf_layers *layers);

typedef int hf_layer_fn(void *arg, const void *data, size_t len, struct hf_error *err);

/*
 * Call `fn` with the layer's plain bytes, in order; what it returns other than 0 ends the reading
 * and is returned. Only with 0 the bytes were those of the diff ID: until then they are not to be
 * believed.
 *
 * Errors   CORRUPT: the stored bytes are missing or wrong, and the message says of which object.
 */
HF_MUST_USE int hf_layer_read(struct hf_store *store, const struct hf_layer *layer, hf_layer_fn *fn,
                              void *arg, struct hf_error *err);

#endif

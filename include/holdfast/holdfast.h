/*
 * holdfast/holdfast.h - a crash-consistent store for container images. This header includes the
 * rest.
 *
 *     struct hf_error err = {0};
 *     struct hf_store *store = NULL;
 *     struct hf_store_options options = {.mode = HF_OPEN_CREATE};
 *     if (hf_store_open("/var/lib/holdfast", &options, &store, &err) != 0)
 *         fail(err.message);
 *     struct hf_load_options load = {0};
 *     if (hf_image_load(store, "app.tar", -1, &load, &err) != 0)
 *         fail(err.message);
 *     // from here on, "app" survives power loss
 *     hf_store_close(store, &err);
 *
 * Handles are opaque, there is no global state, nothing is printed, and no option weakens
 * durability.
 */
#ifndef HOLDFAST_HOLDFAST_H
#define HOLDFAST_HOLDFAST_H

#include <holdfast/check.h>
#include <holdfast/digest.h>
#include <holdfast/error.h>
#include <holdfast/image.h>
#include <holdfast/rootfs.h>
#include <holdfast/store.h>

#define HF_VERSION "0.1.0"

/* The library's version, "MAJOR.MINOR.PATCH". Static storage. */
HF_API const char *hf_version(void);

#endif

/*
 * rootfs/layer_tar.h - writes the tar of a layer: pax, with extended headers where ustar can't say
 * it (nanoseconds, long names, large IDs, attributes), and nothing in it but what it is told.
 *
 *     hf_layer_tar_new(fn, arg, &tar, err);
 *     hf_layer_tar_begin(...); hf_layer_tar_write(...) as many bytes as a file has;
 *     hf_layer_tar_finish(tar, err);
 *     hf_layer_tar_free(tar);
 */
#ifndef HF_ROOTFS_LAYER_TAR_H
#define HF_ROOTFS_LAYER_TAR_H

#include "rootfs/upper.h"
#include "rootfs/upper_entry.h"

struct hf_layer_tar;
HF_MUST_USE int hf_layer_tar_new(hf_upper_fn *fn, void *arg, struct hf_layer_tar **out,
                                 struct hf_error *err);
/* The next entry. hardlink: the path of an entry before it, whose file this is too; else NULL. */
HF_MUST_USE int hf_layer_tar_begin(struct hf_layer_tar *tar, const char *path,
                                   const struct hf_upper_entry *entry, const char *hardlink,
                                   struct hf_error *err);
/* An empty file that is a mark (.wh.*). */
HF_MUST_USE int hf_layer_tar_mark(struct hf_layer_tar *tar, const char *path,
                                  const struct timespec *mtime, struct hf_error *err);
HF_MUST_USE int hf_layer_tar_write(struct hf_layer_tar *tar, const void *data, size_t len,
                                   struct hf_error *err);
HF_MUST_USE int hf_layer_tar_finish(struct hf_layer_tar *tar, struct hf_error *err);
void hf_layer_tar_free(struct hf_layer_tar *tar); /* at any time; NULL does nothing */

#endif

/* tests/support/erofs_reader_internal.h - what the files of the reader of EROFS share. */
#ifndef HF_TESTS_SUPPORT_EROFS_READER_INTERNAL_H
#define HF_TESTS_SUPPORT_EROFS_READER_INTERNAL_H

#include "support/erofs_reader.h"

/* Notes the first fault; always false. */
bool hf_erofs_fault(struct hf_erofs_image *image, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Little-endian. */
uint64_t hf_erofs_get(const uint8_t *at, size_t len);

#endif

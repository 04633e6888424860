/* base/array.h - arrays that grow. */
#ifndef HF_BASE_ARRAY_H
#define HF_BASE_ARRAY_H

#include <holdfast/error.h>

#include <stddef.h>

/*
 * Room for one element more. On failure the array stays as it was.
 *
 * array     address of the pointer to the elements
 * capacity  how many fit; doubles when all places are taken
 */
HF_MUST_USE int hf_array_grow(void *array, size_t *capacity, size_t count, size_t element_bytes,
                              struct hf_error *err);

#endif

/* base/array.c - arrays that grow. */
#include "base/array.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16u

int hf_array_grow(void *array, size_t *capacity, size_t count, size_t element_bytes,
                  struct hf_error *err)
{
    void *elements;

    if (count < *capacity)
        return 0;
    /* Through memcpy, since a pointer to any type of element may not be read as a void pointer. */
    memcpy(&elements, array, sizeof(elements));
    size_t wanted = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
    void *grown = reallocarray(elements, wanted, element_bytes);
    if (grown == NULL)
        return hf_fail_memory(err);
    memcpy(array, &grown, sizeof(grown));
    *capacity = wanted;
    return 0;
}

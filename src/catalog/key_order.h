/*
 * catalog/key_order.h - the one order of catalog keys: as by memcmp, a prefix before what it
 * begins. Source: FORMAT.md section 2. A binary search and a merge are right only if all use this
 * one.
 */
#ifndef HF_CATALOG_KEY_ORDER_H
#define HF_CATALOG_KEY_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Below, at or above 0. A length of 0 goes with any pointer, NULL too. */
static inline int hf_key_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t common = a_len < b_len ? a_len : b_len;
    int order = common > 0 ? memcmp(a, b, common) : 0;

    if (order != 0)
        return order;
    return (a_len > b_len) - (a_len < b_len);
}

static inline bool hf_key_has_prefix(const void *key, size_t key_len, const void *prefix,
                                     size_t prefix_len)
{
    return prefix_len <= key_len && (prefix_len == 0 || memcmp(key, prefix, prefix_len) == 0);
}

#endif

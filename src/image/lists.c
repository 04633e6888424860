/* image/lists.c - lists that grow: digests kept as a set, and texts. */
#include "image/lists.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more element of `size` bytes; false when there is no memory. */
static bool make_room(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = reallocarray(*items, wanted, size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

/* Where `digest` is, or would be put. */
static size_t find_place(const struct hf_digest_set *set, const struct hf_digest *digest,
                         bool *out_found)
{
    size_t low = 0, high = set->count;

    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = hf_digest_compare(&set->items[middle], digest);
        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int hf_digest_set_add(struct hf_digest_set *set, const struct hf_digest *digest, bool *out_added,
                      struct hf_error *err)
{
    struct hf_digest added = *digest; /* it may lie in the memory that moves */
    bool found;
    size_t place = find_place(set, digest, &found);

    if (!found) {
        void *items = set->items;
        if (!make_room(&items, set->count, &set->capacity, sizeof(*set->items)))
            return hf_fail_memory(err);
        set->items = items;
        memmove(set->items + place + 1, set->items + place,
                (set->count - place) * sizeof(*set->items));
        set->items[place] = added;
        set->count++;
    }
    if (out_added)
        *out_added = !found;
    return 0;
}

bool hf_digest_set_has(const struct hf_digest_set *set, const struct hf_digest *digest)
{
    bool found;

    find_place(set, digest, &found);
    return found;
}

bool hf_digest_set_equal(const struct hf_digest_set *a, const struct hf_digest_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (hf_digest_compare(&a->items[i], &b->items[i]) != 0)
            return false;
    }
    return true;
}

void hf_digest_set_release(struct hf_digest_set *set)
{
    free(set->items);
    *set = (struct hf_digest_set){0};
}

int hf_text_list_add(struct hf_text_list *list, const char *text, struct hf_error *err)
{
    void *items = list->items;

    if (!make_room(&items, list->count, &list->capacity, sizeof(*list->items)))
        return hf_fail_memory(err);
    list->items = items;
    list->items[list->count] = strdup(text);
    if (!list->items[list->count])
        return hf_fail_memory(err);
    list->count++;
    return 0;
}

bool hf_text_list_has(const struct hf_text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool hf_text_list_has_sorted(const struct hf_text_list *list, const char *text)
{
    return list && list->count > 0 &&
           bsearch(&text, list->items, list->count, sizeof(*list->items), compare_texts);
}

void hf_text_list_sort(struct hf_text_list *list)
{
    size_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->items, list->count, sizeof(*list->items), compare_texts);
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(list->items[i], list->items[kept]) == 0)
            free(list->items[i]);
        else
            list->items[++kept] = list->items[i];
    }
    list->count = kept + 1;
}

void hf_text_list_release(struct hf_text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct hf_text_list){0};
}

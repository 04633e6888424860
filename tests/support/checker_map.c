/* tests/support/checker_map.c - memory, lists of strings and the sorted map of the checker. */
#include "support/checker_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_memory(void)
{
    fputs("checker: out of memory\n", stderr);
    abort();
}

void *checker_alloc(size_t len)
{
    void *memory = calloc(1, len ? len : 1);

    if (!memory)
        no_memory();
    return memory;
}

void *checker_grow(void *memory, size_t count, size_t size)
{
    memory = reallocarray(memory, count, size);
    if (!memory)
        no_memory();
    return memory;
}

void checker_strings_add(struct checker_strings *strings, const char *item)
{
    strings->items = checker_grow(strings->items, strings->count + 1, sizeof(*strings->items));
    size_t len = strlen(item) + 1;
    strings->items[strings->count] = checker_alloc(len);
    memcpy(strings->items[strings->count++], item, len);
}

bool checker_strings_has(const struct checker_strings *strings, const char *item)
{
    for (size_t i = 0; i < strings->count; i++) {
        if (strcmp(strings->items[i], item) == 0)
            return true;
    }
    return false;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void checker_strings_sort(struct checker_strings *strings)
{
    if (strings->count > 1)
        qsort(strings->items, strings->count, sizeof(*strings->items), compare_strings);
}

void checker_strings_release(struct checker_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct checker_strings){0};
}

int checker_key_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t common = a_len < b_len ? a_len : b_len;
    int order = common ? memcmp(a, b, common) : 0;

    if (order != 0)
        return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

bool checker_has_prefix(const struct checker_entry *entry, const void *prefix, size_t prefix_len)
{
    return entry->key_len >= prefix_len && memcmp(entry->key, prefix, prefix_len) == 0;
}

size_t checker_map_seek(const struct checker_map *map, const void *key, size_t key_len)
{
    size_t low = 0;
    size_t high = map->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct checker_entry *entry = map->entries[middle];
        if (checker_key_compare(entry->key, entry->key_len, key, key_len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct checker_map *map, size_t i, const void *key, size_t key_len)
{
    return i < map->count &&
           checker_key_compare(map->entries[i]->key, map->entries[i]->key_len, key, key_len) == 0;
}

const struct checker_entry *checker_map_get(const struct checker_map *map, const void *key,
                                            size_t key_len)
{
    size_t i = checker_map_seek(map, key, key_len);

    return is_at(map, i, key, key_len) ? map->entries[i] : NULL;
}

void checker_map_put(struct checker_map *map, const void *key, size_t key_len, const void *value,
                     size_t value_len)
{
    struct checker_entry *entry = checker_alloc(sizeof(*entry) + key_len + value_len);
    size_t i = checker_map_seek(map, key, key_len);

    entry->key_len = key_len;
    entry->value_len = value_len;
    entry->value = entry->key + key_len;
    if (key_len)
        memcpy(entry->key, key, key_len);
    if (value_len)
        memcpy(entry->value, value, value_len);

    if (is_at(map, i, key, key_len)) {
        free(map->entries[i]);
        map->entries[i] = entry;
        return;
    }
    if (map->count == map->capacity) {
        map->capacity = map->capacity ? 2 * map->capacity : 64;
        map->entries = checker_grow(map->entries, map->capacity, sizeof(struct checker_entry *));
    }
    memmove(map->entries + i + 1, map->entries + i, (map->count - i) * sizeof(*map->entries));
    map->entries[i] = entry;
    map->count++;
}

void checker_map_delete(struct checker_map *map, const void *key, size_t key_len)
{
    size_t i = checker_map_seek(map, key, key_len);

    if (!is_at(map, i, key, key_len))
        return;
    free(map->entries[i]);
    map->count--;
    memmove(map->entries + i, map->entries + i + 1, (map->count - i) * sizeof(*map->entries));
}

void checker_map_copy(struct checker_map *to, const struct checker_map *from)
{
    checker_map_release(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct checker_entry *entry = from->entries[i];
        checker_map_put(to, entry->key, entry->key_len, entry->value, entry->value_len);
    }
}

void checker_map_release(struct checker_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        free(map->entries[i]);
    free(map->entries);
    *map = (struct checker_map){0};
}

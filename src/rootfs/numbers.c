/* rootfs/numbers.c - open addressing; a key of 0 is kept as 1, which no user of this minds. */
#include "rootfs/numbers.h"

#include "base/error.h"

#include <stdlib.h>

#define FIRST_CAPACITY 1024u

static struct hf_number *find(const struct hf_numbers *numbers, uint64_t key)
{
    size_t mask = numbers->capacity - 1;
    size_t place = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & mask;

    while (numbers->items[place].key != 0 && numbers->items[place].key != key)
        place = (place + 1) & mask;
    return &numbers->items[place];
}

static int grow(struct hf_numbers *numbers, struct hf_error *err)
{
    struct hf_numbers larger = {.capacity =
                                    numbers->capacity ? numbers->capacity * 2 : FIRST_CAPACITY,
                                .count = numbers->count};

    if (numbers->count >= HF_NUMBERS_MAX)
        return hf_fail(err, HF_ERR_LIMIT, "it has more than %u entries", HF_NUMBERS_MAX);
    larger.items = calloc(larger.capacity, sizeof(*larger.items));
    if (!larger.items)
        return hf_fail_memory(err);
    for (size_t i = 0; i < numbers->capacity; i++)
        if (numbers->items[i].key != 0)
            *find(&larger, numbers->items[i].key) = numbers->items[i];
    free(numbers->items);
    *numbers = larger;
    return 0;
}

int hf_numbers_put(struct hf_numbers *numbers, uint64_t key, uint32_t value, struct hf_error *err)
{
    int rc = numbers->count * 2 < numbers->capacity ? 0 : grow(numbers, err);

    if (rc != 0)
        return rc;
    struct hf_number *item = find(numbers, key ? key : 1);
    if (item->key == 0)
        numbers->count++;
    *item = (struct hf_number){key ? key : 1, value};
    return 0;
}

bool hf_numbers_get(const struct hf_numbers *numbers, uint64_t key, uint32_t *out_value)
{
    const struct hf_number *item = numbers->items ? find(numbers, key ? key : 1) : NULL;

    if (!item || item->key == 0)
        return false;
    if (out_value)
        *out_value = item->value;
    return true;
}

void hf_numbers_release(struct hf_numbers *numbers)
{
    free(numbers->items);
    *numbers = (struct hf_numbers){0};
}

/*
 * image/lists.h - lists that grow: digests kept as a set, and texts.
 *
 * A zeroed struct is an empty list; release makes it one again.
 */
#ifndef HF_IMAGE_LISTS_H
#define HF_IMAGE_LISTS_H

#include <holdfast/digest.h>

#include <stdbool.h>
#include <stddef.h>

/* Ascending, each once. */
struct hf_digest_set {
    struct hf_digest *items;
    size_t count;
    size_t capacity;
};
/* Adding what is there already is fine: *out_added (may be NULL) tells. */
HF_MUST_USE int hf_digest_set_add(struct hf_digest_set *set, const struct hf_digest *digest,
                                  bool *out_added, struct hf_error *err);
bool hf_digest_set_has(const struct hf_digest_set *set, const struct hf_digest *digest);
bool hf_digest_set_equal(const struct hf_digest_set *a, const struct hf_digest_set *b);
void hf_digest_set_release(struct hf_digest_set *set);

/* In the order of adding; the texts are the list's own. */
struct hf_text_list {
    char **items;
    size_t count;
    size_t capacity;
};
HF_MUST_USE int hf_text_list_add(struct hf_text_list *list, const char *text, struct hf_error *err);
bool hf_text_list_has(const struct hf_text_list *list, const char *text);
/* The same, faster, for a list that is sorted. NULL has nothing. */
bool hf_text_list_has_sorted(const struct hf_text_list *list, const char *text);
/* Ascending, each once. */
void hf_text_list_sort(struct hf_text_list *list);
void hf_text_list_release(struct hf_text_list *list);

#endif

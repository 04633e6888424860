/*
 * image/events.h - what an operation will tell once it has committed.
 *
 * Names and images are decided under the store's append lock, where nobody may be called back, and
 * nothing may be told before it is durable. So events are queued (copied) and told afterwards.
 * A zeroed struct is an empty queue.
 */
#ifndef HF_IMAGE_EVENTS_H
#define HF_IMAGE_EVENTS_H

#include <holdfast/image.h>

struct hf_events {
    struct hf_image_event *items; /* name and text are owned */
    size_t count;
    size_t capacity;
};

/* Queues a copy. */
HF_MUST_USE int hf_events_add(struct hf_events *events, const struct hf_image_event *event,
                              struct hf_error *err);
/* Forgets what is queued: a decision that is taken again begins with this. */
void hf_events_clear(struct hf_events *events);
/* Tells all of them in order and forgets them; observer may be NULL. */
void hf_events_tell(struct hf_events *events, const struct hf_observer *observer);
void hf_events_release(struct hf_events *events);

/* One sentence, told at once. observer may be NULL. */
void hf_events_warn(const struct hf_observer *observer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

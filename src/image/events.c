/* image/events.c - the queue of events.h. */
#include "image/events.h"

#include "base/array.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_text(const char *text, const char **out, struct hf_error *err)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? hf_fail_memory(err) : 0;
}

static void release_item(struct hf_image_event *event)
{
    free((char *)event->name);
    free((char *)event->text);
}

int hf_events_add(struct hf_events *events, const struct hf_image_event *event,
                  struct hf_error *err)
{
    struct hf_image_event copy = *event;
    int rc = hf_array_grow(&events->items, &events->capacity, events->count, sizeof(*events->items),
                           err);

    copy.name = copy.text = NULL;
    if (rc == 0)
        rc = copy_text(event->name, &copy.name, err);
    if (rc == 0)
        rc = copy_text(event->text, &copy.text, err);
    if (rc != 0) {
        release_item(&copy);
        return rc;
    }
    events->items[events->count++] = copy;
    return 0;
}

void hf_events_clear(struct hf_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        release_item(&events->items[i]);
    events->count = 0;
}

void hf_events_tell(struct hf_events *events, const struct hf_observer *observer)
{
    if (observer && observer->event)
        for (size_t i = 0; i < events->count; i++)
            observer->event(observer->arg, &events->items[i]);
    hf_events_clear(events);
}

void hf_events_release(struct hf_events *events)
{
    hf_events_clear(events);
    free(events->items);
    *events = (struct hf_events){0};
}

void hf_events_warn(const struct hf_observer *observer, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (!observer || !observer->event)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    observer->event(observer->arg,
                    &(struct hf_image_event){.kind = HF_EVENT_WARNING, .text = text});
}

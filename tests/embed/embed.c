/*
 * An engine that embeds Holdfast, in small: it sees the installed headers and library only.
 * embed ROOT ARCHIVE: load, list, remove, each checked; tells what is wrong by its exit code.
 */
#include <holdfast/holdfast.h>

#include <stdio.h>
#include <string.h>

struct seen {
    size_t loaded;
    size_t deleted;
    size_t listed;
    char name[HF_REFERENCE_MAX];
};

static void on_event(void *arg, const struct hf_image_event *event)
{
    struct seen *seen = arg;

    seen->loaded += event->kind == HF_EVENT_LOADED;
    seen->deleted += event->kind == HF_EVENT_DELETED;
}

static int on_image(void *arg, const struct hf_image *image)
{
    struct seen *seen = arg;

    seen->listed++;
    snprintf(seen->name, sizeof(seen->name), "%s", image->name);
    return 0;
}

static int list(struct hf_store *store, struct seen *seen, struct hf_error *err)
{
    const struct hf_list_options options = {0};

    seen->listed = 0;
    return hf_image_list(store, &options, on_image, seen, err);
}

static int use(struct hf_store *store, const char *archive, struct hf_error *err)
{
    struct seen seen = {0};
    const struct hf_observer observer = {.event = on_event, .arg = &seen};
    const struct hf_load_options load = {.observer = observer};
    const struct hf_name_options names = {.observer = observer};

    if (hf_image_load(store, archive, -1, &load, err) != 0 || list(store, &seen, err) != 0)
        return 1;
    printf("loaded %zu, listed %zu: %s\n", seen.loaded, seen.listed, seen.name);
    if (seen.loaded != 1 || seen.listed != 1 || strcmp(seen.name, "docker.io/library/app:1") != 0)
        return 2;
    const char *name = "app:1";
    if (hf_image_remove(store, &name, 1, &names, err) != 0 || list(store, &seen, err) != 0)
        return 3;
    printf("deleted %zu, listed %zu\n", seen.deleted, seen.listed);
    return seen.deleted == 0 || seen.listed != 0 ? 4 : 0;
}

int main(int argc, char **argv)
{
    const struct hf_store_options options = {.mode = HF_OPEN_CREATE};
    struct hf_store *store = NULL;
    struct hf_error err = {0};

    if (argc != 3)
        return 64;
    if (strcmp(hf_version(), HF_VERSION) != 0)
        return 65;
    int code = hf_store_open(argv[1], &options, &store, &err) == 0 ? use(store, argv[2], &err) : 66;
    if (hf_store_close(store, &err) != 0 && code == 0)
        code = 67;
    if (code != 0)
        fprintf(stderr, "embed: step %d: %s (%s)\n", code, err.message, hf_error_name(err.code));
    return code;
}

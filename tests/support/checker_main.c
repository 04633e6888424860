/*
 * tests/support/checker_main.c - holdfast-check: the checker as a command, for shell tests.
 *
 *   holdfast-check ROOT [--after-recovery | --live | --after-cut] [--print]
 *
 * Exit: 0 all promises hold, 1 violations (one a line on stderr), 2 usage, 3 could not read.
 * --print writes what a user sees, one thing a line, ascending, the same bytes for the same state:
 *
 *   name NAME DIGEST FLAGS
 *   hold DIGEST ID OWNER REASON NAME
 *   object DIGEST present|absent|damaged SIZE
 *   transaction ID open|committed
 *
 * fields separated by tabs, other bytes than printable ones as \xNN.
 */
#include "support/checker.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void print_text(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        printf(text[i] > ' ' && text[i] < 0x7f && text[i] != '\\' ? "%c" : "\\x%02x", text[i]);
}

static void print_store(const struct hf_checker_store *store)
{
    static const char *const states[] = {"?", "present", "absent", "damaged"};
    char digest[HF_DIGEST_TEXT_MAX];

    if (!store->made)
        printf("no store\n");
    for (size_t i = 0; i < store->name_count; i++) {
        const struct hf_checker_name *name = &store->names[i];
        printf("name\t");
        print_text(name->name, name->name_len);
        printf("\t%s\t%" PRIu32 "\n", hf_digest_text(&name->target, digest), name->flags);
    }
    for (size_t i = 0; i < store->hold_count; i++) {
        const struct hf_checker_hold *hold = &store->holds[i];
        printf("hold\t%s\t%" PRIu64 "\t", hf_digest_text(&hold->target, digest), hold->id);
        print_text(hold->owner, hold->owner_len);
        printf("\t");
        print_text(hold->reason, hold->reason_len);
        printf("\t");
        print_text(hold->name, hold->name_len);
        printf("\n");
    }
    for (size_t i = 0; i < store->object_count; i++) {
        const struct hf_checker_object *object = &store->objects[i];
        printf("object\t%s\t%s\t%" PRIu64 "\n", hf_digest_text(&object->digest, digest),
               states[object->state], object->size_bytes);
    }
    for (size_t i = 0; i < store->transaction_count; i++)
        printf("transaction\t%" PRIu64 "\t%s\n", store->transactions[i].id,
               store->transactions[i].state == 1 ? "open" : "committed");
}

static int usage(void)
{
    fputs("usage: holdfast-check ROOT [--after-recovery | --live | --after-cut] [--print]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    enum hf_checker_mode mode = HF_CHECKER_LIVE;
    struct hf_checker_store store = {0};
    struct hf_error err = {0};
    struct hf_io *io = hf_io_posix();
    const char *path = NULL;
    bool print = false;
    int root = -1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--after-recovery") == 0)
            mode = HF_CHECKER_RECOVERED;
        else if (strcmp(argv[i], "--live") == 0)
            mode = HF_CHECKER_LIVE;
        else if (strcmp(argv[i], "--after-cut") == 0)
            mode = HF_CHECKER_CUT;
        else if (strcmp(argv[i], "--print") == 0)
            print = true;
        else if (argv[i][0] == '-' || path)
            return usage();
        else
            path = argv[i];
    }
    if (!path)
        return usage();

    int rc = hf_io_open(io, HF_IO_CWD, path, HF_IO_READ | HF_IO_DIRECTORY, 0, &root, &err);
    if (rc == HF_ERR_NOT_FOUND) {
        if (print)
            printf("no store\n");
        return 0;
    }
    if (rc == 0)
        rc = hf_checker_read(io, root, mode, &store, &err);
    hf_io_close(io, &root);
    if (rc) {
        fprintf(stderr, "holdfast-check: %s\n", err.message);
        return 3;
    }
    size_t kept = store.violation_count < HF_CHECKER_VIOLATIONS_KEPT ? store.violation_count
                                                                     : HF_CHECKER_VIOLATIONS_KEPT;
    for (size_t i = 0; i < kept; i++)
        fprintf(stderr, "%s\n", store.violations[i]);
    if (kept < store.violation_count)
        fprintf(stderr, "... and %zu more\n", store.violation_count - kept);
    if (print)
        print_store(&store);
    bool holds = store.violation_count == 0;
    hf_checker_release(&store);
    return holds ? 0 : 1;
}

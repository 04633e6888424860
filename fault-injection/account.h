/*
 * fault-injection/account.h - what a store owes its users at a moment of a recording.
 *
 * The workload tells in marks what it does. Each of its processes has names of its own:
 *
 *     begin P          process P begins an operation; a line for each name that it sets:
 *     NAME TARGET      the digest it points to then; "-": gone; "?": not known before
 *     * -              all images of the account go
 *     ack P            the operation has succeeded
 *     fail P           it has failed, and nothing changed
 *     unknown P        it has failed, and only the disk knows how far it came
 *     fs TYPE OPTIONS  what is on the disk
 *
 * A NAME is that of an image ("docker.io/app:1"), or begins with what else it is of:
 *
 *     file:NAME        a file that a save makes; TARGET is its SHA-256
 *     tree:NAME        a folder that was unpacked; its digest (tree.h)
 *     workspace:NAME   the hold of a workspace; the image's digest
 *     upper:NAME       its folder; the SHA-256 of its file `synced`, or "empty"
 *     mount:FOLDER     the hold of a mount; the image's digest
 */
#ifndef HF_FAULT_ACCOUNT_H
#define HF_FAULT_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_TEXT_MAX 128

struct account_line {
    char name[ACCOUNT_TEXT_MAX];
    char target[ACCOUNT_TEXT_MAX];
};

struct account_lines {
    struct account_line *lines;
    size_t count;
};

/* An operation of which it is not settled whether it took effect. */
struct account_pending {
    char process[16];
    struct account_lines after;
    bool is_unknown; /* it stays so */
};

struct account {
    struct account_lines settled;
    struct account_pending *pending;
    size_t pending_count;
    char fs_type[16];
    char fs_options[ACCOUNT_TEXT_MAX];
};

/* Ends the program when a mark makes no sense. */
void account_mark(struct account *account, const uint8_t *data, size_t len);
void account_release(struct account *account);

/* Sets NAME's line, or adds it. */
void account_set(struct account_lines *lines, const char *name, const char *target);
/* NULL: not there. */
const char *account_get(const struct account_lines *lines, const char *name);
bool account_is_image(const char *name);
void account_lines_release(struct account_lines *lines);

/* Is `found` (all names, without "-") what may be there? Else says why not. */
bool account_allows(const struct account *account, const struct account_lines *found, char *why,
                    size_t why_size);

/* The marks that make this account, each for a call of `fn`; for reproducers. */
typedef void account_mark_fn(void *arg, const char *text);
void account_write(const struct account *account, account_mark_fn *fn, void *arg);

#endif

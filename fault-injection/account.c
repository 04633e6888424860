/*
 * fault-injection/account.c - settled names, operations that are pending, and whether what a disk
 * holds fits both: of each pending operation all of its names or none.
 */
#include "account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GONE    "-"
#define UNKNOWN "?"

/* --- lines ------------------------------------------------------------------------------------ */

static struct account_line *find(const struct account_lines *lines, const char *name)
{
    for (size_t i = 0; i < lines->count; i++)
        if (strcmp(lines->lines[i].name, name) == 0)
            return &lines->lines[i];
    return NULL;
}

static void *grown(void *memory, size_t size)
{
    void *more = realloc(memory, size);

    if (more == NULL) {
        fputs("no memory\n", stderr);
        exit(3);
    }
    return more;
}

void account_set(struct account_lines *lines, const char *name, const char *target)
{
    struct account_line *line = find(lines, name);

    if (line == NULL) {
        lines->lines = grown(lines->lines, (lines->count + 1) * sizeof(*lines->lines));
        line = &lines->lines[lines->count++];
    }
    snprintf(line->name, sizeof(line->name), "%s", name);
    snprintf(line->target, sizeof(line->target), "%s", target);
}

const char *account_get(const struct account_lines *lines, const char *name)
{
    const struct account_line *line = find(lines, name);

    return line != NULL && strcmp(line->target, GONE) != 0 ? line->target : NULL;
}

void account_lines_release(struct account_lines *lines)
{
    free(lines->lines);
    *lines = (struct account_lines){0};
}

bool account_is_image(const char *name)
{
    return name[strcspn(name, ":/")] == '/';
}

/* --- marks ------------------------------------------------------------------------------------ */

static void nonsense(const char *text)
{
    fprintf(stderr, "a mark that makes no sense: %s\n", text);
    exit(3);
}

static void add_line(struct account *account, struct account_lines *after, const char *text)
{
    char name[ACCOUNT_TEXT_MAX], target[ACCOUNT_TEXT_MAX];

    if (sscanf(text, "%127s %127s", name, target) != 2)
        nonsense(text);
    if (strcmp(name, "*") != 0) {
        account_set(after, name, target);
        return;
    }
    for (size_t i = 0; i < account->settled.count; i++)
        if (account_is_image(account->settled.lines[i].name))
            account_set(after, account->settled.lines[i].name, target);
}

static void begin(struct account *account, const char *process, char *lines)
{
    char *rest = NULL;
    size_t size = (account->pending_count + 1) * sizeof(*account->pending);

    account->pending = grown(account->pending, size);
    struct account_pending *pending = &account->pending[account->pending_count++];
    *pending = (struct account_pending){0};
    snprintf(pending->process, sizeof(pending->process), "%s", process);
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        add_line(account, &pending->after, line);
}

static struct account_pending *pending_of(struct account *account, const char *process)
{
    for (size_t i = 0; i < account->pending_count; i++)
        if (!account->pending[i].is_unknown && strcmp(account->pending[i].process, process) == 0)
            return &account->pending[i];
    nonsense(process);
    return NULL;
}

static void drop(struct account *account, struct account_pending *pending)
{
    account_lines_release(&pending->after);
    *pending = account->pending[--account->pending_count];
}

static bool has_all(const struct account_lines *lines, const struct account_lines *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (find(lines, names->lines[i].name) == NULL)
            return false;
    return true;
}

/* What the process did before with the same names and an unknown outcome is of no account now. */
static void supersede(struct account *account, const char *process, struct account_lines names)
{
    for (size_t i = account->pending_count; i-- > 0;) {
        struct account_pending *pending = &account->pending[i];
        if (pending->is_unknown && strcmp(pending->process, process) == 0 &&
            has_all(&names, &pending->after))
            drop(account, pending);
    }
}

static void end(struct account *account, const char *process, bool took_effect)
{
    struct account_pending *pending = NULL;

    if (took_effect)
        supersede(account, process, pending_of(account, process)->after);
    pending = pending_of(account, process);
    for (size_t i = 0; took_effect && i < pending->after.count; i++)
        account_set(&account->settled, pending->after.lines[i].name,
                    pending->after.lines[i].target);
    drop(account, pending);
}

void account_mark(struct account *account, const uint8_t *data, size_t len)
{
    char *text = grown(NULL, len + 1);
    char process[16] = "";
    char *lines = NULL;

    memcpy(text, data, len);
    text[len] = '\0';
    lines = strchr(text, '\n');
    if (lines != NULL)
        *lines++ = '\0';
    if (sscanf(text, "begin %15s", process) == 1)
        begin(account, process, lines != NULL ? lines : text + strlen(text));
    else if (sscanf(text, "ack %15s", process) == 1)
        end(account, process, true);
    else if (sscanf(text, "fail %15s", process) == 1)
        end(account, process, false);
    else if (sscanf(text, "unknown %15s", process) == 1)
        pending_of(account, process)->is_unknown = true;
    else if (sscanf(text, "fs %15s %127s", account->fs_type, account->fs_options) != 2)
        nonsense(text);
    free(text);
}

void account_release(struct account *account)
{
    for (size_t i = 0; i < account->pending_count; i++)
        account_lines_release(&account->pending[i].after);
    free(account->pending);
    account_lines_release(&account->settled);
    *account = (struct account){0};
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool fits(const char *owed, const char *found)
{
    if (owed == NULL || found == NULL)
        return owed == found;
    return strcmp(owed, UNKNOWN) == 0 || strcmp(owed, found) == 0;
}

static bool is_pending(const struct account *account, const char *name)
{
    for (size_t i = 0; i < account->pending_count; i++)
        if (find(&account->pending[i].after, name) != NULL)
            return true;
    return false;
}

static bool say(char *why, size_t size, const char *name, const char *owed, const char *found)
{
    snprintf(why, size, "%s is %s and must be %s", name, found ? found : "not there",
             owed ? owed : "gone");
    return false;
}

/* All names of the operation as after it, or all as before. */
static bool is_whole(const struct account *account, const struct account_pending *pending,
                     const struct account_lines *found, char *why, size_t size)
{
    bool before = true, after = true;

    for (size_t i = 0; i < pending->after.count; i++) {
        const char *name = pending->after.lines[i].name;
        const char *is = account_get(found, name);
        after = after && fits(account_get(&pending->after, name), is);
        before = before && fits(account_get(&account->settled, name), is);
        if (!before && !after) {
            snprintf(why, size, "the operation of %s is half done: %s is %s", pending->process,
                     name, is ? is : "not there");
            return false;
        }
    }
    return true;
}

bool account_allows(const struct account *account, const struct account_lines *found, char *why,
                    size_t size)
{
    for (size_t i = 0; i < account->settled.count; i++) {
        const char *name = account->settled.lines[i].name;
        const char *owed = account_get(&account->settled, name), *is = account_get(found, name);
        if (!is_pending(account, name) && !fits(owed, is))
            return say(why, size, name, owed, is);
    }
    for (size_t i = 0; i < found->count; i++) {
        const char *name = found->lines[i].name;
        if (!is_pending(account, name) && account_get(&account->settled, name) == NULL)
            return say(why, size, name, NULL, found->lines[i].target);
    }
    for (size_t i = 0; i < account->pending_count; i++)
        if (!is_whole(account, &account->pending[i], found, why, size))
            return false;
    return true;
}

/* --- as marks again --------------------------------------------------------------------------- */

static void write_operation(const char *process, const struct account_lines *lines,
                            account_mark_fn *fn, void *arg)
{
    size_t size = 32 + lines->count * sizeof(*lines->lines);
    char *text = grown(NULL, size);
    size_t len = (size_t)snprintf(text, size, "begin %s", process);

    for (size_t i = 0; i < lines->count; i++)
        len += (size_t)snprintf(text + len, size - len, "\n%s %s", lines->lines[i].name,
                                lines->lines[i].target);
    fn(arg, text);
    free(text);
}

void account_write(const struct account *account, account_mark_fn *fn, void *arg)
{
    char fs[16 + ACCOUNT_TEXT_MAX + 8];

    snprintf(fs, sizeof(fs), "fs %s %s", account->fs_type, account->fs_options);
    fn(arg, fs);
    write_operation("settled", &account->settled, fn, arg);
    fn(arg, "ack settled");
    for (size_t i = 0; i < account->pending_count; i++)
        write_operation(account->pending[i].process, &account->pending[i].after, fn, arg);
}

/* fault-injection/judge.c - opens, checks, opens again, loads, checks. */
#include "judge.h"

#include "support/checker.h"
#include "workload.h"

#include "base/digest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static bool broken(char says[JUDGE_SAYS_MAX],
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(says, JUDGE_SAYS_MAX, format, args);
    va_end(args);
    return false;
}

/* --- state ------------------------------------------------------------------------------------ */

static void add(char state[JUDGE_STATE_MAX], const void *text, size_t len,
                const struct hf_digest *digest, int mark)
{
    char hex[HF_DIGEST_TEXT_MAX];
    size_t at = strlen(state);

    snprintf(state + at, JUDGE_STATE_MAX - at, "%.*s%c%.8s ", (int)len, (const char *)text, mark,
             hf_digest_hex(digest, hex));
}

static void describe(const struct hf_checker_store *found, char state[JUDGE_STATE_MAX])
{
    state[0] = '\0';
    for (size_t i = 0; i < found->name_count; i++)
        add(state, found->names[i].name, found->names[i].name_len, &found->names[i].target, '>');
    for (size_t i = 0; i < found->object_count; i++)
        add(state, "", 0, &found->objects[i].digest, "?+-!"[found->objects[i].state & 3]);
    for (size_t i = 0; i < found->hold_count; i++)
        add(state, "hold", 4, &found->holds[i].target, '>');
}

bool judge_state(struct sim *sim, bool is_live, char state[JUDGE_STATE_MAX],
                 char says[JUDGE_SAYS_MAX])
{
    struct hf_checker_store found = {0};
    struct hf_error err = {0};
    int dir = -1;
    int rc =
        hf_io_open(&sim->io, HF_IO_CWD, WORKLOAD_ROOT, HF_IO_READ | HF_IO_DIRECTORY, 0, &dir, &err);

    state[0] = '\0';
    if (rc == HF_ERR_NOT_FOUND)
        return true;
    if (rc == 0)
        rc = hf_checker_read(&sim->io, dir, is_live ? HF_CHECKER_LIVE : HF_CHECKER_RECOVERED,
                             &found, &err);
    hf_io_close(&sim->io, &dir);
    if (rc != 0)
        return broken(says, "the checker can't read the store: %s", err.message);
    bool whole = found.violation_count == 0;
    if (whole)
        describe(&found, state);
    else
        broken(says, "%zu violations, the first: %s", found.violation_count, found.violations[0]);
    hf_checker_release(&found);
    return whole;
}

/* --- recovery --------------------------------------------------------------------------------- */

static bool is_allowed(const struct judge *judge)
{
    return strcmp(judge->state, judge->allowed[0]) == 0 ||
           (judge->allowed[1] != NULL && strcmp(judge->state, judge->allowed[1]) == 0);
}

/* Opens and closes; with `load` an image is loaded between. */
static bool open_and_close(struct judge *judge, struct sim *sim, bool load)
{
    struct hf_store_options options = {.mode = HF_OPEN_CREATE};
    struct hf_store *store = NULL;
    struct hf_error err = {0};
    const char *what = "opening";

    int rc = hf_store_open_io(&sim->io, WORKLOAD_ROOT, &options, &store, &err);
    judge->is_open = rc == 0;
    if (rc == 0 && hf_store_damage(store, &err) != 0)
        rc = HF_ERR_CORRUPT;
    if (rc == 0 && load) {
        what = "loading";
        rc = workload_load_again(store, &err);
    }
    int closed = store != NULL ? hf_store_close(store, rc == 0 ? &err : NULL) : 0;
    if (rc == 0 && closed != 0) {
        what = "closing";
        rc = closed;
    }
    return rc == 0 || broken(judge->says, "%s fails: %s: %s", what, hf_error_name(rc), err.message);
}

static bool recover(struct judge *judge, struct sim *sim)
{
    char again[JUDGE_STATE_MAX];

    sim->before = judge->before;
    sim->before_arg = judge->before_arg;
    bool ok = open_and_close(judge, sim, false);
    sim->before = NULL;
    if (!ok)
        return false;
    if (judge->before != NULL)
        judge->before(judge->before_arg, SIM_END, NULL);
    judge->was_known =
        judge->is_known != NULL && judge->is_known(judge->known_arg, judge, sim->disk);
    if (judge->was_known)
        return true;
    if (!judge_state(sim, false, judge->state, judge->says))
        return false;
    if (!is_allowed(judge))
        return broken(judge->says, "recovered to \"%s\", allowed are \"%s\" and \"%s\"",
                      judge->state, judge->allowed[0],
                      judge->allowed[1] != NULL ? judge->allowed[1] : "nothing else");
    if (!open_and_close(judge, sim, false) || !judge_state(sim, false, again, judge->says))
        return false;
    if (strcmp(again, judge->state) != 0)
        return broken(judge->says, "opened again it is \"%s\" instead of \"%s\"", again,
                      judge->state);
    return open_and_close(judge, sim, true) && judge_state(sim, false, again, judge->says);
}

bool judge_recovery(struct judge *judge, struct disk *disk, uint64_t boot)
{
    struct sim sim;

    judge->is_open = false;
    judge->was_known = false;
    sim_boot(&sim, disk, boot);
    sim.tells = judge->tells;
    bool ok = recover(judge, &sim);
    sim_off(&sim);
    return ok;
}

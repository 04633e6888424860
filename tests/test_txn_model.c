/*
 * Proves that any sequence of operations agrees with a plain model, and that loads, removals,
 * checkpoints and recoveries of many threads go on together, with the checker's word on the store.
 */
#include "support/random.h"
#include "support/suite.h"
#include "support/txn.h"

#include "base/error.h"

#include <pthread.h>
#include <stdio.h>

static char path[256];
static struct hf_test_watch watch;
static struct hf_store *store;
static struct hf_error err;

static void setup(void)
{
    err = (struct hf_error){0};
    store = hf_test_txn_setup(&watch, path);
}

static void teardown(void)
{
    hf_test_txn_teardown(store, &watch, path);
}

/* --- threads ---------------------------------------------------------------------------------- */

struct worker {
    struct hf_store *in;
    int number;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct hf_error why = {0};

    for (int i = 0; i < 12; i++) {
        char name[32], text[32], own[32];
        snprintf(name, sizeof(name), "w%d:1", worker->number);
        snprintf(text, sizeof(text), "%d.%d", worker->number, i);
        snprintf(own, sizeof(own), "own %d", i % 3);
        struct hf_test_load load = {name, text, {"shared by all", own}};
        int rc = hf_test_load(worker->in, &load, &why);
        if (rc != 0)
            ck_abort_msg("load: %s %s", hf_error_name(rc), why.message);
        struct hf_snapshot *snapshot = NULL;
        hf_test_require(hf_snapshot_take(worker->in, &snapshot, &why) == 0);
        hf_snapshot_release(snapshot);
        if (i % 4 == 3)
            hf_test_require(hf_test_untag(worker->in, name, &why) == 0);
        if (i % 5 == 0)
            hf_test_require(hf_store_checkpoint(worker->in, &why) == 0);
        if (i % 6 == 0)
            hf_test_require(hf_store_recover(worker->in, &why) == 0);
    }
    return NULL;
}

START_TEST(loads_removals_checkpoints_and_recoveries_go_on_together)
{
    struct hf_store *second = hf_test_must_open(&watch.io, path, HF_OPEN_READ_WRITE);
    struct worker workers[6];
    pthread_t threads[6];

    for (int i = 0; i < 6; i++) {
        workers[i] = (struct worker){.in = i % 2 ? store : second, .number = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    ck_assert_str_eq(hf_test_state(store), hf_test_state(second));
    ck_assert_str_eq(hf_test_state(store), "|"); /* each removed its own at last */
    hf_test_must_close(second);
    hf_test_reopen(&store, &watch.io, path);
    ck_assert_str_eq(hf_test_state(store), "|");
}
END_TEST

/* --- any sequence ----------------------------------------------------------------------------- */

#define NAMES 6
#define PARTS 8

/* What each name points to: a text and two parts; text 0: no such name. */
struct model_name {
    int text, a, b;
    uint64_t hold;
};

static void model_texts(const struct model_name *model, char text[32], char a[32], char b[32])
{
    snprintf(text, 32, "%d", model->text);
    snprintf(a, 32, "part %d", model->a);
    snprintf(b, 32, "part %d", model->b);
}

static void compare(const struct model_name *names)
{
    for (int i = 0; i < NAMES; i++) {
        char name[32], text[32], a[32], b[32];
        snprintf(name, sizeof(name), "n%d", i);
        if (names[i].text == 0) {
            ck_assert(!hf_test_has_name(store, name, NULL));
            continue;
        }
        model_texts(&names[i], text, a, b);
        struct hf_test_load load = {name, text, {a, b}};
        struct hf_digest top = hf_test_top_of(&load);
        ck_assert_msg(hf_test_has_name(store, name, &top), "%s", name);
    }
    for (int part = 0; part < PARTS; part++) {
        char text[32];
        bool wanted = false;
        snprintf(text, sizeof(text), "part %d", part);
        for (int i = 0; i < NAMES; i++)
            wanted = wanted || (names[i].text != 0 && (names[i].a == part || names[i].b == part));
        ck_assert_msg(hf_test_has(store, text) == wanted, "%s", text);
        ck_assert_msg(hf_test_has_blob(path, text) == wanted, "file of %s", text);
    }
    hf_test_read_all(store);
}

/* Is what the name points to held, under this name or another? Then its last name stays. */
static bool is_last_of_held(const struct model_name *names, int which)
{
    bool held = false, last = true;

    for (int i = 0; i < NAMES; i++) {
        if (names[i].text != names[which].text)
            continue;
        held = held || names[i].hold != 0;
        last = last && i == which;
    }
    return held && last;
}

START_TEST(any_sequence_of_operations_agrees_with_a_plain_model)
{
    struct hf_test_random random;
    struct model_name names[NAMES] = {{0}};
    int next_text = 1;

    hf_test_random_init(&random, "any_sequence_of_operations_agrees_with_a_plain_model");
    for (int step = 0; step < 300; step++) {
        int which = (int)hf_test_random_below(&random, NAMES);
        int other = (int)hf_test_random_below(&random, NAMES);
        char name[32], text[32], a[32], b[32];
        snprintf(name, sizeof(name), "n%d", which);
        switch (hf_test_random_below(&random, 10)) {
        case 0:
        case 1:
        case 2: { /* load, perhaps over a name */
            struct model_name made = {.text = next_text++,
                                      .a = (int)hf_test_random_below(&random, PARTS / 2),
                                      .b = PARTS / 2 +
                                           (int)hf_test_random_below(&random, PARTS / 2)};
            model_texts(&made, text, a, b);
            struct hf_test_load load = {name, text, {a, b}};
            int rc = hf_test_load(store, &load, &err);
            if (names[which].text != 0 && is_last_of_held(names, which)) {
                ck_assert_int_eq(rc, HF_ERR_BUSY);
                break;
            }
            ck_assert_msg(rc == 0, "step %d: %s %s", step, hf_error_name(rc), err.message);
            uint64_t hold = names[which].hold;
            /* A hold stays on what it is on: with another name of it. */
            for (int i = 0; hold != 0 && i < NAMES; i++)
                if (i != which && names[i].text == names[which].text) {
                    ck_assert(names[i].hold == 0 || i != which);
                    if (names[i].hold == 0) {
                        names[i].hold = hold;
                        hold = 0;
                    }
                }
            if (hold != 0)
                ck_assert_int_eq(hf_test_drop_hold(store, hold, &err), 0);
            names[which] = made;
            break;
        }
        case 3:
        case 4: { /* tag */
            if (names[other].text == 0 || which == other)
                break;
            model_texts(&names[other], text, a, b);
            struct hf_test_load load = {name, text, {a, b}};
            struct hf_digest top = hf_test_top_of(&load);
            if (names[which].hold != 0)
                break;
            int rc = hf_test_tag(store, name, &top, &err);
            if (names[which].text != 0 && names[which].text != names[other].text &&
                is_last_of_held(names, which)) {
                ck_assert_int_eq(rc, HF_ERR_BUSY);
                break;
            }
            ck_assert_msg(rc == 0, "step %d: %s %s", step, hf_error_name(rc), err.message);
            names[which] = (struct model_name){
                .text = names[other].text, .a = names[other].a, .b = names[other].b};
            break;
        }
        case 5:
        case 6: { /* untag */
            if (names[which].hold != 0)
                break;
            int rc = hf_test_untag(store, name, &err);
            if (names[which].text == 0) {
                ck_assert_int_eq(rc, HF_ERR_NOT_FOUND);
            } else if (is_last_of_held(names, which)) {
                ck_assert_int_eq(rc, HF_ERR_BUSY);
            } else {
                ck_assert_msg(rc == 0, "step %d: %s %s", step, hf_error_name(rc), err.message);
                names[which] = (struct model_name){0};
            }
            break;
        }
        case 7: { /* hold or unhold */
            if (names[which].text == 0)
                break;
            model_texts(&names[which], text, a, b);
            struct hf_test_load load = {name, text, {a, b}};
            struct hf_digest top = hf_test_top_of(&load);
            if (names[which].hold == 0) {
                ck_assert_int_eq(hf_test_hold(store, &top, &names[which].hold, &err), 0);
            } else {
                ck_assert_int_eq(hf_test_drop_hold(store, names[which].hold, &err), 0);
                names[which].hold = 0;
            }
            break;
        }
        case 8:
            ck_assert_int_eq(hf_store_checkpoint(store, &err), 0);
            break;
        default:
            if (hf_test_random_below(&random, 2))
                watch.boot[0]++;
            hf_test_reopen(&store, &watch.io, path);
            break;
        }
        if (step % 10 == 0)
            compare(names);
    }
    compare(names);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("txn_model");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, loads_removals_checkpoints_and_recoveries_go_on_together);
    tcase_add_test(tests, any_sequence_of_operations_agrees_with_a_plain_model);
    return hf_test_run("txn_model", tests);
}

/*
 * Proves that whatever allocation fails, once or for good: an operation is refused, done, or called
 * unknown, nobody is shown half of it, and the store opens again and is what that says.
 */
#include "support/failing_malloc.h"
#include "support/faults.h"
#include "support/suite.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tests' _i % 2. */
static const char *const words[] = {"allocation", "allocations for good from"};

static void begin_failing(int i, unsigned n)
{
    if (i % 2 == 0)
        hf_test_malloc_fail_at(n);
    else
        hf_test_malloc_fail_from(n);
}

START_TEST(an_operation_whose_nth_allocation_fails_is_refused_or_done)
{
    const struct hf_test_operation *op = &hf_test_operations[_i / 2];
    struct hf_error *err = &hf_test_faults_err;
    char *before = NULL, *after = NULL, what[100];
    bool is_done = false;

    (void)snprintf(what, sizeof(what), "%s, %s", op->name, words[_i % 2]);
    hf_test_faults_learn(op, &before, &after);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = hf_test_faults_begin(op);
        begin_failing(_i, n);
        int rc = op->run(store);
        is_done = !hf_test_malloc_has_failed();
        if (is_done)
            ck_assert_int_eq(rc, 0);
        if (rc != 0)
            ck_assert_msg(rc == HF_ERR_NO_MEMORY || rc == HF_ERR_OUTCOME_UNKNOWN, "%s %u: %s %s",
                          what, n, hf_error_name(rc), err->message);
        /* What this handle shows is a state that there was. */
        const char *shown = hf_test_state(store);
        ck_assert_msg(strcmp(shown, before) == 0 || strcmp(shown, after) == 0,
                      "%s %u: shows half\n%s\n%s\n%s", what, n, before, shown, after);
        hf_tolerate(hf_store_close(store, NULL));
        hf_test_faults_judge(what, n, hf_test_outcome_of(rc), before, after);
        ck_assert_uint_lt(n, 3000);
    }
    free(before);
    free(after);
}
END_TEST

START_TEST(opening_whose_nth_allocation_fails_loses_nothing)
{
    struct hf_error *err = &hf_test_faults_err;
    bool is_done = false;
    char *whole = hf_test_faults_learn_recovery();

    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = NULL;
        hf_test_faults_leave_unfinished();
        begin_failing(_i, n);
        int rc = hf_test_open(&hf_test_faults_watch.io, hf_test_faults_path, HF_OPEN_READ_WRITE,
                              &store, err);
        is_done = !hf_test_malloc_has_failed();
        /* What recovery logged it may not have been able to take itself. */
        ck_assert_msg(rc == 0 || rc == HF_ERR_NO_MEMORY || rc == HF_ERR_OUTCOME_UNKNOWN,
                      "%s %u: %s %s", words[_i], n, hf_error_name(rc), err->message);
        if (rc == 0) {
            ck_assert_msg(hf_store_damage(store, err) == 0, "%s %u: %s", words[_i], n,
                          err->message);
            ck_assert_str_eq(hf_test_state(store), whole);
            hf_test_must_close(store);
        }
        hf_test_faults_judge(words[_i], n, HF_TEST_ACKNOWLEDGED, whole, whole);
    }
    free(whole);
}
END_TEST

/* Another handle reads on while memory fails. */
START_TEST(a_look_whose_nth_allocation_fails_shows_all_when_done_again)
{
    static const struct hf_test_load app = {"app:1", "one", {"layer a", "layer b"}};
    struct hf_digest top = hf_test_top_of(&app);
    struct hf_error *err = &hf_test_faults_err;
    bool is_done = false;

    struct hf_store *writer = hf_test_faults_begin(HF_TEST_LOADS);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_snapshot *snapshot = NULL;
        char name[32];
        struct hf_store *reader = hf_test_must_open(&hf_test_faults_watch.io, hf_test_faults_path,
                                                    n % 2 ? HF_OPEN_READ_ONLY : HF_OPEN_READ_WRITE);
        (void)snprintf(name, sizeof(name), "n:%u", n);
        ck_assert_int_eq(hf_test_tag(writer, name, &top, err), 0);
        ck_assert_int_eq(hf_test_tag(writer, "again:1", &top, err), 0);
        char *shown = strdup(hf_test_state(writer));
        begin_failing(_i, n);
        int rc = hf_snapshot_take(reader, &snapshot, err);
        is_done = !hf_test_malloc_has_failed();
        if (rc == 0)
            hf_snapshot_release(snapshot);
        ck_assert(rc == 0 || rc == HF_ERR_NO_MEMORY);
        ck_assert_str_eq(hf_test_state(reader), shown);
        free(shown);
        hf_test_must_close(reader);
    }
    hf_test_must_close(writer);
}
END_TEST

int main(void)
{
    TCase *cases[] = {hf_test_faults_case("memory")};

    tcase_add_loop_test(cases[0], an_operation_whose_nth_allocation_fails_is_refused_or_done, 0,
                        2 * HF_TEST_OPERATIONS);
    tcase_add_loop_test(cases[0], opening_whose_nth_allocation_fails_loses_nothing, 0, 2);
    tcase_add_loop_test(cases[0], a_look_whose_nth_allocation_fails_shows_all_when_done_again, 0,
                        2);
    return hf_test_run_cases("faults of memory", cases, 1);
}

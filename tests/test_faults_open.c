/*
 * Proves that whatever call of opening, recovering, making or closing a store fails, and however,
 * once or for good, nothing that was acknowledged is lost, and doing it again succeeds.
 */
#include "support/faults.h"
#include "support/suite.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(closing_whose_nth_call_fails_loses_nothing_acknowledged)
{
    const struct hf_test_operation *op = HF_TEST_LOADS;
    const struct hf_test_fault *fault = &hf_test_faults[_i];
    char *before = NULL, *after = NULL;
    bool is_done = false;

    hf_test_faults_learn(op, &before, &after);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = hf_test_faults_begin(op);
        ck_assert_int_eq(op->run(store), 0);
        hf_test_fault_begin(fault, n);
        int rc = hf_store_close(store, &hf_test_faults_err);
        is_done = hf_test_fault_end() == 0;
        if (is_done || hf_test_fault_is_harmless(fault))
            ck_assert_int_eq(rc, 0);
        hf_test_faults_judge(fault->name, n, HF_TEST_ACKNOWLEDGED, before, after);
    }
    free(before);
    free(after);
}
END_TEST

START_TEST(opening_whose_nth_call_fails_while_it_recovers_loses_nothing)
{
    const struct hf_test_fault *fault = &hf_test_faults[_i];
    struct hf_error *err = &hf_test_faults_err;
    bool is_done = false;
    char *whole = hf_test_faults_learn_recovery();

    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = NULL;
        hf_test_faults_leave_unfinished();
        if (n % 2)
            hf_test_faults_watch.boot[0] = 9;
        hf_test_fault_begin(fault, n);
        int rc = hf_test_open(&hf_test_faults_watch.io, hf_test_faults_path, HF_OPEN_READ_WRITE,
                              &store, err);
        is_done = hf_test_fault_end() == 0;
        if (is_done || hf_test_fault_is_harmless(fault))
            ck_assert_msg(rc == 0, "%s, call %u: %s %s", fault->name, n, hf_error_name(rc),
                          err->message);
        if (rc == 0) {
            ck_assert_msg(hf_store_damage(store, err) == 0, "%s, call %u: %s", fault->name, n,
                          err->message);
            ck_assert_str_eq(hf_test_state(store), whole);
            hf_test_must_close(store);
        }
        hf_test_faults_judge(fault->name, n, HF_TEST_ACKNOWLEDGED, whole, whole);
    }
    free(whole);
}
END_TEST

/* Who only reads gets all, or is told; and changes nothing. */
START_TEST(opening_read_only_whose_nth_call_fails_shows_all_or_says_so)
{
    const struct hf_test_fault *fault = &hf_test_faults[_i];
    struct hf_error *err = &hf_test_faults_err;
    bool is_done = false;

    struct hf_store *store = hf_test_faults_begin(HF_TEST_LOADS);
    char *whole = strdup(hf_test_state(store));
    hf_test_must_close(store);
    for (unsigned n = 1; !is_done; n++) {
        hf_test_fault_begin(fault, n);
        int rc = hf_test_open(&hf_test_faults_watch.io, hf_test_faults_path, HF_OPEN_READ_ONLY,
                              &store, err);
        is_done = hf_test_fault_end() == 0;
        if (is_done || hf_test_fault_is_harmless(fault))
            ck_assert_msg(rc == 0, "%s, call %u: %s %s", fault->name, n, hf_error_name(rc),
                          err->message);
        if (rc != 0)
            continue;
        ck_assert_str_eq(hf_test_state(store), whole);
        hf_tolerate(hf_store_close(store, NULL));
    }
    hf_test_faults_judge(fault->name, 1, HF_TEST_ACKNOWLEDGED, whole, whole);
    free(whole);
}
END_TEST

START_TEST(a_store_whose_making_fails_at_any_call_is_made_when_done_again)
{
    static const struct hf_test_load app = {"app:1", "one", {"layer a", "layer b"}};
    const struct hf_test_fault *fault = &hf_test_faults[_i];
    struct hf_io *io = &hf_test_faults_watch.io;
    struct hf_error *err = &hf_test_faults_err;
    bool is_done = false;
    char root[300];

    (void)snprintf(root, sizeof(root), "%s/a/store", hf_test_faults_path);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = NULL;
        hf_test_faults_make_folder();
        hf_test_fault_begin(fault, n);
        int rc = hf_test_open(io, root, HF_OPEN_CREATE, &store, err);
        is_done = hf_test_fault_end() == 0;
        if (is_done || hf_test_fault_is_harmless(fault))
            ck_assert_msg(rc == 0, "%s, call %u: %s %s", fault->name, n, hf_error_name(rc),
                          err->message);
        if (rc == 0)
            hf_test_must_close(store);
        store = hf_test_must_open(io, root, HF_OPEN_CREATE);
        ck_assert_int_eq(hf_test_load(store, &app, err), 0);
        hf_test_must_close(store);
        hf_test_check_in(hf_test_faults_watch.inner, root, HF_CHECKER_RECOVERED, "made again");
    }
}
END_TEST

int main(void)
{
    TCase *cases[] = {hf_test_faults_case("closing"), hf_test_faults_case("opening"),
                      hf_test_faults_case("making")};

    tcase_add_loop_test(cases[0], closing_whose_nth_call_fails_loses_nothing_acknowledged, 0,
                        HF_TEST_FAULTS);
    tcase_add_loop_test(cases[1], opening_whose_nth_call_fails_while_it_recovers_loses_nothing, 0,
                        HF_TEST_FAULTS);
    tcase_add_loop_test(cases[1], opening_read_only_whose_nth_call_fails_shows_all_or_says_so, 0,
                        HF_TEST_FAULTS);
    tcase_add_loop_test(cases[2], a_store_whose_making_fails_at_any_call_is_made_when_done_again, 0,
                        HF_TEST_FAULTS);
    return hf_test_run_cases("faults of opening", cases, 3);
}

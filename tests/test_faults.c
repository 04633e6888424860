/*
 * Proves that whatever call of an operation fails, and however, once or for good: the operation is
 * refused, done, or called unknown, and the store is what that says; the same handle goes on, or
 * says that it can't. Opening and closing: test_faults_open.c. Memory: test_faults_memory.c.
 */
#include "support/faults.h"
#include "support/suite.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

static void let_each_call_fail(const struct hf_test_operation *op,
                               const struct hf_test_fault *fault)
{
    struct hf_error *err = &hf_test_faults_err;
    char *before = NULL, *after = NULL, what[128];
    bool is_done = false;

    (void)snprintf(what, sizeof(what), "%s, %s", op->name, fault->name);
    hf_test_faults_learn(op, &before, &after);
    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = hf_test_faults_begin(op);
        hf_test_fault_begin(fault, n);
        int rc = op->run(store);
        is_done = hf_test_fault_end() == 0;
        if (is_done || hf_test_fault_is_harmless(fault))
            ck_assert_msg(rc == 0, "%s, call %u: %s %s", what, n, hf_error_name(rc), err->message);
        if (rc != 0)
            ck_assert_msg(err->message[0] != '\0' && err->code == rc, "%s, call %u: no word", what,
                          n);
        hf_tolerate(hf_store_close(store, NULL));
        hf_test_faults_judge(what, n, hf_test_outcome_of(rc), before, after);
    }
    free(before);
    free(after);
}

START_TEST(an_operation_whose_nth_call_fails_is_refused_or_done)
{
    let_each_call_fail(&hf_test_operations[_i / HF_TEST_FAULTS],
                       &hf_test_faults[_i % HF_TEST_FAULTS]);
}
END_TEST

START_TEST(a_load_on_files_whose_nth_call_fails_is_refused_or_done)
{
    static const char *const names[] = {"EIO", "EMFILE for good"};

    let_each_call_fail(HF_TEST_LOADS, hf_test_fault_named(names[_i]));
}
END_TEST

/* Only the failing once, of which there is an afterwards. */
START_TEST(a_handle_goes_on_or_says_that_it_cannot_after_a_call_failed)
{
    static const struct hf_test_load other = {"other:1", "two", {"layer b", "layer c"}};
    static const char *const names[] = {"EIO", "EIO, the bytes gone", "ENOSPC", "EMFILE"};
    const struct hf_test_operation *op = &hf_test_operations[_i / 4];
    const struct hf_test_fault *fault = hf_test_fault_named(names[_i % 4]);
    const char *path = hf_test_faults_path;
    struct hf_error *err = &hf_test_faults_err;
    struct hf_digest top = hf_test_top_of(&other);
    bool is_done = false;

    for (unsigned n = 1; !is_done; n++) {
        struct hf_store *store = hf_test_faults_begin(op);
        hf_test_fault_begin(fault, n);
        hf_tolerate(op->run(store));
        is_done = hf_test_fault_end() == 0;
        int rc = hf_test_tag(store, "later:1", &top, err);
        ck_assert_msg(rc == 0 || rc == HF_ERR_FAILED, "%s, %s, call %u: %s %s", op->name,
                      fault->name, n, hf_error_name(rc), err->message);
        int closed = hf_store_close(store, err);
        if (rc == 0)
            ck_assert_msg(closed == 0, "%s, call %u: %s", op->name, n, err->message);
        store = hf_test_must_open(&hf_test_faults_watch.io, path, HF_OPEN_READ_WRITE);
        ck_assert(hf_test_has_name(store, "later:1", NULL) == (rc == 0));
        hf_test_must_close(store);
        hf_test_check_in(hf_test_faults_watch.inner, path, HF_CHECKER_RECOVERED, op->name);
    }
}
END_TEST

int main(void)
{
    TCase *cases[] = {hf_test_faults_case("calls"), hf_test_faults_case("handles"),
                      hf_test_faults_case_on_files("files")};

    tcase_add_loop_test(cases[0], an_operation_whose_nth_call_fails_is_refused_or_done, 0,
                        HF_TEST_OPERATIONS * HF_TEST_FAULTS);
    tcase_add_loop_test(cases[1], a_handle_goes_on_or_says_that_it_cannot_after_a_call_failed, 0,
                        HF_TEST_OPERATIONS * 4);
    tcase_add_loop_test(cases[2], a_load_on_files_whose_nth_call_fails_is_refused_or_done, 0, 2);
    return hf_test_run_cases("faults", cases, 3);
}

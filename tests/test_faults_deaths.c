/*
 * Proves that wherever the process of an operation dies, also while recovering from that, any
 * number of times: what was acknowledged is there, and all else wholly or not at all.
 */
#include "support/faults.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child: the operation, then closing, dying before the n-th call. Exits 77 then. */
static bool die_in(int (*run)(struct hf_store *store), struct hf_store *store, unsigned n,
                   bool *out_acknowledged)
{
    int tell[2], status = 0;
    char byte = 0;

    ck_assert_int_eq(pipe(tell), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct hf_store *own = store;
        hf_test_watch_fail(&hf_test_faults_watch, n, HF_TEST_EXITS, 0, false);
        if (!own && hf_test_open(&hf_test_faults_watch.io, hf_test_faults_path, HF_OPEN_READ_WRITE,
                                 &own, NULL) != 0)
            _exit(1);
        if (run && run(own) != 0)
            _exit(1);
        if (write(tell[1], "x", 1) != 1)
            _exit(1);
        _exit(hf_store_close(own, NULL) == 0 ? 0 : 1);
    }
    close(tell[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    *out_acknowledged = read(tell[0], &byte, 1) == 1;
    close(tell[0]);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0),
                  "call %u: status %x", n, (unsigned)status);
    return WEXITSTATUS(status) == 77;
}

START_TEST(a_process_that_dies_before_its_nth_call_loses_nothing_acknowledged)
{
    const struct hf_test_operation *op = &hf_test_operations[_i];
    char *before = NULL, *after = NULL;
    bool dies = true;

    hf_test_faults_learn(op, &before, &after);
    for (unsigned n = 1; dies; n++) {
        bool acknowledged = false;
        hf_test_must_close(hf_test_faults_begin(op));
        dies = die_in(op->run, NULL, n, &acknowledged);
        hf_test_check_in(hf_test_faults_watch.inner, hf_test_faults_path, HF_CHECKER_LIVE,
                         "as it was left");
        hf_test_faults_judge(op->name, n, acknowledged ? HF_TEST_ACKNOWLEDGED : HF_TEST_UNKNOWN,
                             before, after);
        ck_assert_uint_lt(n, 1000);
    }
    free(before);
    free(after);
}
END_TEST

/* And who recovers dies too, and who recovers from that. */
START_TEST(recovery_may_die_anywhere_any_number_of_times)
{
    const struct hf_test_operation *op = &hf_test_operations[_i];
    char *before = NULL, *after = NULL;
    bool dies = true;

    hf_test_faults_learn(op, &before, &after);
    for (unsigned n = 40; dies; n += 3) {
        bool acknowledged = false, ignored = false;
        hf_test_must_close(hf_test_faults_begin(op));
        dies = die_in(op->run, NULL, n, &acknowledged);
        /* Each gets a little farther than the one before. */
        for (unsigned m = 10 + n % 7; die_in(NULL, NULL, m, &ignored); m += 90) {
            if (m % 4 == 0)
                hf_test_faults_watch.boot[1]++;
            ck_assert_uint_lt(m, 2000);
        }
        hf_test_faults_judge(op->name, n, acknowledged ? HF_TEST_ACKNOWLEDGED : HF_TEST_UNKNOWN,
                             before, after);
        ck_assert_uint_lt(n, 1000);
    }
    free(before);
    free(after);
}
END_TEST

/* The same death in the same place again and again, with a store that committed much. */
START_TEST(recovery_that_dies_before_the_same_call_is_harmless)
{
    bool dies = true;
    char *whole = hf_test_faults_learn_recovery();

    for (unsigned n = 1; dies; n++) {
        bool ignored = false;
        hf_test_faults_leave_unfinished();
        dies = die_in(NULL, NULL, n, &ignored);
        dies = die_in(NULL, NULL, n, &ignored) && dies;
        dies = die_in(NULL, NULL, n + 1, &ignored) && dies;
        hf_test_faults_judge("recovery", n, HF_TEST_ACKNOWLEDGED, whole, whole);
        ck_assert_uint_lt(n, 1000);
    }
    free(whole);
}
END_TEST

int main(void)
{
    TCase *cases[] = {hf_test_faults_case_on_files("deaths")};

    tcase_add_loop_test(cases[0],
                        a_process_that_dies_before_its_nth_call_loses_nothing_acknowledged, 0,
                        HF_TEST_OPERATIONS);
    tcase_add_loop_test(cases[0], recovery_may_die_anywhere_any_number_of_times, 0, 4);
    tcase_add_test(cases[0], recovery_that_dies_before_the_same_call_is_harmless);
    return hf_test_run_cases("faults that are deaths", cases, 1);
}

/*
 * tests/fuzz/fuzz.h - what every fuzz target defines, and how it is run.
 *
 * libFuzzer (clang, see meson.build) brings its own main. fuzz_main.c is the other one: it feeds
 * files to the target, for AFL++ and for reproducing, and can damage them by a seeded draw, so that
 * every compiler runs every target for some seconds in the test suite.
 *
 * A target aborts when a property is broken. Memory errors are the sanitizers' to find.
 */
#ifndef HF_TESTS_FUZZ_FUZZ_H
#define HF_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Called once before the first input; may be missing. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Makes an input pass the outer checks again, so that what is behind them is reached. May be
 * missing. */
void hf_fuzz_repair(uint8_t *data, size_t size) __attribute__((weak));

/* Ends the program: a property does not hold. */
#define HF_FUZZ_CHECK(condition)                                                                   \
    ((condition) ? (void)0 : hf_fuzz_broken(#condition, __FILE__, __LINE__))
void hf_fuzz_broken(const char *condition, const char *file, int line) __attribute__((noreturn));

#endif

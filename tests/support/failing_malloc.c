#include "support/failing_malloc.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Names that the linker's --wrap gives. */
void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *data, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *data, size_t len);

static atomic_uint fails_in;
static atomic_bool has_failed;
static bool is_for_good;
static _Thread_local bool is_left_alone;

void hf_test_malloc_fail_at(unsigned n)
{
    fails_in = n;
    is_for_good = false;
    has_failed = false;
}

void hf_test_malloc_fail_from(unsigned n)
{
    hf_test_malloc_fail_at(n);
    is_for_good = true;
}

bool hf_test_malloc_has_failed(void)
{
    fails_in = 0;
    return has_failed;
}

void hf_test_malloc_leave_alone(bool begins)
{
    is_left_alone = begins;
}

static bool fails_now(void)
{
    unsigned left = is_left_alone ? 0 : atomic_load(&fails_in);

    while (left > 0 && !atomic_compare_exchange_weak(&fails_in, &left, left - 1))
        ;
    if (left != 1)
        return false;
    if (is_for_good)
        atomic_store(&fails_in, 1);
    atomic_store(&has_failed, true);
    return true;
}

void *__wrap_malloc(size_t len)
{
    return fails_now() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return fails_now() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *data, size_t len)
{
    return fails_now() ? NULL : __real_realloc(data, len);
}

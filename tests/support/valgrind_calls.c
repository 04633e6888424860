/*
 * tests/support/valgrind_calls.c - preloaded under valgrind: system calls that it doesn't know,
 * made of others.
 *
 * It runs one thread at a time, and takes F_OFD_SETLKW, which waits, for a call that does not: the
 * thread that has the lock would never get its turn to give it back. And it has no openat2; where a
 * path may lead is not looked at then.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int fcntl_fn(int fd, int command, void *argument);
typedef long syscall_fn(long number, ...);

/* What is built with 64-bit offsets, as all of this is, calls it fcntl64. */
__attribute__((visibility("default"))) int fcntl(int fd, int command, ...)
{
    fcntl_fn *next;
    va_list args;

    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    *(void **)&next = dlsym(RTLD_NEXT, "fcntl64");
    if (command != F_OFD_SETLKW)
        return next(fd, command, argument);
    while (next(fd, F_OFD_SETLK, argument) != 0) {
        if (errno != EAGAIN && errno != EACCES)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return 0;
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
    syscall_fn *next;
    long values[6];
    va_list args;

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        values[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2) {
        const struct open_how *how = (const struct open_how *)values[2];
        return openat((int)values[0], (const char *)values[1], (int)how->flags, (mode_t)how->mode);
    }
    *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    return next(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

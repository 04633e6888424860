/*
 * tests/support/ofd_locks.c - preloaded under valgrind: waits for a lock by asking again.
 *
 * valgrind runs one thread at a time, and takes F_OFD_SETLKW, which waits, for a call that does
 * not. The thread that has the lock would never get its turn to give it back.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>

typedef int fcntl_fn(int fd, int command, void *argument);

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

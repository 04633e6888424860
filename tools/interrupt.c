/*
 * interrupt.c - ^C, SIGTERM and SIGHUP.
 *
 * The handler does nothing but set a flag and, for a command that reads a pipe, put /dev/null in
 * the pipe's place: a read that is waiting is interrupted and, tried again, finds the end; one that
 * was about to begin finds it too. The operation then asks (progress) and is told to cancel.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted_by;
static volatile sig_atomic_t input_fd = -1;
static volatile sig_atomic_t null_fd = -1;

static void on_signal(int signal_number)
{
    int saved_errno = errno;

    interrupted_by = signal_number;
    if (input_fd >= 0)
        dup2(null_fd, input_fd);
    errno = saved_errno;
}

void cli_interrupt_catch(void)
{
    /* No SA_RESTART: a read that waits shall return. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

void cli_interrupt_ends_input(int fd)
{
    null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd >= 0)
        input_fd = fd;
}

int cli_interrupted(void)
{
    return interrupted_by;
}

/*
 * tests/interop/measured.c - runs a command and writes the most memory it held, in bytes, to a
 * file.
 *
 *   measured FILE SECONDS COMMAND...
 *
 * A program of its own and a small one, because a process counts the memory of the one that
 * started it as its own. Ends with the command's exit code, or 124 when that took too long.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static volatile sig_atomic_t is_late;

static void end_it(int signal)
{
    is_late = 1;
    kill(child, SIGKILL);
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;

    if (argc < 4)
        return 2;
    child = fork();
    if (child < 0)
        return 2;
    if (child == 0) {
        execv(argv[3], argv + 3);
        _exit(127);
    }
    signal(SIGALRM, end_it);
    alarm((unsigned)atoi(argv[2]));
    while (wait4(child, &status, 0, &usage) < 0)
        continue;
    FILE *file = fopen(argv[1], "w");
    if (!file || fprintf(file, "%ld\n", usage.ru_maxrss * 1024) < 0 || fclose(file) != 0)
        return 2;
    if (is_late)
        return 124;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

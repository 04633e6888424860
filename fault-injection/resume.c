/* fault-injection/resume.c - a few lines of text, and the process that writes them. */
#include "resume.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX 1024 /* what a pipe takes at once */

/* Without which the numbers of the sequences and the sums mean something else. */
static int put_options(char *text, size_t len, const struct options *options)
{
    return snprintf(text, len,
                    "power-cut 1\nlength %zu deep %zu chunk %zu part %zu parts %zu random %d seed "
                    "%" PRIu64 " runs %" PRIu64 " profile %s\n",
                    options->length, options->deep, options->chunk_bytes, options->part,
                    options->parts, options->is_random, options->is_random ? options->seed : 0,
                    options->runs_max, disk_profile_names[options->profile]);
}

static void put_sums(char *text, size_t len, const struct progress *progress)
{
    const struct report *report = &progress->report;
    int at = snprintf(text, len,
                      "next %" PRIu64 "\nsums %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                      " %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu %a\nat",
                      progress->next, progress->sequences, report->cuts, report->known,
                      report->runs, report->joined, report->incomplete, report->violations,
                      report->most_undecided, report->log10_most);

    for (size_t i = 0; i < SIM_OP_COUNT; i++)
        at += snprintf(text + at, len - (size_t)at, " %" PRIu64, report->at[i]);
    snprintf(text + at, len - (size_t)at, "\nend\n");
}

static bool get_sums(const char *text, struct progress *progress)
{
    struct report *report = &progress->report;
    int at = 0;

    if (sscanf(text,
               "next %" SCNu64 "\nsums %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64 " %zu %la\nat%n",
               &progress->next, &progress->sequences, &report->cuts, &report->known, &report->runs,
               &report->joined, &report->incomplete, &report->violations, &report->most_undecided,
               &report->log10_most, &at) != 10 ||
        at == 0)
        return false;
    text += at;
    for (size_t i = 0; i < SIM_OP_COUNT; i++, text += at) {
        if (sscanf(text, " %" SCNu64 "%n", &report->at[i], &at) != 1)
            return false;
    }
    return strcmp(text, "\nend\n") == 0;
}

static bool read_file(const struct options *options, struct progress *out)
{
    struct progress found = {0};
    char text[TEXT_MAX] = "", expected[TEXT_MAX];
    FILE *file = fopen(options->resume, "r");

    if (file == NULL)
        return errno == ENOENT;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    size_t head = (size_t)put_options(expected, sizeof(expected), options);
    if (strncmp(text, expected, head) != 0 || !get_sums(text + head, &found))
        return false;
    *out = found;
    return true;
}

/* --- the process that writes ------------------------------------------------------------------ */

static bool write_file(const char *name, const char *text)
{
    char new_name[4096];

    snprintf(new_name, sizeof(new_name), "%s.new", name);
    FILE *file = fopen(new_name, "w");
    if (file == NULL)
        return false;
    bool ok = fputs(text, file) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    ok = fclose(file) == 0 && ok;
    return ok && rename(new_name, name) == 0;
}

/* Ends when nobody writes any more: also when the other was killed. */
__attribute__((noreturn)) static void serve(int pipe, const char *name)
{
    char text[TEXT_MAX];
    size_t have = 0;
    bool ok = true;

    signal(SIGINT, SIG_IGN);
    for (;;) {
        ssize_t got = read(pipe, text + have, sizeof(text) - have);
        if (got <= 0)
            _exit(ok && got == 0 ? 0 : 1);
        have += (size_t)got;
        if (have == sizeof(text)) {
            ok = write_file(name, text) && ok;
            have = 0;
        }
    }
}

bool resume_begin(struct resume *resume, const struct options *options,
                  struct progress *out_progress)
{
    int ends[2];

    *resume = (struct resume){.options = options, .pipe = -1};
    if (options->resume == NULL)
        return true;
    if (!read_file(options, out_progress)) {
        fprintf(stderr, "power-cut: %s is of other options, or can't be read\n", options->resume);
        return false;
    }
    if (pipe(ends) != 0)
        abort();
    fflush(stdout);
    resume->writer = fork();
    if (resume->writer < 0)
        abort();
    if (resume->writer == 0) {
        close(ends[1]);
        serve(ends[0], options->resume);
    }
    close(ends[0]);
    resume->pipe = ends[1];
    return true;
}

void resume_note(struct resume *resume, const struct progress *progress)
{
    char text[TEXT_MAX] = "";

    if (resume->pipe < 0)
        return;
    int at = put_options(text, sizeof(text), resume->options);
    put_sums(text + at, sizeof(text) - (size_t)at, progress);
    if (write(resume->pipe, text, sizeof(text)) != (ssize_t)sizeof(text))
        abort();
}

bool resume_end(struct resume *resume)
{
    int status = 0;

    if (resume->pipe < 0)
        return true;
    close(resume->pipe);
    resume->pipe = -1;
    return waitpid(resume->writer, &status, 0) == resume->writer && status == 0;
}

/* fault-injection/options.c - the command line of power-cut. */
#include "options.h"

#include "base/checksum.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_MAX 1000000

static bool parse_part(const char *text, struct options *options)
{
    options->is_random = sscanf(text, "random/%zu", &options->parts) == 1;
    if (options->is_random)
        return options->parts > 0;
    return sscanf(text, "%zu/%zu", &options->part, &options->parts) == 2 &&
           options->part < options->parts;
}

static bool parse_profile(const char *text, struct options *options)
{
    for (size_t i = 0; i < DISK_PROFILE_COUNT; i++) {
        if (strcmp(text, disk_profile_names[i]) == 0) {
            options->profile = (enum disk_profile)i;
            return true;
        }
    }
    return false;
}

static uint64_t number_of(const char *text)
{
    return strtoull(text, NULL, 10);
}

static bool parse_one(int option, const char *value, struct options *options)
{
    switch (option) {
    case 'l':
        options->length = number_of(value);
        return options->length < OPTIONS_LENGTH_MAX;
    case 'd':
        options->deep = number_of(value);
        return options->deep > 0 && options->deep <= DISK_CUTS_MAX;
    case 'c':
        options->chunk_bytes = number_of(value);
        return options->chunk_bytes == 512 || options->chunk_bytes == 4096;
    case 'p':
        return parse_part(value, options);
    case 'e':
        options->seed = number_of(value);
        return true;
    case 'P':
        return parse_profile(value, options);
    case 's':
        options->scenarios = true;
        return true;
    case 'o':
        options->only = value;
        return true;
    case 'R':
        options->resume = value;
        return true;
    case 'T':
        options->steps = value;
        return true;
    case 'b':
        options->brute_max = number_of(value);
        return true;
    case 'L':
        options->loses = true;
        return true;
    case 'r':
        options->runs_max = number_of(value);
        return true;
    case 't':
        options->sites = true;
        return true;
    case 'S':
        options->stops = true;
        return true;
    default:
        return false;
    }
}

static bool parse_all(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"length", required_argument, NULL, 'l'}, {"deep", required_argument, NULL, 'd'},
        {"chunk", required_argument, NULL, 'c'},  {"part", required_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 'e'},   {"profile", required_argument, NULL, 'P'},
        {"scenarios", no_argument, NULL, 's'},    {"only", required_argument, NULL, 'o'},
        {"resume", required_argument, NULL, 'R'}, {"steps", required_argument, NULL, 'T'},
        {"brute", required_argument, NULL, 'b'},  {"lost", no_argument, NULL, 'L'},
        {"runs", required_argument, NULL, 'r'},   {"sites", no_argument, NULL, 't'},
        {"stop", no_argument, NULL, 'S'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!parse_one(option, optarg, options))
            return false;
    }
    return optind == argc && (options->resume == NULL || !options->scenarios);
}

bool options_parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){
        .length = 2, .deep = 1, .chunk_bytes = 4096, .parts = 1, .runs_max = RUNS_MAX};
    out->seed = (uint64_t)time(NULL);
    if (parse_all(argc, argv, out)) {
        if (out->is_random)
            printf("--seed %" PRIu64 "\n", out->seed);
        return true;
    }
    fputs("usage: power-cut [--length N] [--deep N] [--chunk 512|4096]\n"
          "       [--part I/N|random/N] [--seed N] [--scenarios] [--only NAME]\n"
          "       [--profile strict|ext4|xfs|btrfs] [--brute N] [--lost] [--stop]\n"
          "       [--runs N] [--sites] [--resume FILE] [--steps FILE]\n",
          stderr);
    return false;
}

bool options_take(const struct options *options, size_t number)
{
    uint64_t text = number;
    uint64_t chance = options->is_random ? hf_checksum(&text, sizeof(text), options->seed) : number;

    return chance % options->parts == (options->is_random ? 0 : options->part);
}

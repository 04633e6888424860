/*
 * tests/fuzz/fuzz_main.c - feeds files to a fuzz target.
 *
 *   fuzz_X [--seconds N] [--seed N] [FILE | FOLDER]...
 *
 * Without --seconds each file is fed once as it is; without files, standard input (AFL++). With it,
 * the files are damaged at random for that long, after each was fed once; the seed is printed.
 */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define INPUT_MAX  ((size_t)1 << 20)
#define INPUTS_MAX 1024

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;
static uint64_t chance;

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "fuzz: cannot %s %s\n", what, name);
    exit(2);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size ? size : 1);

    if (!memory)
        fail("allocate", "memory");
    return memory;
}

static void add_stream(FILE *file)
{
    uint8_t *data = allocate(INPUT_MAX);
    size_t size = fread(data, 1, INPUT_MAX, file);

    if (input_count == INPUTS_MAX)
        fail("hold", "so many inputs");
    inputs[input_count++] = (struct input){data, size};
}

static void add_path(const char *path)
{
    struct stat stat_of;

    if (stat(path, &stat_of) != 0)
        fail("find", path);
    if (S_ISDIR(stat_of.st_mode)) {
        struct dirent **entries;
        int count = scandir(path, &entries, NULL, alphasort); /* sorted: a seed repeats */
        if (count < 0)
            fail("list", path);
        for (int i = 0; i < count; i++) {
            char below[4096];
            snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
            if (entries[i]->d_name[0] != '.')
                add_path(below);
            free(entries[i]);
        }
        free(entries);
        return;
    }
    FILE *file = fopen(path, "rb");
    if (!file)
        fail("open", path);
    add_stream(file);
    fclose(file);
}

/* splitmix64 */
static uint64_t draw(uint64_t below)
{
    uint64_t z = (chance += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below ? z % below : z;
}

/* One change to `data`, which has room for INPUT_MAX bytes. */
static size_t damage(uint8_t *data, size_t size)
{
    static const uint8_t words[] = {0, 1, 0x7f, 0x80, 0xff, '"', '{', '}', '[', '/', '.', ':'};
    size_t at = (size_t)draw(size + 1);
    size_t len = (size_t)draw(draw(4) == 0 ? 512 : 8) + 1;

    len = len < size - at ? len : size - at;
    switch (draw(6)) {
    case 0:
        if (at < size)
            data[at] ^= (uint8_t)(1u << draw(8));
        return size;
    case 1:
        if (at < size)
            data[at] = words[draw(sizeof(words))];
        return size;
    case 2: /* cut out */
        memmove(data + at, data + at + len, size - at - len);
        return size - len;
    case 3: /* repeat */
        if (size + len > INPUT_MAX)
            return size;
        memmove(data + at + len, data + at, size - at);
        return size + len;
    case 4: { /* a piece of another input */
        const struct input *other = &inputs[draw(input_count)];
        size_t from = (size_t)draw(other->size + 1);
        len = len < other->size - from ? len : other->size - from;
        memcpy(data + at, other->data + from, len);
        return size;
    }
    default: /* cut off */
        return draw(8) == 0 ? at : size;
    }
}

static void run_damaged(long seconds)
{
    struct timespec begin, now;
    uint8_t *data = allocate(INPUT_MAX);
    unsigned long runs = 0;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        const struct input *input = &inputs[draw(input_count)];
        size_t size = input->size;
        memcpy(data, input->data, size);
        for (uint64_t i = draw(4) + 1; i > 0; i--)
            size = damage(data, size);
        if (hf_fuzz_repair && draw(4) != 0)
            hf_fuzz_repair(data, size);
        /* Of its own size, so that a read behind the end is seen. */
        uint8_t *exact = allocate(size);
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        runs++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < seconds);
    printf("%lu damaged inputs\n", runs);
    free(data);
}

int main(int argc, char **argv)
{
    long seconds = 0;

    chance = (uint64_t)time(NULL);
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            chance = strtoull(argv[++i], NULL, 10);
        else
            add_path(argv[i]);
    }
    if (argc == 1)
        add_stream(stdin);
    printf("seed %llu, %zu inputs\n", (unsigned long long)chance, input_count);
    fflush(stdout);
    for (size_t i = 0; i < input_count; i++)
        LLVMFuzzerTestOneInput(inputs[i].data, inputs[i].size);
    if (seconds > 0 && input_count > 0)
        run_damaged(seconds);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    return input_count > 0 ? 0 : 2;
}

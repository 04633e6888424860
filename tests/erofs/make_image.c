/* tests/erofs/make_image.c - make_image index|full TAR IMAGE: the image of a layer. Says how long
 * feeding the tar took, from memory, and how long the image is. */
#include "erofs/erofs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)

struct job {
    const char *tar;
    size_t tar_bytes;
    FILE *image;
    size_t image_bytes;
};

static int write_image(void *arg, const void *data, size_t len, struct hf_error *err)
{
    struct job *job = arg;

    job->image_bytes += len;
    return fwrite(data, 1, len, job->image) == len ? 0 : HF_ERR_IO;
}

static int read_tar(void *arg, uint64_t tar_off, void *data, size_t len, struct hf_error *err)
{
    const struct job *job = arg;

    if (tar_off > job->tar_bytes || len > job->tar_bytes - tar_off)
        return HF_ERR_IO;
    memcpy(data, job->tar + tar_off, len);
    return 0;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int map_tar(struct job *job, const char *path)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &stat) < 0)
        return -1;
    job->tar_bytes = (size_t)stat.st_size;
    if (job->tar_bytes > 0)
        job->tar = mmap(NULL, job->tar_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    return job->tar == MAP_FAILED ? -1 : 0;
}

static int run(struct job *job, enum hf_erofs_form form, struct hf_error *err)
{
    struct hf_erofs_options options = {0};
    struct hf_erofs_output output = {
        .form = form, .arg = job, .write = write_image, .read = read_tar};
    struct hf_erofs *erofs = NULL;
    double start = seconds();
    int rc = hf_erofs_new(&options, &erofs, err);

    for (size_t off = 0; off < job->tar_bytes && rc == 0; off += PIECE) {
        size_t len = job->tar_bytes - off < PIECE ? job->tar_bytes - off : PIECE;
        rc = hf_erofs_feed(erofs, job->tar + off, len, err);
    }
    double fed = seconds();
    if (rc == 0)
        rc = hf_erofs_finish(erofs, &output, err);
    double finished = seconds();
    hf_erofs_free(erofs);
    printf("feed %.4f s, finish %.4f s, tar %zu bytes, image %zu bytes\n", fed - start,
           finished - fed, job->tar_bytes, job->image_bytes);
    return rc;
}

int main(int argc, char **argv)
{
    struct hf_error err = {0};
    struct job job = {0};

    if (argc != 4 || map_tar(&job, argv[2]) < 0 || !(job.image = fopen(argv[3], "wb")))
        return 2;
    int rc = run(&job, strcmp(argv[1], "full") == 0 ? HF_EROFS_FULL : HF_EROFS_INDEX, &err);
    if (fclose(job.image) != 0 && rc == 0)
        rc = HF_ERR_IO;
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", hf_error_name(rc), err.message);
    return rc < 0 ? 1 : 0;
}

/*
 * rootfs/kernel.c - mounts layers where nobody sees them, and puts only the result where it is
 * wanted.
 *
 * A thread gets a mount namespace of its own. There `dir` is covered by a tmpfs with a folder for
 * each layer, and the image is mounted in it. A copy of that one mount is handed out as a
 * descriptor; the namespace ends with the thread, and everything in it that the image does not hold
 * goes. So nothing has to be unmounted again, whatever happens on the way, and a kill leaves
 * nothing.
 */
#include "rootfs/kernel.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_DIR "image" /* in the tmpfs: where the last step goes */
#define PAGE      4096u   /* of mount(2)'s options */

struct job {
    const struct hf_mount_plan *plan;
    const char *dir;
    bool with_loops;
    int tree; /* the result: a detached mount */
    int rc;
    struct hf_error err;
};

/* Who gives up a way of mounting tries the next one; who has no privilege does not. */
static int fail_mount(struct job *job, const struct hf_mount_step *step, int error)
{
    int code = HF_ERR_IO;

    if (error == EPERM || error == EACCES)
        code = HF_ERR_REFUSED;
    else if (error == EBUSY)
        code = HF_ERR_BUSY;
    else if (error == ENOTBLK || error == EINVAL || error == ENODEV || error == EOPNOTSUPP)
        code = HF_ERR_UNSUPPORTED;
    hf_fail(&job->err, code, "cannot mount %s%s%s: %s", step->type,
            step->source[0] == '/' ? " " : "", step->source[0] == '/' ? step->source : "",
            strerror(error));
    job->err.sys_errno = error;
    return code;
}

static int fail_call(struct job *job, const char *what)
{
    int error = errno;

    if (error == EPERM)
        return hf_fail(&job->err, HF_ERR_REFUSED, "mounting needs root: cannot %s: %s", what,
                       strerror(error));
    return hf_fail(&job->err, HF_ERR_IO, "cannot %s: %s", what, strerror(error));
}

/* --- one step --------------------------------------------------------------------------------- */

/* "ro" is a flag of mount(2), the rest is the file system's. */
static const char *split_options(const char *options, unsigned long *out_flags)
{
    *out_flags = 0;
    if (strncmp(options, "ro", 2) == 0 && (options[2] == ',' || options[2] == '\0')) {
        *out_flags = MS_RDONLY;
        options += options[2] == ',' ? 3 : 2;
    }
    return options;
}

static int call_mount(struct job *job, const struct hf_mount_step *step, const char *source,
                      const char *options)
{
    bool is_last = strcmp(step->target, ".") == 0;
    const char *target = is_last ? IMAGE_DIR : step->target;
    unsigned long flags;

    options = split_options(options, &flags);
    if (strlen(options) >= PAGE)
        return hf_fail(&job->err, HF_ERR_LIMIT,
                       "the image has too many layers for one mount: its options take more than "
                       "%u bytes",
                       PAGE);
    if (mkdir(target, 0755) != 0 && errno != EEXIST)
        return fail_call(job, "make a folder to mount on");
    return mount(source, target, step->type, flags, options) == 0 ? 0
                                                                  : fail_mount(job, step, errno);
}

/* The index, and the tar that its "device=" names, as loop devices, which the mount then keeps. */
static int mount_with_loops(struct job *job, const struct hf_mount_step *step)
{
    static const char key[] = "device=";
    char source[32], device[32], options[64] = "ro";
    const char *tar = strstr(step->options, key);
    int index_fd = -1, tar_fd = -1;

    int rc = hf_loop_attach(step->source, source, &index_fd, &job->err);
    if (rc == 0 && tar) {
        rc = hf_loop_attach(tar + strlen(key), device, &tar_fd, &job->err);
        snprintf(options, sizeof(options), "ro,%s%s", key, device);
    }
    if (rc == 0)
        rc = call_mount(job, step, source, options);
    if (index_fd >= 0)
        close(index_fd);
    if (tar_fd >= 0)
        close(tar_fd);
    return rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int build(struct job *job)
{
    int rc = 0;

    if (unshare(CLONE_NEWNS) != 0)
        return fail_call(job, "make a mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return fail_call(job, "make mounts private");
    if (mount("tmpfs", job->dir, "tmpfs", 0, "mode=0700") != 0)
        return fail_call(job, "mount a tmpfs");
    if (chdir(job->dir) != 0)
        return fail_call(job, "enter the folder to mount on");
    for (size_t i = 0; rc == 0 && i < job->plan->count; i++) {
        const struct hf_mount_step *step = &job->plan->steps[i];
        if (job->with_loops && strcmp(step->type, "erofs") == 0)
            rc = mount_with_loops(job, step);
        else
            rc = call_mount(job, step, step->source, step->options);
    }
    if (rc != 0)
        return rc;
    job->tree = open_tree(AT_FDCWD, IMAGE_DIR, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return job->tree >= 0 ? 0 : fail_call(job, "take the mount out of its namespace");
}

static void *run(void *arg)
{
    struct job *job = arg;

    job->rc = build(job);
    return NULL;
}

/* The thread is a library's: signals are for the threads of its caller. */
static int run_apart(struct job *job)
{
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return hf_fail(&job->err, HF_ERR_NO_MEMORY, "cannot start a thread: %s", strerror(failed));
    pthread_join(thread, NULL);
    return job->rc;
}

int hf_kernel_mount(const struct hf_mount_plan *plan, const char *dir, bool with_loops,
                    struct hf_error *err)
{
    struct job job = {.plan = plan, .dir = dir, .with_loops = with_loops, .tree = -1};
    int rc = run_apart(&job);

    if (rc == 0 && move_mount(job.tree, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        rc = fail_call(&job, "attach the mount");
    if (job.tree >= 0)
        close(job.tree);
    if (rc != 0 && err)
        *err = job.err;
    return rc;
}

int hf_kernel_unmount(const char *dir, struct hf_error *err)
{
    if (umount2(dir, UMOUNT_NOFOLLOW) == 0)
        return 0;
    if (errno == EBUSY)
        return hf_fail(err, HF_ERR_BUSY, "%s is in use", dir);
    if (errno == EINVAL || errno == ENOENT)
        return hf_fail(err, HF_ERR_NOT_FOUND, "nothing is mounted on %s", dir);
    if (errno == EPERM)
        return hf_fail(err, HF_ERR_REFUSED, "unmounting %s needs root", dir);
    return hf_fail_errno(err, -errno, "unmount", dir);
}

bool hf_kernel_is_mounted(const char *dir)
{
    struct statx stat;

    return statx(AT_FDCWD, dir, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &stat) == 0 &&
           (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* fault-injection/seccomp.c - a filter of the kernel's. */
#include "seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define DENY(number)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),                                           \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

bool seccomp_forbid_files(void)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENY(__NR_openat),
        DENY(__NR_pread64),
        DENY(__NR_pwrite64),
        DENY(__NR_preadv),
        DENY(__NR_pwritev),
        DENY(__NR_fsync),
        DENY(__NR_fdatasync),
        DENY(__NR_sync_file_range),
        DENY(__NR_ftruncate),
        DENY(__NR_fallocate),
        DENY(__NR_linkat),
        DENY(__NR_unlinkat),
        DENY(__NR_renameat2),
        DENY(__NR_mkdirat),
        DENY(__NR_copy_file_range),
        DENY(__NR_sendfile),
#ifdef __NR_open /* not on newer architectures */
        DENY(__NR_open),
        DENY(__NR_creat),
        DENY(__NR_link),
        DENY(__NR_unlink),
        DENY(__NR_rename),
        DENY(__NR_renameat),
        DENY(__NR_mkdir),
        DENY(__NR_rmdir),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

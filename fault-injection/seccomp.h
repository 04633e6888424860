/* fault-injection/seccomp.h - makes sure that nothing goes past the table of operations. */
#ifndef HF_FAULT_SECCOMP_H
#define HF_FAULT_SECCOMP_H

#include <stdbool.h>

/* From now on a system call that opens, names, syncs or resizes a file, or reads or writes at a
 * place of one, ends the process with SIGSYS. */
bool seccomp_forbid_files(void);

#endif

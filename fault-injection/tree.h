/* fault-injection/tree.h - digests of files and of trees, as commands.py makes them too. */
#ifndef HF_FAULT_TREE_H
#define HF_FAULT_TREE_H

#include <holdfast/digest.h>

/* Of a file that can't be read: of nothing. */
void tree_digest_file(const char *path, char text[HF_DIGEST_TEXT_MAX]);

/*
 * Of everything below the folder `path`, each folder before what is in it, names in the order of
 * their bytes: a line "PATH MODE UID GID SIZE\n" (MODE with the type, octal; SIZE 0 for a folder),
 * then the bytes of a file or the target of a symlink. Times are left out.
 */
void tree_digest(const char *path, char text[HF_DIGEST_TEXT_MAX]);

#endif

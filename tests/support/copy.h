/* tests/support/copy.h - folders of files and folders are put aside and back. */
#ifndef HF_TESTS_SUPPORT_COPY_H
#define HF_TESTS_SUPPORT_COPY_H

/*
 * What is in `from` is in `to` too, with its bytes, modes and times; zeros take no room. A file
 * that is there already stays the same one and gets other bytes. `to` is made when it is not there.
 */
void hf_test_copy_dir(const char *from, const char *to);
void hf_test_copy_file(const char *from, const char *to);
/* `to`, if it is there, is removed before. */
void hf_test_replace_dir(const char *from, const char *to);

#endif

/*
 * fsck/survey_name.c - what the name of a file below the root says. Format: FORMAT.md 1.
 *
 * A name is read back and made again: what differs from what the store itself writes is not its.
 */
#include "fsck/survey_name.h"

#include "catalog/checkpoint.h"
#include "wal/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const others[] = {HF_FILE_FORMAT, HF_FILE_FORMAT_NEW, HF_FILE_LOCK,
                                     HF_FILE_SHARED};
#define OTHER_COUNT (sizeof(others) / sizeof(others[0]))

/* The rest of `path` behind "FOLDER/"; NULL when it is elsewhere. */
static const char *below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static bool is_log_name(const char *name)
{
    char again[HF_WAL_NAME_MAX];

    hf_wal_segment_name(strtoull(name, NULL, 16), again);
    return strcmp(name, again) == 0 || strcmp(name, HF_WAL_SPARE) == 0 ||
           strcmp(name, HF_WAL_NEW) == 0;
}

static bool is_catalog_name(const char *name)
{
    char again[32];

    hf_checkpoint_name(strtoull(name, NULL, 16), again);
    return strcmp(name, again) == 0 || strcmp(name, "new") == 0;
}

static bool read_digest(const char *algorithm, const char *hex, size_t len, struct hf_digest *out)
{
    char text[HF_DIGEST_TEXT_MAX];

    if (len > 2 * HF_DIGEST_BYTES_MAX)
        return false;
    (void)snprintf(text, sizeof(text), "%s:%.*s", algorithm, (int)len, hex);
    return hf_digest_parse(text, out, NULL) == 0;
}

/* HEX.TTTTTTTTTTTTTTTT of trash/ and quarantine/. */
static bool read_removed(const char *dir, const char *name, struct hf_digest *out)
{
    char again[HF_PATH_MAX];
    size_t len = strcspn(name, ".");

    if (!read_digest(len == 64 ? "sha256" : "sha512", name, len, out) || name[len] != '.')
        return false;
    hf_path_removed(dir, out, strtoull(name + len + 1, NULL, 16), again);
    return strcmp(again + strlen(dir) + 1, name) == 0;
}

static bool is_slot_name(const char *name, size_t len, uint32_t *out_slot)
{
    char again[16];

    unsigned long slot = strtoul(name, NULL, 10);
    (void)snprintf(again, sizeof(again), "%lu", slot);
    *out_slot = (uint32_t)slot;
    return slot < HF_SLOT_NONE && strlen(again) == len && strncmp(name, again, len) == 0;
}

/* SLOT, or SLOT/TTTTTTTTTTTTTTTT-N. */
static void read_staging(const char *rest, struct hf_survey_file *out, bool *out_is_folder)
{
    size_t len = strcspn(rest, "/");

    if (!is_slot_name(rest, len, &out->staged.slot))
        return;
    if (rest[len] == '\0')
        *out_is_folder = true;
    else if (hf_path_staged_txn(rest + len + 1, &out->staged.txn, &out->staged.number))
        out->class = HF_FILE_STAGED;
}

void hf_survey_name(const char *path, struct hf_survey_file *out, bool *out_is_folder)
{
    const char *rest = NULL;

    out->class = HF_FILE_UNKNOWN;
    *out_is_folder = false;
    for (size_t i = 0; hf_layout_folders[i] != NULL; i++)
        *out_is_folder = *out_is_folder || strcmp(path, hf_layout_folders[i]) == 0;
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (strcmp(path, others[i]) == 0)
            out->class = HF_FILE_OTHER;
    if (strcmp(path, HF_DIR_WORKSPACES) == 0 || below(path, HF_DIR_WORKSPACES) != NULL)
        out->class = HF_FILE_WORKSPACE;
    if ((rest = below(path, HF_DIR_BLOBS "/sha256")) != NULL) {
        if (read_digest("sha256", rest, strlen(rest), &out->digest))
            out->class = HF_FILE_IMAGE;
    } else if ((rest = below(path, HF_DIR_BLOBS "/sha512")) != NULL) {
        if (read_digest("sha512", rest, strlen(rest), &out->digest))
            out->class = HF_FILE_IMAGE;
    } else if ((rest = below(path, HF_DIR_STAGING)) != NULL) {
        read_staging(rest, out, out_is_folder);
    } else if ((rest = below(path, HF_DIR_TRASH)) != NULL) {
        if (read_removed(HF_DIR_TRASH, rest, &out->digest))
            out->class = HF_FILE_REMOVED;
    } else if ((rest = below(path, HF_DIR_QUARANTINE)) != NULL) {
        if (read_removed(HF_DIR_QUARANTINE, rest, &out->digest))
            out->class = HF_FILE_QUARANTINE;
    } else if ((rest = below(path, HF_DIR_WAL)) != NULL) {
        if (is_log_name(rest))
            out->class = HF_FILE_LOG;
    } else if ((rest = below(path, HF_DIR_CATALOG)) != NULL) {
        if (is_catalog_name(rest))
            out->class = HF_FILE_CATALOG;
    }
}

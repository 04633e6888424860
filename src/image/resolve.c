/*
 * image/resolve.c - names and IDs to targets.
 *
 * An ID is looked for among all objects, and every object that fits is asked what it means: a
 * config its manifests and what has them, a manifest or index itself or what has it. Things that
 * are no image mean nothing. Two objects that mean different targets make the ID ambiguous.
 */
#include "image/resolve.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "image/graph.h"
#include "oci/reference.h"

#include <stdio.h>
#include <string.h>

#define CANDIDATES_SHOWN 10
#define SHORT_ID_DIGITS  12

void hf_resolved_release(struct hf_resolved *resolved)
{
    hf_digest_set_release(&resolved->targets);
    hf_digest_set_release(&resolved->manifests);
    *resolved = (struct hf_resolved){0};
}

/* --- names ------------------------------------------------------------------------------------ */

static int find_name(const struct hf_snapshot *snapshot, const char *full, struct hf_resolved *out,
                     struct hf_error *err)
{
    struct hf_error reason = {0};
    struct hf_name name;
    int rc = hf_snapshot_name(snapshot, full, &name, &reason);

    if (rc != 0) {
        if (rc != HF_ERR_NOT_FOUND && err)
            *err = reason;
        return rc;
    }
    snprintf(out->name, sizeof(out->name), "%s", full);
    out->object = name.target;
    return hf_digest_set_add(&out->targets, &name.target, NULL, err);
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* podman turns a short name into localhost/NAME. False when the text names a registry itself. */
static bool name_at_localhost(const char *text, const char *full, char out[HF_REFERENCE_MAX])
{
    char shown[HF_REFERENCE_MAX];

    if (!begins_with(full, "docker.io/") || begins_with(text, "docker.io/") ||
        begins_with(text, "index.docker.io/") || begins_with(text, "library/"))
        return false;
    hf_reference_familiar(full, shown);
    return snprintf(out, HF_REFERENCE_MAX, "localhost/%s", shown) < HF_REFERENCE_MAX;
}

static bool same_repository(const char *full, const char *name)
{
    struct hf_reference a, b;

    hf_reference_split(full, &a);
    hf_reference_split(name, &b);
    return a.repository_len == b.repository_len &&
           memcmp(a.repository, b.repository, a.repository_len) == 0;
}

/* REPO@DIGEST that is no name itself means that object, if a name in REPO points to it. */
static int find_in_repository(const struct hf_snapshot *snapshot, const char *full,
                              struct hf_resolved *out, struct hf_error *err)
{
    struct hf_text_list names = {0};
    struct hf_digest digest;
    bool found = false;

    if (!hf_reference_is_digest(full))
        return HF_ERR_NOT_FOUND;
    int rc = hf_digest_parse(strchr(full, '@') + 1, &digest, err);
    if (rc == 0)
        rc = hf_names_of(snapshot, &digest, &names, err);
    for (size_t i = 0; rc == 0 && i < names.count && !found; i++)
        found = same_repository(full, names.items[i]);
    hf_text_list_release(&names);
    if (rc != 0)
        return rc;
    if (!found)
        return HF_ERR_NOT_FOUND;
    out->object = digest;
    return hf_digest_set_add(&out->targets, &digest, NULL, err);
}

/* NOT_FOUND without touching err. */
static int find_by_name(const struct hf_snapshot *snapshot, const char *text,
                        struct hf_resolved *out, struct hf_error *err)
{
    char full[HF_REFERENCE_MAX], local[HF_REFERENCE_MAX];

    if (hf_reference_normalize(text, full, NULL) != 0)
        return HF_ERR_NOT_FOUND;
    bool has_local = name_at_localhost(text, full, local);
    int rc = find_name(snapshot, full, out, err);
    if (rc == HF_ERR_NOT_FOUND && has_local)
        rc = find_name(snapshot, local, out, err);
    if (rc == HF_ERR_NOT_FOUND)
        rc = find_in_repository(snapshot, full, out, err);
    if (rc == HF_ERR_NOT_FOUND && has_local)
        rc = find_in_repository(snapshot, local, out, err);
    return rc;
}

/* --- IDs -------------------------------------------------------------------------------------- */

/* Is the text an ID? *out_hex borrows from it. */
static bool parse_id(const char *text, uint8_t *out_algorithm, const char **out_hex)
{
    const char *colon = strchr(text, ':');
    const char *hex = colon ? colon + 1 : text;
    size_t most = 2 * HF_DIGEST_BYTES_MAX;

    *out_algorithm = HF_DIGEST_NONE;
    for (uint8_t i = HF_DIGEST_SHA256; colon && i <= HF_DIGEST_SHA512; i++) {
        const char *name = hf_digest_algorithm_name(i);
        if (strlen(name) == (size_t)(colon - text) && begins_with(text, name))
            *out_algorithm = i;
    }
    if (colon && *out_algorithm == HF_DIGEST_NONE)
        return false;
    if (colon)
        most = 2 * hf_digest_size(*out_algorithm);
    size_t len = strlen(hex);
    *out_hex = hex;
    return len > 0 && len <= most && strspn(hex, "0123456789abcdef") == len;
}

struct search {
    struct hf_digest_set configs;
    struct hf_digest_set manifests;
    struct hf_digest_set indexes;
    struct hf_error *err;
};

static int see_object(void *arg, const struct hf_object *object)
{
    struct search *search = arg;
    struct hf_summary summary;

    if (object->state == HF_OBJECT_ABSENT)
        return 0;
    hf_summary_decode(object->summary, object->summary_len, &summary);
    if (summary.kind == HF_KIND_CONFIG)
        return hf_digest_set_add(&search->configs, &object->digest, NULL, search->err);
    if (summary.kind == HF_KIND_MANIFEST)
        return hf_digest_set_add(&search->manifests, &object->digest, NULL, search->err);
    if (summary.kind == HF_KIND_INDEX)
        return hf_digest_set_add(&search->indexes, &object->digest, NULL, search->err);
    return 0;
}

static void search_release(struct search *search)
{
    hf_digest_set_release(&search->configs);
    hf_digest_set_release(&search->manifests);
    hf_digest_set_release(&search->indexes);
}

/* A manifest or index with a name means itself; one without, what has it and is named. */
static int mean_object(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                       struct hf_resolved *out, struct hf_error *err)
{
    struct hf_text_list names = {0};
    int rc = hf_names_of(snapshot, digest, &names, err);

    out->object = *digest;
    if (rc == 0 && names.count > 0)
        rc = hf_digest_set_add(&out->targets, digest, NULL, err);
    else if (rc == 0)
        rc = hf_named_above(snapshot, digest, &out->targets, err);
    hf_text_list_release(&names);
    return rc;
}

static int mean_manifest(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                         struct hf_resolved *out, struct hf_error *err)
{
    int rc = mean_object(snapshot, digest, out, err);

    return rc == 0 ? hf_digest_set_add(&out->manifests, digest, NULL, err) : rc;
}

static int mean_config(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                       struct hf_resolved *out, struct hf_error *err)
{
    int rc = hf_targets_of_id(snapshot, digest, &out->targets, err);

    out->object = *digest;
    return rc == 0 ? hf_manifests_of_id(snapshot, digest, &out->manifests, err) : rc;
}

struct choice {
    const struct hf_snapshot *snapshot;
    struct hf_resolved meaning; /* of the first that means anything */
    size_t count;               /* of different meanings */
    struct hf_buf candidates;   /* their text, for people */
};

static int describe_candidate(struct choice *choice, const struct hf_resolved *meaning,
                              struct hf_error *err)
{
    char hex[HF_DIGEST_TEXT_MAX], shown[HF_REFERENCE_MAX];
    struct hf_text_list names = {0};
    int rc = 0;

    if (choice->count > CANDIDATES_SHOWN)
        return 0;
    for (size_t i = 0; rc == 0 && i < meaning->targets.count; i++)
        rc = hf_names_of(choice->snapshot, &meaning->targets.items[i], &names, err);
    hf_buf_printf(&choice->candidates, "%s%.*s", choice->count > 1 ? ", " : "", SHORT_ID_DIGITS,
                  hf_digest_hex(&meaning->object, hex));
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        hf_buf_printf(&choice->candidates, "%s%s", i == 0 ? " (" : ", ",
                      hf_reference_familiar(names.items[i], shown));
    if (names.count > 0)
        hf_buf_put_text(&choice->candidates, ")");
    hf_text_list_release(&names);
    return rc;
}

typedef int mean_fn(const struct hf_snapshot *snapshot, const struct hf_digest *digest,
                    struct hf_resolved *out, struct hf_error *err);

static int consider(struct choice *choice, const struct hf_digest_set *found, mean_fn *mean,
                    struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < found->count; i++) {
        struct hf_resolved meaning = {0};
        rc = mean(choice->snapshot, &found->items[i], &meaning, err);
        bool is_new = meaning.targets.count > 0 &&
                      (choice->count == 0 ||
                       !hf_digest_set_equal(&meaning.targets, &choice->meaning.targets) ||
                       !hf_digest_set_equal(&meaning.manifests, &choice->meaning.manifests));
        if (rc == 0 && is_new) {
            choice->count++;
            rc = describe_candidate(choice, &meaning, err);
        }
        if (rc == 0 && is_new && choice->count == 1)
            choice->meaning = meaning;
        else
            hf_resolved_release(&meaning);
    }
    return rc;
}

static int judge(struct choice *choice, const char *text, struct hf_resolved *out,
                 struct hf_error *err)
{
    if (choice->count == 0)
        return HF_ERR_NOT_FOUND;
    if (choice->count > 1) {
        const char *list = hf_buf_text(&choice->candidates);
        return hf_fail(err, HF_ERR_AMBIGUOUS, "the ID %s fits more than one image: %s%s", text,
                       list ? list : "", choice->count > CANDIDATES_SHOWN ? ", ..." : "");
    }
    *out = choice->meaning;
    choice->meaning = (struct hf_resolved){0};
    return 0;
}

/* NOT_FOUND without touching err. */
static int find_by_id(const struct hf_snapshot *snapshot, const char *text, struct hf_resolved *out,
                      struct hf_error *err)
{
    struct search search = {.err = err};
    struct choice choice = {.snapshot = snapshot};
    uint8_t algorithm;
    const char *hex;

    if (!parse_id(text, &algorithm, &hex))
        return HF_ERR_NOT_FOUND;
    int rc = hf_snapshot_each_object(snapshot, algorithm, hex, see_object, &search, err);
    if (rc == 0)
        rc = consider(&choice, &search.configs, mean_config, err);
    if (rc == 0)
        rc = consider(&choice, &search.manifests, mean_manifest, err);
    if (rc == 0)
        rc = consider(&choice, &search.indexes, mean_object, err);
    if (rc == 0)
        rc = judge(&choice, text, out, err);
    hf_resolved_release(&choice.meaning);
    hf_buf_release(&choice.candidates);
    search_release(&search);
    return rc;
}

int hf_resolve(const struct hf_snapshot *snapshot, const char *reference, struct hf_resolved *out,
               struct hf_error *err)
{
    struct hf_resolved found = {0};
    int rc = find_by_name(snapshot, reference, &found, err);

    if (rc == HF_ERR_NOT_FOUND)
        rc = find_by_id(snapshot, reference, &found, err);
    if (rc == HF_ERR_NOT_FOUND)
        rc = hf_fail(err, HF_ERR_NOT_FOUND, "no such image: %.100s", reference);
    if (rc == 0)
        *out = found;
    else
        hf_resolved_release(&found);
    return rc;
}

/*
 * oci/changes.h - docker's --change: Dockerfile instructions that alter an image's config.
 *
 * CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR,
 * as docker's builder reads them. `config` is the object "config" of an image config; its keys are
 * docker's (Cmd, Entrypoint, Env, ExposedPorts, ...).
 */
#ifndef HF_OCI_CHANGES_H
#define HF_OCI_CHANGES_H

#include <holdfast/error.h>

#include <jansson.h>

#define HF_CHANGE_MAX 65536u /* bytes of one instruction, after expansion */

/* Apply one instruction. USAGE when it is malformed; `config` is then partly changed. */
HF_MUST_USE int hf_config_change(json_t *config, const char *instruction, struct hf_error *err);

#endif

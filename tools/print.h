/*
 * print.h - sizes, times and texts as docker's users know them.
 */
#ifndef HOLDFAST_TOOLS_PRINT_H
#define HOLDFAST_TOOLS_PRINT_H

#include <holdfast/digest.h>

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

#define CLI_TEXT_MAX 64

/* Three digits and a decimal unit: "4.26MB", "0B". All of these return `text`. */
const char *cli_size_text(uint64_t bytes, char text[CLI_TEXT_MAX]);
/* "2 hours", as docker's units.HumanDuration says it. */
const char *cli_duration_text(uint64_t seconds, char text[CLI_TEXT_MAX]);
/* "2 hours ago"; "N/A" for 0. */
const char *cli_ago_text(uint64_t time_ns, char text[CLI_TEXT_MAX]);
/* Local time, as docker's CreatedAt: "2024-05-01 12:00:00 +0200 CEST"; "N/A" for 0. */
const char *cli_local_time_text(uint64_t time_ns, char text[CLI_TEXT_MAX]);
/* RFC 3339 in UTC, to the second or to the millisecond; "" for 0. */
const char *cli_time_text(uint64_t time_ns, char text[CLI_TEXT_MAX]);
const char *cli_time_ms_text(uint64_t time_ns, char text[CLI_TEXT_MAX]);
uint64_t cli_now_ns(void);

/* The first 12 hexadecimal digits of a digest. */
const char *cli_short_id(const struct hf_digest *digest, char text[HF_DIGEST_TEXT_MAX]);

/*
 * Text that may come from an image or an archive, with what would command a terminal made visible:
 * control characters as \xNN, bytes that are no UTF-8 likewise.
 */
void cli_put_safe(struct hf_buf *out, const char *text);
void cli_print_safe(FILE *file, const char *text);

/* A JSON string of any bytes; what is no UTF-8 is made visible as above. Never NULL. */
json_t *cli_json_text(const char *text);
/* "sha256:HEX" as a JSON string; null for a digest of no algorithm. */
json_t *cli_json_digest(const struct hf_digest *digest);
/* Print a document and a newline, and give it back to jansson. */
void cli_print_json(json_t *document);

/* Print lines whose cells are separated by tabs as a table with docker's column widths. */
void cli_print_table(FILE *file, const char *lines);

#endif

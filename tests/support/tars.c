/* tests/support/tars.c - makes tars in memory. */
#include "support/tars.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 512u

static void put_number(uint8_t *field, size_t len, uint64_t value)
{
    char digits[32];

    if (value >> (3 * (len - 1)) == 0) {
        snprintf(digits, sizeof(digits), "%0*llo", (int)len - 1, (unsigned long long)value);
        memcpy(field, digits, len);
        return;
    }
    bool is_negative = (int64_t)value < 0;
    memset(field, is_negative ? 0xff : 0, len);
    for (size_t i = 0; i < 8 && i < len; i++)
        field[len - 1 - i] = (uint8_t)(value >> (8 * i));
    field[0] = is_negative ? 0xff : field[0] | 0x80;
}

void hf_test_tar_sum(struct hf_buf *tar, size_t off)
{
    uint8_t *header = tar->data + off;
    unsigned sum = 0;

    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
}

static void pad(struct hf_buf *tar)
{
    hf_buf_put_zeros(tar, (BLOCK - tar->len % BLOCK) % BLOCK);
}

static void put_text(uint8_t *field, size_t len, const char *text)
{
    if (text)
        memcpy(field, text, strnlen(text, len));
}

void hf_test_tar_add(struct hf_buf *tar, const struct hf_test_member *member)
{
    size_t off = tar->len;
    size_t len = member->len > 0 || !member->data ? member->len : strlen(member->data);

    hf_buf_put_zeros(tar, BLOCK);
    uint8_t *header = tar->data + off;
    put_text(header, 100, member->name);
    put_text(header + 157, 100, member->link);
    header[156] = member->type != 0 ? (uint8_t)member->type : '0';
    put_number(header + 100, 8, member->mode);
    put_number(header + 108, 8, member->uid);
    put_number(header + 116, 8, member->gid);
    put_number(header + 124, 12, member->told_size > 0 ? member->told_size : len);
    put_number(header + 136, 12, (uint64_t)member->mtime);
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    put_number(header + 329, 8, member->dev_major);
    put_number(header + 337, 8, member->dev_minor);
    hf_test_tar_sum(tar, off);
    hf_buf_put(tar, member->data, member->data ? len : 0);
    pad(tar);
}

void hf_test_tar_long(struct hf_buf *tar, char type, const char *text)
{
    hf_test_tar_add(
        tar, &(struct hf_test_member){
                 .name = "././@LongLink", .type = type, .data = text, .len = strlen(text) + 1});
}

void hf_test_pax_record(struct hf_buf *records, const char *key, const void *value, size_t len)
{
    size_t body = strlen(key) + len + 3; /* blank, '=', newline */
    size_t total = body + 1;

    while (total != body + (size_t)snprintf(NULL, 0, "%zu", total))
        total = body + (size_t)snprintf(NULL, 0, "%zu", total);
    hf_buf_printf(records, "%zu %s=", total, key);
    hf_buf_put(records, value, len);
    hf_buf_put_text(records, "\n");
}

void hf_test_tar_pax_text(struct hf_buf *tar, char type, const void *records, size_t len)
{
    hf_test_tar_add(
        tar, &(struct hf_test_member){.name = "pax", .type = type, .data = records, .len = len});
}

void hf_test_tar_pax(struct hf_buf *tar, char type, const char *key, const void *value, size_t len)
{
    struct hf_buf records = {0};

    hf_test_pax_record(&records, key, value, len);
    hf_test_tar_pax_text(tar, type, records.data, records.len);
    hf_buf_release(&records);
}

void hf_test_tar_end(struct hf_buf *tar)
{
    hf_buf_put_zeros(tar, (size_t)2 * BLOCK);
}

/*
 * table.c - columns as docker's tables have them: every cell but a line's last one is padded to the
 * widest of its column and 3 blanks, at least 10.
 */
#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { COLUMNS_MAX = 64, MIN_WIDTH = 10, PADDING = 3 };

struct cell {
    const char *text;
    size_t len;
    bool is_last;
};

static struct cell next_cell(const char **at)
{
    struct cell cell = {.text = *at, .len = strcspn(*at, "\t\n")};

    *at += cell.len;
    cell.is_last = **at != '\t';
    if (**at != '\0')
        (*at)++;
    return cell;
}

/* Characters, not bytes. */
static size_t cell_width(const struct cell *cell)
{
    size_t width = 0;

    for (size_t i = 0; i < cell->len; i++)
        width += ((unsigned char)cell->text[i] & 0xc0) != 0x80;
    return width;
}

static void measure(const char *lines, size_t widths[COLUMNS_MAX])
{
    size_t column = 0;

    for (const char *at = lines; *at != '\0';) {
        struct cell cell = next_cell(&at);
        size_t width = cell_width(&cell) + PADDING;
        if (!cell.is_last && column < COLUMNS_MAX && widths[column] < width)
            widths[column] = width;
        column = cell.is_last ? 0 : column + 1;
    }
}

void cli_print_table(FILE *file, const char *lines)
{
    size_t widths[COLUMNS_MAX];
    size_t column = 0;

    for (size_t i = 0; i < COLUMNS_MAX; i++)
        widths[i] = MIN_WIDTH;
    measure(lines, widths);
    for (const char *at = lines; *at != '\0';) {
        struct cell cell = next_cell(&at);
        size_t width = column < COLUMNS_MAX ? widths[column] : MIN_WIDTH;
        size_t used = cell_width(&cell);
        fwrite(cell.text, 1, cell.len, file);
        if (cell.is_last)
            fputc('\n', file);
        else
            fprintf(file, "%*s", used < width ? (int)(width - used) : 1, "");
        column = cell.is_last ? 0 : column + 1;
    }
}

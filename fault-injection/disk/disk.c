/* fault-injection/disk/disk.c - inodes whose chunks, lengths and entries are cells (cell.h). */
#include "disk/journal.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* Room for one item more. */
#define GROW(array, capacity, count)                                                               \
    must(hf_array_grow(&(array), &(capacity), (count), sizeof(*(array)), NULL) == 0 ? &(count)     \
                                                                                    : NULL)

uint64_t disk_value(struct disk *disk, struct cell *cell, struct disk_cell name)
{
    if (cell->count == cell->undecided && cell->count > 1) {
        uint32_t numbers[JOURNAL_VALUES_MAX];
        size_t count = journal_list(disk, cell, &name, numbers);
        name.numbers = numbers;
        size_t choice = disk->choose ? disk->choose(disk->choose_arg, count, &name) : 0;
        journal_decide(disk, cell, &name, numbers[choice]);
        cell_keep(cell, numbers[choice], name.chunk >= 0);
    }
    return cell->values[cell->count - 1].value;
}

/* --- disks ------------------------------------------------------------------------------------ */

static struct inode *inode_of(const struct disk *disk, uint32_t number)
{
    if (number == 0 || number >= disk->count)
        abort();
    return &disk->inodes[number];
}

struct disk *disk_new(size_t chunk_bytes, enum disk_profile profile)
{
    struct disk *disk = must(calloc(1, sizeof(*disk)));
    uint8_t noise[4096];

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(0x5a ^ (i * 131));
    disk->chunk_bytes = chunk_bytes;
    disk->profile = profile;
    disk->epochs[0].most = UINT32_MAX;
    disk->epoch_count = 1;
    disk->garbage = bytes_new(noise, chunk_bytes);
    (void)GROW(disk->inodes, disk->capacity, disk->count);
    disk->inodes[0] = (struct inode){0};
    disk->count = 1;
    (void)disk_make(disk, true);
    return disk;
}

uint32_t disk_make(struct disk *disk, bool is_dir)
{
    (void)GROW(disk->inodes, disk->capacity, disk->count);
    struct inode *inode = &disk->inodes[disk->count];
    *inode = (struct inode){.is_dir = is_dir, .last_op = disk->op, .last_data_op = disk->op};
    cell_begin(&inode->size, 0);
    return (uint32_t)disk->count++;
}

static struct inode copy_inode(const struct inode *from)
{
    struct inode to = *from;

    to.size = cell_copy(&from->size, false);
    to.chunks = must(malloc((from->chunk_count + 1) * sizeof(*to.chunks)));
    to.chunk_capacity = from->chunk_count + 1;
    for (size_t i = 0; i < from->chunk_count; i++) {
        to.chunks[i].index = from->chunks[i].index;
        to.chunks[i].cell = cell_copy(&from->chunks[i].cell, true);
    }
    to.entries = must(malloc((from->entry_count + 1) * sizeof(*to.entries)));
    to.entry_capacity = from->entry_count + 1;
    for (size_t i = 0; i < from->entry_count; i++) {
        to.entries[i].name = must(strdup(from->entries[i].name));
        to.entries[i].cell = cell_copy(&from->entries[i].cell, false);
    }
    return to;
}

struct disk *disk_copy(const struct disk *disk)
{
    struct disk *copy = must(malloc(sizeof(*copy)));

    *copy = *disk;
    copy->choose = NULL;
    (void)bytes_hold(value_of(copy->garbage));
    copy->capacity = disk->count;
    copy->inodes = must(calloc(disk->count, sizeof(*copy->inodes)));
    for (size_t i = 1; i < disk->count; i++)
        copy->inodes[i] = copy_inode(&disk->inodes[i]);
    return copy;
}

void disk_free(struct disk *disk)
{
    if (disk == NULL)
        return;
    for (size_t i = 1; i < disk->count; i++) {
        struct inode *inode = &disk->inodes[i];
        cell_free(&inode->size, false);
        for (size_t j = 0; j < inode->chunk_count; j++)
            cell_free(&inode->chunks[j].cell, true);
        for (size_t j = 0; j < inode->entry_count; j++) {
            cell_free(&inode->entries[j].cell, false);
            free(inode->entries[j].name);
        }
        free(inode->chunks);
        free(inode->entries);
    }
    bytes_drop(value_of(disk->garbage));
    free(disk->inodes);
    free(disk);
}

void disk_set_choose(struct disk *disk, disk_choose_fn *choose, void *arg)
{
    disk->choose = choose;
    disk->choose_arg = arg;
}

void disk_weaken(struct disk *disk, enum disk_profile profile)
{
    disk->profile = profile;
}

void disk_step(struct disk *disk)
{
    disk->op++;
}

void disk_mark_coarse(struct disk *disk, uint32_t inode)
{
    inode_of(disk, inode)->is_coarse = true;
}

/* --- files ------------------------------------------------------------------------------------ */

bool disk_is_dir(const struct disk *disk, uint32_t inode)
{
    return inode_of(disk, inode)->is_dir;
}

uint64_t disk_size(struct disk *disk, uint32_t inode)
{
    return disk_value(disk, &inode_of(disk, inode)->size, LENGTH_OF(inode));
}

/* Where the chunk of that index is, or would be. */
static size_t chunk_place(const struct inode *inode, uint32_t index)
{
    size_t low = 0, high = inode->chunk_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (inode->chunks[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_chunk(const struct inode *inode, size_t place, uint32_t index)
{
    return place < inode->chunk_count && inode->chunks[place].index == index;
}

size_t disk_read(struct disk *disk, uint32_t number, void *data, size_t len, uint64_t off)
{
    struct inode *inode = inode_of(disk, number);
    uint64_t size = disk_size(disk, number);

    if (off >= size)
        return 0;
    if (len > size - off)
        len = (size_t)(size - off);
    memset(data, 0, len);
    for (size_t i = chunk_place(inode, (uint32_t)(off / disk->chunk_bytes)); i < inode->chunk_count;
         i++) {
        uint64_t begins = (uint64_t)inode->chunks[i].index * disk->chunk_bytes;
        uint64_t ends = begins + disk->chunk_bytes;
        if (begins >= off + len)
            break;
        uint64_t value =
            disk_value(disk, &inode->chunks[i].cell, CHUNK_OF(number, inode->chunks[i].index));
        uint64_t from = begins > off ? begins : off, to = ends < off + len ? ends : off + len;
        if (value != 0)
            memcpy((uint8_t *)data + (from - off), bytes_of(value)->data + (from - begins),
                   (size_t)(to - from));
    }
    return len;
}

static bool is_zero(const uint8_t *data, size_t len)
{
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

static void write_chunk(struct disk *disk, struct inode *inode, uint32_t index, size_t at,
                        const uint8_t *data, size_t len)
{
    uint8_t whole[4096] = {0};
    size_t place = chunk_place(inode, index);

    if (!has_chunk(inode, place, index)) {
        if (is_zero(data, len))
            return;
        (void)GROW(inode->chunks, inode->chunk_capacity, inode->chunk_count);
        memmove(&inode->chunks[place + 1], &inode->chunks[place],
                (inode->chunk_count - place) * sizeof(*inode->chunks));
        inode->chunk_count++;
        inode->chunks[place].index = index;
        cell_begin(&inode->chunks[place].cell, 0);
    }
    struct cell *cell = &inode->chunks[place].cell;
    /* Who writes all of it has no need to know what it was. */
    uint64_t before =
        len < disk->chunk_bytes
            ? disk_value(disk, cell, CHUNK_OF((uint32_t)(inode - disk->inodes), index))
            : 0;
    if (before != 0)
        memcpy(whole, bytes_of(before)->data, disk->chunk_bytes);
    memcpy(whole + at, data, len);
    uint64_t value =
        is_zero(whole, disk->chunk_bytes) ? 0 : value_of(bytes_new(whole, disk->chunk_bytes));
    cell_push(cell, (struct cell_value){.value = value, .op = disk->op, .is_late = true});
}

static void push_size(struct disk *disk, struct inode *inode, uint64_t size, bool is_late)
{
    cell_push(&inode->size, (struct cell_value){.value = size, .op = disk->op, .is_late = is_late});
    inode->last_op = inode->last_data_op = disk->op;
}

void disk_write(struct disk *disk, uint32_t number, const void *data, size_t len, uint64_t off)
{
    struct inode *inode = inode_of(disk, number);

    if (disk->profile == DISK_EXT4) /* what a chunk may be depends on the length */
        (void)disk_size(disk, number);
    for (size_t done = 0; done < len;) {
        size_t at = (size_t)((off + done) % disk->chunk_bytes);
        size_t part = disk->chunk_bytes - at < len - done ? disk->chunk_bytes - at : len - done;
        write_chunk(disk, inode, (uint32_t)((off + done) / disk->chunk_bytes), at,
                    (const uint8_t *)data + done, part);
        done += part;
    }
    if (off + len > disk_size(disk, number))
        push_size(disk, inode, off + len, true);
}

void disk_resize(struct disk *disk, uint32_t number, uint64_t size)
{
    struct inode *inode = inode_of(disk, number);
    uint8_t zeros[4096] = {0};

    if (size < disk_size(disk, number)) {
        for (size_t i = 0; i < inode->chunk_count; i++) {
            uint64_t begins = (uint64_t)inode->chunks[i].index * disk->chunk_bytes;
            size_t at = begins >= size ? 0 : (size_t)(size - begins);
            if (at < disk->chunk_bytes)
                write_chunk(disk, inode, inode->chunks[i].index, at, zeros, disk->chunk_bytes - at);
        }
    }
    push_size(disk, inode, size, false);
}

/* --- directories ------------------------------------------------------------------------------ */

static struct entry *find_entry(struct inode *inode, const char *name, size_t len)
{
    for (size_t i = 0; i < inode->entry_count; i++) {
        if (strncmp(inode->entries[i].name, name, len) == 0 && inode->entries[i].name[len] == '\0')
            return &inode->entries[i];
    }
    return NULL;
}

uint32_t disk_lookup(struct disk *disk, uint32_t dir, const char *name, size_t len)
{
    struct entry *entry = find_entry(inode_of(disk, dir), name, len);

    return entry != NULL ? (uint32_t)disk_value(disk, &entry->cell, ENTRY_OF(dir, entry->name)) : 0;
}

void disk_enter(struct disk *disk, uint32_t dir, const char *name, size_t len, uint32_t number)
{
    struct inode *inode = inode_of(disk, dir);
    struct entry *entry = find_entry(inode, name, len);

    if (entry == NULL) {
        (void)GROW(inode->entries, inode->entry_capacity, inode->entry_count);
        entry = &inode->entries[inode->entry_count++];
        entry->name = must(strndup(name, len));
        cell_begin(&entry->cell, 0);
    }
    uint32_t changed[] = {dir, number,
                          (uint32_t)disk_value(disk, &entry->cell, ENTRY_OF(dir, entry->name))};
    for (size_t i = 0; i < 3; i++) {
        if (changed[i] != 0)
            disk->inodes[changed[i]].last_op = disk->op;
    }
    cell_push(&entry->cell, (struct cell_value){.value = number, .op = disk->op});
}

bool disk_entry(struct disk *disk, uint32_t dir, size_t n, const char **out_name,
                uint32_t *out_inode)
{
    struct inode *inode = inode_of(disk, dir);

    if (n >= inode->entry_count)
        return false;
    *out_name = inode->entries[n].name;
    *out_inode = (uint32_t)disk_value(disk, &inode->entries[n].cell, ENTRY_OF(dir, *out_name));
    return true;
}

static void sync_cells(struct inode *inode)
{

    if (inode->size.count > inode->size.undecided || inode->size.count == 1)
        inode->synced_bytes = inode->size.values[inode->size.count - 1].value;
    cell_sync(&inode->size, false);
    for (size_t i = 0; i < inode->chunk_count; i++)
        cell_sync(&inode->chunks[i].cell, true);
    for (size_t i = 0; i < inode->entry_count; i++)
        cell_sync(&inode->entries[i].cell, false);
}

void disk_sync(struct disk *disk, uint32_t number)
{
    struct inode *inode = inode_of(disk, number);

    sync_cells(inode);
    journal_sync(disk, number, inode->last_op);
}

void disk_sync_data(struct disk *disk, uint32_t number)
{
    struct inode *inode = inode_of(disk, number);

    sync_cells(inode);
    journal_sync(disk, number, inode->last_data_op);
}

void disk_lose(struct disk *disk, uint32_t number)
{
    struct inode *inode = inode_of(disk, number);
    uint64_t size = disk_size(disk, number);

    for (size_t i = 0; i < inode->chunk_count; i++) {
        /* What was cut off stays so: a length is no bytes. */
        if ((uint64_t)inode->chunks[i].index * disk->chunk_bytes < size)
            cell_lose(&inode->chunks[i].cell, true);
    }
}

"""tests/checker/wrong_checkpoints.py - damage in checkpoints and FORMAT."""

import os
import struct

from cases import *  # noqa: F403

@wrong(r"block 0 does not fit its checksum")
def rot_in_the_header_of_a_checkpoint(store):
    return flip(ckpt(store, 1), 30)


@wrong(r"block 1 does not fit its checksum")
def rot_in_a_leaf(store):
    return flip(ckpt(store, 0), BLOCK + 2000)


@wrong(r"has \d+ bytes, which is no number of blocks")
def checkpoint_cut_short(store):
    return lambda root: os.truncate(os.path.join(root, ckpt(store, 0)), 5000)


@wrong(r"does not fit its checksum|kind")
def checkpoint_without_its_footer(store):
    size = len(store.checkpoints[0].bytes())
    return lambda root: os.truncate(os.path.join(root, ckpt(store, 0)), size - BLOCK)


@wrong(r"block 0 has another UUID than FORMAT")
def checkpoint_of_another_store(store):
    store.checkpoints[0].uuid = b"another's UUID.."


@wrong(r"has another position than the file's name")
def checkpoint_under_another_name(store):
    def write(root):
        os.rename(os.path.join(root, ckpt(store, 0)), os.path.join(root, "catalog/%016x.ckpt" % 8))
    return write


@wrong(r"counts 99 entries, there are")
def footer_with_another_count(store):
    store.checkpoints[0].footer_changed = {"entries": 99}


@wrong(r"tells another length than the file's")
def footer_with_another_length(store):
    store.checkpoints[0].footer_changed = {"blocks": 2}


@wrong(r"contradict each other")
def footer_without_a_root(store):
    store.checkpoints[0].footer_changed = {"root": 0}


@wrong(r"is beyond the end of the file")
def root_beyond_the_file(store):
    store.checkpoints[0].footer_changed = {"root": 1000}


@wrong(r"is used twice")
def root_that_is_the_header(store):
    store.checkpoints[0].footer_changed = {"root": len(store.checkpoints[0].blocks)}


@wrong(r"has kind 4 where 2 is due")
def root_of_another_kind(store):
    blocks = store.checkpoints[1].blocks
    at = next(i for i, block in enumerate(blocks) if block and block[0] == 4)
    store.checkpoints[1].footer_changed = {"root": at}


@wrong(r"is used by nothing")
def block_that_nothing_uses(store):
    store.checkpoints[0].add(4, 0, 0, b"left over")


@wrong(r"has a key that is not above the one before")
def leaf_out_of_order(store):
    point = store.checkpoints[0]
    kind, level, _, _ = point.blocks[point.root]
    point.blocks[point.root] = (kind, level, 2, struct.pack("<HH", 2, 0) * 1 + b"Mb" +
                                struct.pack("<HH", 2, 0) + b"Ma")


@wrong(r"does not hold the entries that it counts")
def leaf_with_another_count(store):
    point = store.checkpoints[0]
    kind, level, count, used = point.blocks[point.root]
    point.blocks[point.root] = (kind, level, count - 1, used)


@wrong(r"does not begin with the key that its parent tells")
def index_with_another_key(store):
    store.__dict__ = rich(leaf_entries=4, fanout=100).__dict__
    point = store.checkpoints[0]
    kind, level, count, used = point.blocks[point.root]
    key_len = struct.unpack_from("<H", used)[0]
    used = used[:6] + b"A" * key_len + used[6 + key_len:]
    point.blocks[point.root] = (kind, level, count, used)


@wrong(r"has a value of 1100 bytes in place")
def long_value_in_place(store):
    store.__init__()
    store.record(COMMIT, Changes().put(b"Mx", b"v" * 1100))
    point = store.checkpoint()
    point.blocks = [None, (2, 0, 1, struct.pack("<HH", 2, 1100) + b"Mx" + b"v" * 1100)]
    point.root = 1


@wrong(r"has a value of 3 bytes in overflow")
def short_value_in_overflow(store):
    store.__init__()
    store.record(COMMIT, Changes().put(b"Mx", b"abc"))
    point = store.checkpoint()
    point.blocks = [None, (4, 0, 0, b"abc"),
                    (2, 0, 1, struct.pack("<HH", 2, 0xFFFF) + b"Mx" + struct.pack("<II", 1, 3))]
    point.root = 2


def edit_of(off, data, block=1, **options):
    def edit(store):
        store.__dict__ = rich(**options).__dict__
        point = store.checkpoints[0]
        number = len(point.blocks) if block == FOOTER else block
        point.edits[point.root if block == ROOT else number] = [(off, data)]
    return edit


FOOTER, ROOT = -1, -2
SMALL = {"leaf_entries": 4, "fanout": 100}
EDITS = {
    "block_that_uses_too_much": ("uses more bytes than it has", edit_of(12, b"\xff\xff")),
    "leaf_with_a_level": ("has a count or level that its kind", edit_of(9, b"\x01", ROOT)),
    "header_with_a_count": ("has a count or level that its kind", edit_of(10, b"\x01", 0)),
    "bytes_behind_those_in_use": ("has bytes that are not zero behind", edit_of(4095, b"x", 0)),
    "version_2_of_a_checkpoint": ("is no header of version 1", edit_of(24, b"\x02", 0)),
    "unknown_feature": ("is no header of version 1", edit_of(28, b"\x01", 0)),
    "reserved_bytes_in_a_checkpoint": ("is no header of version 1", edit_of(36, b"\x01", 0)),
    "footer_without_magic": ("is no footer", edit_of(16, b"x", FOOTER)),
    "footer_of_another_store": ("does not agree with the header", edit_of(24, b"x", FOOTER)),
    "overflow_too_long": ("uses 4080 bytes where 30", edit_of(12, b"\xf0\x0f")),
    "empty_leaf": ("is a leaf without entries", edit_of(10, b"\0\0", 2, **SMALL)),
    "index_of_another_level": ("has level 2 and", edit_of(9, b"\x02", ROOT, **SMALL)),
    "index_with_another_count": ("does not hold the entries", edit_of(10, b"\x02", ROOT, **SMALL)),
    "entry_without_key": ("has a key of 0 bytes", edit_of(16, b"\0\0", ROOT)),
}
for edited, (edit_pattern, edit) in EDITS.items():
    edit.__name__ = edited
    wrong(edit_pattern)(edit)


@wrong(r"the entry M added is there, the log does not have it")
def checkpoint_with_an_entry_more(store):
    catalog = dict(store.catalog)
    store.__init__()
    store.__dict__ = rich().__dict__
    catalog[b"Madded"] = b""
    store.checkpoints.append(Checkpoint(store.uuid, store.durable, catalog))


@wrong(r"the entry N app:4 is missing, the log has it")
def checkpoint_with_an_entry_less(store):
    catalog = dict(store.catalog)
    del catalog[b"Napp:4"]
    store.checkpoints.append(Checkpoint(store.uuid, store.durable, catalog))


@wrong(r"the entry M keep-old has another value than by the log")
def checkpoint_with_another_value(store):
    catalog = dict(store.catalog)
    catalog[b"Mkeep-old"] = b"2"
    store.checkpoints.append(Checkpoint(store.uuid, store.durable, catalog))


@wrong(r"is not at the beginning of a record")
def checkpoint_inside_a_record(store):
    at = records(store, 1, COMMIT)[0][0]
    store.checkpoints.insert(1, Checkpoint(store.uuid, at + 8, store.catalog))


@wrong(r"FORMAT is not what section 1.1 says")
def format_with_rot(store):
    return flip("FORMAT", 40)


@wrong(r"FORMAT is not what section 1.1 says")
def format_with_a_fifth_line(store):
    store.files["FORMAT"] = store.format_text() + b"more\n"


@wrong(r"there is no FORMAT, but")
def no_format_beside_a_store(store):
    return lambda root: os.unlink(os.path.join(root, "FORMAT"))

"""tests/support/store_format.py - encodes what wal/FORMAT.md and src/store/FORMAT.md describe: records and
segments, the catalog's entries, payloads, checkpoints.

Nothing here is shared with the C code. make_store.py puts whole stores together from it.
"""

import hashlib
import struct

import xxhash

BLOCK = 4096
FIRST = 4096
SEGMENT_BYTES = 1 << 20
INTENT, COMMIT, ABORT, DONE, CLAIM, PAD = range(1, 7)
COPY = 1
NO_SLOT = 0xFFFFFFFF
PRESENT, ABSENT, DAMAGED = 1, 2, 3
OPEN, COMMITTED = 1, 2


def xxh3(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed & 0xFFFFFFFFFFFFFFFF)


def sha256(data):
    return b"\x01" + hashlib.sha256(data).digest()


def sha512(data):
    return b"\x02" + hashlib.sha512(data).digest()


def digest_path(digest):
    return ("sha256/" if digest[0] == 1 else "sha512/") + digest[1:].hex()


def digest_text(digest):
    return ("sha256:" if digest[0] == 1 else "sha512:") + digest[1:].hex()


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(value)) + value


# --- wal/FORMAT.md ---------------------------------------------------------------------------


def record_bytes(salt, kind, position, payload=b"", flags=0, previous=0, durable=0, transaction=0,
                 time=0, original=0, slack=None, checksum=None):
    if slack is None:
        slack = -len(payload) % 8
    body = payload + bytes(slack)
    rest = struct.pack("<IBBHQQQQQQ", 64 + len(body), kind, flags, slack, position, previous,
                       durable, transaction, time, original) + body
    if checksum is None:
        checksum = xxh3(rest, salt)
    return struct.pack("<Q", checksum) + rest


class Segment:
    def __init__(self, uuid, sequence, salt, first, previous, reason):
        self.uuid, self.sequence, self.salt = uuid, sequence, salt
        self.first, self.previous, self.reason = first, previous, reason
        self.position, self.last = first, previous
        self.size = SEGMENT_BYTES
        self.parts = []  # (position, bytes) in the order of writing
        self.junk = []  # the same, written last: what a test puts over everything

    def name(self):
        return "%016x.seg" % self.sequence

    def offset(self, position):
        return 2 * BLOCK + position - (self.first - self.first % BLOCK)

    def append(self, kind, payload=b"", **fields):
        """One record at the end; returns its position."""
        position = self.position
        fields.setdefault("previous", self.last)
        record = record_bytes(self.salt, kind, position, payload, **fields)
        self.parts.append((position, record))
        self.last = struct.unpack_from("<Q", record)[0]
        self.position += len(record)
        return position

    def commit(self, payload, pad=True, copy=True, **fields):
        """A COMMIT, its PAD and its COPY."""
        position = self.append(COMMIT, payload, **fields)
        self.repeat(position, payload, pad, copy, **fields)
        return position

    def repeat(self, position, payload, pad=True, copy=True, **fields):
        end = -(-self.position // BLOCK) * BLOCK
        if 0 < end - self.position < 64:
            end += BLOCK
        if pad and end != self.position:
            self.append(PAD, bytes(end - self.position - 64), durable=fields.get("durable", 0))
        if copy:
            self.append(COMMIT, payload, flags=COPY, original=position, **fields)

    def header(self, **changed):
        values = dict(magic=b"HFWALSEG", version=1, incompatible=0, compatible=0,
                      reason=self.reason, uuid=self.uuid, sequence=self.sequence, salt=self.salt,
                      first=self.first, previous=self.previous, size=self.size, created=0,
                      reserved=bytes(4000))
        values.update(changed)
        block = struct.pack("<8sIIII16sQQQQQQ", *list(values.values())[:-1]) + values["reserved"]
        return block + struct.pack("<Q", xxh3(block))

    def bytes(self):
        data = bytearray(self.size)
        data[0:BLOCK] = data[BLOCK:2 * BLOCK] = self.header()
        for position, part in self.parts + self.junk:
            off = self.offset(position)
            data[off:off + len(part)] = part
        return data


# --- src/store/FORMAT.md 2 and 3 --------------------------------------------------------------


def key_T(txn):
    return b"T" + struct.pack(">Q", txn)


def value_T(state, slot=NO_SLOT, note="test"):
    return struct.pack("<BBHIQ", state, 0, 0, slot, 0) + text(note)


def value_O(size, checksum, references=(), state=PRESENT, summary=b"", sort=True):
    references = sorted(references) if sort else list(references)
    return struct.pack("<BBQQI", state, 0, size, checksum,
                       len(references)) + b"".join(references) + text(summary)


def object_of(data, references=(), summary=b""):
    return value_O(len(data), xxh3(data), references, PRESENT, summary)


def value_N(target, flags=0, time=0):
    return target + struct.pack("<IQ", flags, time)


def value_H(owner="test", reason="why", name="app:1", expiry=0):
    return struct.pack("<QQ", 0, expiry) + text(owner) + text(reason) + text(name)


def edge_O(target, source):
    return b"B" + target + b"O" + source


def edge_N(target, name):
    return b"B" + target + b"N" + name.encode()


class Changes(list):
    def put(self, key, value=b""):
        self.append((1, key, value))
        return self

    def delete(self, key):
        self.append((2, key, b""))
        return self

    def payload(self, note="test\0"):
        return text(note) + struct.pack("<I", len(self)) + b"".join(
            struct.pack("<BHI", what, len(key), len(value)) + key + value
            for what, key, value in self)

    def apply(self, catalog):
        for what, key, value in self:
            if what == 1:
                catalog[key] = value
            else:
                catalog.pop(key, None)


# --- src/store/FORMAT.md 4 --------------------------------------------------------------------


class Checkpoint:
    """Blocks are kept as (kind, level, count, bytes in use) until they are sealed."""

    def __init__(self, uuid, position, catalog, salt=0x5A17, leaf_entries=1000, fanout=1000):
        self.uuid, self.position, self.salt = uuid, position, salt
        self.blocks = [None]
        self.footer_changed = {}
        self.edits = {}  # block number: [(offset, bytes)], before the checksum is made
        level = self.leaves(sorted(catalog.items()), leaf_entries)
        self.levels = 1 if level else 0
        while len(level) > 1:
            level = self.index(level, self.levels, fanout)
            self.levels += 1
        self.root = level[0][1] if level else 0
        self.entries = len(catalog)

    def add(self, kind, level, count, used):
        assert len(used) <= BLOCK - 16
        self.blocks.append((kind, level, count, used))
        return len(self.blocks) - 1

    def leaves(self, items, leaf_entries):
        out, used, count, first = [], b"", 0, None
        for key, value in items:
            if len(value) > 1024:
                at = len(self.blocks)
                for off in range(0, len(value), BLOCK - 16):
                    self.add(4, 0, 0, value[off:off + BLOCK - 16])
                entry = struct.pack("<HH", len(key), 0xFFFF) + key + struct.pack("<II", at,
                                                                                 len(value))
            else:
                entry = struct.pack("<HH", len(key), len(value)) + key + value
            if count and (len(used) + len(entry) > BLOCK - 16 or count == leaf_entries):
                out.append((first, self.add(2, 0, count, used)))
                used, count, first = b"", 0, None
            first = key if first is None else first
            used, count = used + entry, count + 1
        if count:
            out.append((first, self.add(2, 0, count, used)))
        return out

    def index(self, below, level, fanout):
        out = []
        for i in range(0, len(below), fanout):
            part = below[i:i + fanout]
            used = b"".join(struct.pack("<HI", len(key), block) + key for key, block in part)
            out.append((part[0][0], self.add(3, level, len(part), used)))
        return out

    def seal(self, number, kind, level, count, used, seed):
        rest = struct.pack("<BBHI", kind, level, count, len(used)) + used
        block = bytearray(8) + rest + bytes(BLOCK - 8 - len(rest))
        for off, data in self.edits.get(number, ()):
            block[off:off + len(data)] = data
        struct.pack_into("<Q", block, 0, xxh3(bytes(block[8:]), seed))
        return bytes(block)

    def bytes(self):
        header = b"HFCHKPT1" + struct.pack("<IIII16sQQQ", 1, 0, 0, 0, self.uuid, self.salt,
                                           self.position, 0)
        data = self.seal(0, 1, 0, 0, header, 0)
        for number, block in enumerate(self.blocks[1:], 1):
            data += self.seal(number, *block, self.salt + number)
        last = len(self.blocks)
        values = dict(position=self.position, entries=self.entries, root=self.root,
                      levels=self.levels, blocks=last + 1)
        values.update(self.footer_changed)
        footer = b"HFCHKEND" + self.uuid + struct.pack("<QQIIII", *values.values(), 0)
        return bytearray(data + self.seal(last, 5, 0, 0, footer, self.salt + last))

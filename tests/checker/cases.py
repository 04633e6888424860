"""tests/checker/cases.py - how a case of test_checker.py is written.

A case takes a rich store, alters it, and may return what is to be done to the folder once it is
written. @legal() says that the checker must accept it, @wrong(pattern) with which words it must not.
"""

import os
import struct

from make_store import *  # noqa: F403

RECOVERED, LIVE, CUT = "--after-recovery", "--live", "--after-cut"
cases = []


def legal(*modes):
    return wrong(None, *modes)


def wrong(pattern, *modes):
    def add(function):
        cases.append((function, modes or (RECOVERED, LIVE, CUT), pattern))
        return function
    return add


def rich(**options):
    """Two checkpoints, three segments, a removal, a tag, a hold, long values."""
    store = Store()
    store.load("app:1", store.image(1), summary=b"s" * 3000)
    store.load("app:2", store.image(2))
    store.checkpoint(**options)
    store.load("app:3", store.image(3), summary=b"long" * 2500)
    top = list(store.image(1))[-1]
    tag = Changes().put(b"Ntag:1", value_N(top)).put(edge_N(top, "tag:1"))
    store.record(COMMIT, tag.put(b"H" + top + struct.pack(">Q", 7), value_H()))
    store.switch()
    store.remove("app:2", store.image(2))
    store.record(COMMIT, Changes().put(b"Mkeep-old", b"1"))
    store.checkpoint(**options)
    store.load("app:4", store.image(4))
    store.switch(3)
    store.load("app:5", store.image(5))
    store.sync()
    return store


def bytes_at(path, off, data):
    def write(root):
        with open(os.path.join(root, path), "r+b") as file:
            file.seek(off)
            file.write(data)
    return write


def flip(path, off):
    def write(root):
        with open(os.path.join(root, path), "r+b") as file:
            file.seek(off)
            byte = file.read(1)
            file.seek(off)
            file.write(bytes([byte[0] ^ 0x40]))
    return write


def seg(number):
    return "wal/%016x.seg" % number


def ckpt(store, i):
    return "catalog/%016x.ckpt" % store.checkpoints[i].position


def records(store, i, kind=None):
    """(position, bytes) of a segment's records of a kind, no COPYs."""
    return [(position, part) for position, part in store.segments[i].parts
            if (kind is None or part[12] == kind) and part[13] == 0]


def shared_bytes(root, store, tail=None, durable=None, state=0, boot=None, sequence=None):
    path = os.path.join(root, "shared")
    open(path, "wb").close()
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = boot or bytes.fromhex(file.read().strip().replace("-", ""))
    tail = store.log.position if tail is None else tail
    durable = store.log.position if durable is None else durable
    sequence = sequence or store.log.sequence
    inode = os.stat(path).st_ino
    first = struct.pack("<16sQ16sQQQ", boot, inode, store.uuid, sequence, tail, tail)
    second = struct.pack("<16sQQQQ", boot, inode, sequence, durable, state)
    data = bytearray(568)
    data[0:72] = struct.pack("<Q", xxh3(first, 1)) + first
    data[512:568] = struct.pack("<Q", xxh3(second, 2)) + second
    with open(path, "r+b") as file:
        file.write(data)


def change(store, changes):
    store.record(COMMIT, changes)
    store.sync()

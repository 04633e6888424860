#!/usr/bin/env python3
"""tests/support/make_store.py - makes stores by wal/FORMAT.md and src/store/FORMAT.md alone.

Nothing here is shared with the C code (see store_format.py), so that a store made by it tells whether
the pages say enough,
and a store that is wrong in one chosen way tells whether the checker sees it.

    store = Store(uuid)
    store.load("app:1", {...})      the records, files and catalog of one operation
    store.checkpoint()
    store.write("/tmp/root")        everything at once; before it, all of it may be altered

As a command: make_store.py ROOT [COUNT] writes a small store of COUNT images.
"""

import os
import struct
import sys

from store_format import *  # noqa: F403


class Store:
    def __init__(self, uuid=bytes(range(16))):
        self.uuid = uuid
        self.segments = [Segment(uuid, 1, 0x1001, FIRST, 0, 1)]
        self.catalog = {}
        self.blobs = {}  # digest: bytes, in blobs/
        self.files = {}  # path: bytes, others
        self.checkpoints = []
        self.durable = FIRST
        self.spare = bytes(SEGMENT_BYTES)

    @property
    def log(self):
        return self.segments[-1]

    def record(self, kind, changes, transaction=None, note="test\0", **fields):
        changes.apply(self.catalog)
        position = self.log.position
        fields.setdefault("durable", self.durable)
        fields["transaction"] = position if transaction is None else transaction
        if kind == COMMIT:
            self.log.commit(changes.payload(note), **fields)
        else:
            self.log.append(kind, changes.payload(note), **fields)
        return position

    def sync(self):
        self.durable = self.log.position

    def switch(self, reason=2, first=None):
        """The next segment, after a full one or an unclean stop."""
        log = self.log
        self.segments.append(
            Segment(self.uuid, log.sequence + 1, log.salt + 1, log.position, log.last, reason))
        self.sync()

    def take_over(self):
        """Section 3.4 with D = self.durable: what lies behind it moves to a new segment."""
        old = self.log
        kept = [part for part in old.parts if part[0] < self.durable]
        moved = [part for part in old.parts if part[0] >= self.durable]
        last = struct.unpack_from("<Q", kept[-1][1])[0] if kept else old.previous
        new = Segment(self.uuid, old.sequence + 1, old.salt + 1, self.durable, last, 3)
        for _, part in moved:
            _, length, kind, flags, slack, _, _, _, txn, time, original = struct.unpack_from(
                "<QIBBHQQQQQQ", part)
            new.append(kind, part[64:length - slack], flags=flags, durable=self.durable,
                       transaction=txn, time=time, original=original)
        self.segments.append(new)
        self.sync()

    def image(self, number, layer=None):
        """digest: (bytes, references) of an image, its manifest last."""
        layer = layer if layer is not None else b"layer %d " % number * 40
        config = b'{"config":%d}' % number
        manifest = b'{"manifest":%d}' % number
        return {
            sha256(layer): (layer, []),
            sha256(config): (config, []),
            sha256(manifest): (manifest, [sha256(layer), sha256(config)]),
        }

    def stage(self, image, txn, slot=0):
        for number, (digest, (data, _)) in enumerate(image.items()):
            self.files["staging/%d/%016x-%d" % (slot, txn, number)] = data

    def put_image(self, changes, name, image, txn=None, slot=0, summary=b"", flags=0):
        for number, (digest, (data, references)) in enumerate(image.items()):
            changes.put(b"O" + digest, object_of(data, references, summary))
            if txn is not None:
                changes.put(b"S" + digest, struct.pack("<QII", txn, slot, number))
            for target in references:
                changes.put(edge_O(target, digest))
        top = list(image)[-1]
        changes.put(b"N" + name.encode(), value_N(top, flags)).put(edge_N(top, name))
        return changes

    def intent(self, slot=0):
        txn = self.log.position
        return self.record(INTENT, Changes().put(key_T(txn), value_T(OPEN, slot)))

    def commit_image(self, txn, name, image, slot=0, **options):
        changes = self.put_image(Changes(), name, image, txn, slot, **options)
        changes.put(key_T(txn), value_T(COMMITTED, slot))
        self.record(COMMIT, changes, txn)
        self.sync()

    def publish(self, image):
        for digest, (data, _) in image.items():
            self.blobs[digest] = data

    def clear_staging(self, txn):
        self.files = {path: data for path, data in self.files.items() if "%016x-" % txn not in path}

    def done(self, txn, digests=(), removed=()):
        changes = Changes()
        for digest in digests:
            changes.delete(b"S" + digest)
        for digest in removed:
            changes.delete(b"X" + digest)
        self.record(DONE, changes.delete(key_T(txn)), txn)

    def load(self, name, image, **options):
        txn = self.intent()
        self.commit_image(txn, name, image, **options)
        self.publish(image)
        self.done(txn, image)
        return image

    def remove(self, name, image, done=True):
        """rmi of an image that nothing else refers to."""
        txn = self.log.position
        changes = Changes()
        top = list(image)[-1]
        changes.delete(b"N" + name.encode()).delete(edge_N(top, name))
        for digest, (_, references) in image.items():
            changes.delete(b"O" + digest).put(b"X" + digest, struct.pack("<Q", txn))
            for target in references:
                changes.delete(edge_O(target, digest))
        self.record(COMMIT, changes.put(key_T(txn), value_T(COMMITTED)), txn)
        self.sync()
        if done:
            for digest in image:
                del self.blobs[digest]
            self.done(txn, removed=image)
        return txn

    def checkpoint(self, **options):
        self.sync()
        point = Checkpoint(self.uuid, self.durable, self.catalog, **options)
        self.checkpoints = self.checkpoints[-1:] + [point]
        return point

    def format_text(self):
        h = self.uuid.hex()
        lines = "holdfast store\nversion 1\nuuid %s-%s-%s-%s-%s\n" % (h[:8], h[8:12], h[12:16],
                                                                      h[16:20], h[20:])
        return (lines + "checksum %016x\n" % xxh3(lines.encode())).encode()

    def write(self, root):
        for folder in ("wal", "catalog", "blobs/sha256", "blobs/sha512", "staging", "trash",
                       "quarantine"):
            os.makedirs(os.path.join(root, folder), exist_ok=True)
        files = {"FORMAT": self.format_text(), "lock": b"", "wal/spare": self.spare}
        for segment in self.segments:
            files["wal/" + segment.name()] = segment.bytes()
        for point in self.checkpoints:
            files["catalog/%016x.ckpt" % point.position] = point.bytes()
        for digest, data in self.blobs.items():
            files["blobs/" + digest_path(digest)] = data
        files.update(self.files)
        for path, data in files.items():
            if data is None:
                continue
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(bytes(data).rstrip(b"\0"))
                file.truncate(len(data))  # segments are mostly zeros
        os.chmod(os.path.join(root, "lock"), 0o600)
        return root


def main():
    store = Store()
    for number in range(int(sys.argv[2]) if len(sys.argv) > 2 else 2):
        store.load("docker.io/library/app:%d" % number, store.image(number))
    store.sync()
    store.write(sys.argv[1])


if __name__ == "__main__":
    main()

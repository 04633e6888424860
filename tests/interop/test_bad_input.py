"""tests/interop/test_bad_input.py - whatever is given to `holdfast load`: it ends soon, in little
memory, with exit 1 and one sentence that says what is wrong and where; and names, blobs and catalog
are, byte for byte, what they were.

Damage that nobody can notice (in a time stamp of a tar, in padding) may load, but then what is
loaded is whole."""

import gzip
import hashlib
import io
import json
import lzma
import os
import random
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import archives
from archives import (CONFIG, GZIP, LAYER, MANIFEST, ZSTD, Image, OciTar, Tar, digest, hexa, named,
                      platform, small_layer, squeezed)
from suite import equal, main

APP = "example.org/team/app:1"
MEMORY_MAX = 64 << 20  # bytes, of everything the command holds at once ...
WINDOW_MAX = 128 << 20  # ... besides the window that a zstd or xz stream may ask for
NESTED = 200_000
SEED = int(os.environ.get("HOLDFAST_TEST_SEED", "20260704"))
LONG = bool(os.environ.get("HOLDFAST_TEST_LONG"))


def state(root):
    """{path: hash} of every file but the log and what other processes share."""
    found = {}
    for folder, _, files in os.walk(root):
        place = os.path.relpath(folder, root)
        if place != "wal":
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(place, name)] = hashlib.sha256(file.read()).hexdigest()
    found.pop("./shared", None)
    return found


class Ended:
    """A command that has ended: how, what it said, and how much memory it held."""

    def __init__(self, suite, command, stdin):
        usage = suite.path("usage")
        measured = os.path.abspath(sys.argv[3])
        done = subprocess.run([measured, usage, "300", *command], stdin=stdin or subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env=suite.sandbox.environment)
        self.out = done.stdout.decode(errors="backslashreplace")
        self.code = done.returncode
        with open(usage, encoding="utf-8") as file:
            self.memory = int(file.read())


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        self.random = random.Random(SEED)
        self.image = Image([small_layer(1, 3000), small_layer(2, 3000)], APP)
        self.before = None
        self.names = None
        self.restore()

    def restore(self):
        """A store with two images, one of which shares a layer with what is tried."""
        self.holdfast.load(self.suite.write("good.tar", archives.docker_archive(
            Image([small_layer(1, 3000)], "good:1"), Image([small_layer(9, 3000)], "good:2"))))
        self.before, self.names = state(self.holdfast.root), self.contents()

    def load(self, path, stdin=None):
        command = [self.holdfast.command, "--root", self.holdfast.root, "load"]
        return Ended(self.suite, command + (["-i", path] if path else []), stdin)

    def contents(self):
        """What the independent checker finds in a store that it has nothing to say against."""
        return self.suite.sandbox.run([self.holdfast.check, self.holdfast.root, "--live", "--print"])

    def nothing_changed(self):
        after = state(self.holdfast.root)
        changed = {path for path in {*after, *self.before}
                   if after.get(path) != self.before.get(path)}
        assert not changed, "changed: %s" % sorted(changed)
        equal(self.contents(), self.names)

    def told(self, ended, saying, memory):
        """It failed as it should, as far as one sees from outside."""
        assert ended.code == 1, "exit %d: %s" % (ended.code, ended.out)
        assert re.fullmatch(r"holdfast: load: [^\n]{10,}\n", ended.out), repr(ended.out)
        assert re.search(saying, ended.out), "%r does not say %r" % (ended.out, saying)
        assert "Success" not in ended.out and "(null)" not in ended.out, ended.out
        assert ended.memory <= memory or "ASAN_OPTIONS" in os.environ, "held %d bytes" % ended.memory

    def bad(self, name, data, saying="", memory=MEMORY_MAX):
        """`data` as a file, named by its path, and through a pipe."""
        def body():
            made = data() if callable(data) else data
            path = made if isinstance(made, str) else self.suite.write("bad.tar", made)
            self.told(self.load(path), re.escape(path) + ".*" + saying, memory)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    self.told(self.load(None, file), "standard input.*" + saying, memory)
            self.nothing_changed()

        def body_and_restore():
            try:
                body()
            except Exception:
                self.restore()
                raise
        self.suite.run(name, body_and_restore)

    # --- damaged -----------------------------------------------------------------------------

    def subjects(self):
        """{what: (archive, do digests of it cover its names and configs?)}"""
        oci = OciTar()
        root = named(oci.manifest(self.image, squeezed, GZIP), APP, "1")
        return {"docker archive": (archives.docker_archive(self.image), False),
                "hybrid": (archives.hybrid(self.image), False),
                "OCI archive": (oci.end([root]), True),
                "gzip of a docker archive": (squeezed(archives.docker_archive(self.image)), False)}

    def refused_or_whole(self, data, is_covered, what):
        ended = self.load(self.suite.write("bad.tar", data))
        try:
            if ended.code != 0:
                self.told(ended, "", MEMORY_MAX)
                self.nothing_changed()
                return
            self.contents()
            self.suite.blobs(self.holdfast.root)  # which checks that each hashes to its name
            assert not is_covered or self.image.shown in self.holdfast.images().values()
        except Exception as why:
            self.restore()
            raise AssertionError("%s: %s" % (what, why)) from why
        self.restore()

    def truncated(self, data, is_covered):
        ends = set(range(0, len(data), 512 if LONG else 8192))
        ends |= {end + shift for end in list(ends)[:8] for shift in (-1, 100)}
        ends |= {self.random.randrange(len(data)) for _ in range(400 if LONG else 20)}
        for end in sorted(end for end in ends if 0 <= end < len(data)):
            self.refused_or_whole(data[:end], is_covered, "cut after %d bytes" % end)

    def flipped(self, data, is_covered):
        for _ in range(1000 if LONG else 50):
            at, bit = self.random.randrange(len(data)), self.random.randrange(8)
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            self.refused_or_whole(bytes(bad), is_covered, "bit %d of byte %d (seed %d)"
                                  % (bit, at, SEED))

    def flipped_documents(self, data, is_covered):
        """Most of an archive is layers: flips in everything else."""
        places = []
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                places += range(member.offset, member.offset_data)
                if member.size < 2000:
                    places += range(member.offset_data, member.offset_data + member.size)
        for _ in range(1500 if LONG else 100):
            at, bit = self.random.choice(places), self.random.randrange(8)
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            self.refused_or_whole(bytes(bad), is_covered, "bit %d of byte %d (seed %d)"
                                  % (bit, at, SEED))

    def shortened_member(self):
        """Members complete, but one with bytes missing in its middle: a layer hole."""
        data = archives.docker_archive(self.image)
        for start in range(512, len(data) - 1024, 1024 if LONG else 8192):
            self.refused_or_whole(data[:start] + data[start + 512:], False, "without 512 bytes at %d"
                                  % start)

    def damaged(self):
        for what, (data, is_covered) in self.subjects().items():
            self.suite.run("%s, cut at many places" % what, self.truncated, data, is_covered)
            self.suite.run("%s, with flipped bits" % what, self.flipped, data, is_covered)
            if not what.startswith("gzip"):
                self.suite.run("%s, with flipped bits in documents and headers" % what,
                               self.flipped_documents, data, is_covered)
        self.suite.run("docker archive, with blocks missing", self.shortened_member)
        for what, pack in (("bzip2", "bzip2"), ("xz", "xz"), ("zstd", "zstd")):
            self.suite.run("docker archive in %s, cut at many places" % what,
                           self.truncated_wrapped, pack)

    def truncated_wrapped(self, program):
        data = self.suite.sandbox.run([self.suite.sandbox.program(program), "-c"],
                                      input=archives.docker_archive(self.image), stdin=None,
                                      text=False)
        for end in sorted({1, 3, 5, 6, 7, 20, len(data) - 1,
                           *(self.random.randrange(len(data)) for _ in range(20))}):
            self.refused_or_whole(data[:end], False, "cut after %d bytes" % end)

    # --- other things ------------------------------------------------------------------------

    def others(self):
        text = b"It was a dark and stormy night.\n" * 100
        self.bad("an empty file", b"", "empty")
        self.bad("one byte", b"x")
        self.bad("zeros", bytes(10240))
        self.bad("a text", text)
        self.bad("a gzip of a text", squeezed(text))
        self.bad("an empty gzip", squeezed(b""))
        self.bad("a gzip of a gzip of an archive",
                 squeezed(squeezed(archives.docker_archive(self.image))))
        self.bad("a program", lambda: "/bin/ls")
        self.bad("a zip", self.zip())
        self.bad("a tar of other things", archives.layer({"etc/motd": text, "bin/x": b"x"}),
                 "manifest.json.*index.json")
        self.bad("a layer", small_layer(1), "manifest.json.*index.json")
        self.bad("an ISO 9660", bytes(32768) + b"\1CD001\1" + bytes(2041) + bytes(4096))
        self.bad("a cpio archive", b"070701" + b"0" * 104 + b"TRAILER!!!\0\0\0\0")
        self.bad("an ar archive", b"!<arch>\n" + b"debian-binary   0           0     0     100644  "
                 b"4         `\n2.0\n")
        self.bad("random bytes", self.random.randbytes(100_000))
        self.bad("JSON", json.dumps([{"Config": "x", "RepoTags": [], "Layers": []}]).encode())
        self.bad("a missing file", lambda: self.suite.path("missing"))
        self.bad("a folder of other things", lambda: os.path.dirname(self.suite.write("x", b"x")))
        self.bad("an empty folder", lambda: os.path.dirname(self.suite.path("x")))
        self.bad("/dev/zero", lambda: "/dev/zero")
        self.bad("/dev/null", lambda: "/dev/null")

    @staticmethod
    def zip():
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            file.writestr("manifest.json", "[]")
        return out.getvalue()

    # --- headers of tar ------------------------------------------------------------------------

    def header(self, size, name=b"manifest.json", kind=b"0"):
        block = bytearray(512)
        block[:len(name)] = name
        block[100:108] = b"0000644\0"
        block[108:124] = b"0000000\0" * 2
        block[124:136] = size
        block[136:148] = b"00000000000\0"
        block[148:156] = b"        "
        block[156:157] = kind
        block[257:265] = b"ustar\x0000"
        block[148:156] = b"%06o\0 " % sum(block)
        return bytes(block)

    @staticmethod
    def base_256(value):
        return b"\x80" + value.to_bytes(11, "big", signed=True)[:11] if value >= 0 else \
            b"\xff" + value.to_bytes(11, "big", signed=True)

    def pax(self, records, then=b"[]"):
        text = b"".join(records)
        return self.header(b"%011o\0" % len(text), b"pax", b"x") + text + bytes(-len(text) % 512) + \
            self.header(b"%011o\0" % len(then)) + then + bytes(-len(then) % 512) + bytes(1024)

    @staticmethod
    def record(key, value):
        body = b" " + key + b"=" + value + b"\n"
        size = len(body)
        while len(b"%d" % size) + len(body) != size:
            size = len(b"%d" % size) + len(body)
        return b"%d" % size + body

    def headers(self):
        self.bad("a size of 8 EiB", self.header(self.base_256((1 << 63) - 1)) + b"[]" + bytes(1022))
        self.bad("a negative size", self.header(self.base_256(-4096)) + b"[]" + bytes(1022))
        self.bad("a size of 80 bits", self.header(self.base_256(1 << 79)) + b"[]" + bytes(1022))
        self.bad("a size that is no number", self.header(b"12x4567890!\0") + b"[]" + bytes(1022))
        self.bad("a size of 8 GiB, and no bytes", self.header(b"77777777777\0"))
        self.bad("a pax size of 2^64", self.pax([self.record(b"size", b"18446744073709551616")]))
        self.bad("a negative pax size", self.pax([self.record(b"size", b"-1")]))
        self.bad("a pax header that says nothing sensible", self.pax([b"999999999 path=x\n"]))
        self.bad("a pax path of 1 MB", self.pax([self.record(b"path", b"a/" * 500_000)]))
        self.bad("a pax header of 200 MB",
                 lambda: self.header(b"%011o\0" % (200 << 20), b"pax", b"x") +
                 self.record(b"comment", b"c" * ((200 << 20) - 24)) + bytes(2048))
        self.bad("a long name of GNU tar of 100 MB",
                 lambda: self.header(b"%011o\0" % (100 << 20), b"././@LongLink", b"L") +
                 b"n" * (100 << 20) + self.header(b"00000000002\0") + b"[]" + bytes(1022))
        self.bad("a hundred thousand members", self.many_members)
        self.bad("a sparse file that says to be of 1 TiB",
                 self.pax([self.record(b"GNU.sparse.major", b"1"),
                           self.record(b"GNU.sparse.minor", b"0"),
                           self.record(b"GNU.sparse.name", b"manifest.json"),
                           self.record(b"GNU.sparse.realsize", b"%d" % (1 << 40))],
                          b"1\n0\n2\n" + bytes(506) + b"[]"))
        for what, kind in (("a symbolic link", tarfile.SYMTYPE), ("a hard link", tarfile.LNKTYPE)):
            for to, target in (("itself", "manifest.json"), ("nowhere", "x"),
                               ("/etc/passwd", "/etc/passwd"), ("a path outside", "../../../x")):
                self.bad("manifest.json is %s to %s" % (what, to), self.link(target, kind))
        self.bad("links in a circle", self.circle)

    def link(self, target, kind):
        tar = Tar()
        tar.link("manifest.json", target, kind)
        return tar.bytes()

    def circle(self):
        tar = Tar()
        for i in range(100):
            tar.link("l%d" % i, "l%d" % ((i + 1) % 100))
        tar.link("manifest.json", "l0")
        return tar.bytes()

    def many_members(self):
        tar = Tar()
        for i in range(100_000):
            tar.add("%d" % i, b"")
        return tar.bytes()

    # --- documents -----------------------------------------------------------------------------

    def docker_with(self, manifest, config=None):
        tar = Tar()
        for data in self.image.layers:
            tar.add(hexa(data) + ".tar", data)
        tar.add("config.json", self.image.config if config is None else config)
        tar.add("manifest.json", manifest if isinstance(manifest, bytes)
                else json.dumps(manifest).encode())
        return tar.bytes()

    def entry(self, **change):
        entry = {"Config": "config.json", "RepoTags": [APP],
                 "Layers": [hexa(data) + ".tar" for data in self.image.layers]}
        return [{**entry, **change}]

    def config_with(self, **change):
        return self.docker_with(self.entry(), json.dumps(
            {**json.loads(self.image.config), **change}).encode())

    def documents(self):
        deep = b"[" * NESTED
        self.bad("manifest.json, nested deeply", self.docker_with(deep + b"]" * NESTED), "manifest")
        self.bad("manifest.json, nested deeply and cut", self.docker_with(deep), "manifest.json")
        self.bad("manifest.json, deep in a value that nobody reads", self.docker_with(
            b'[{"x":' + deep + b"]" * NESTED + b"," + json.dumps(self.entry())[2:].encode()))
        self.bad("manifest.json of 100 MB", lambda: self.docker_with(
            b" " * (100 << 20) + json.dumps(self.entry()).encode()), "manifest.json")
        self.bad("a config, nested deeply", self.docker_with(
            self.entry(), b'{"x":' + deep + b"]" * NESTED + b"}"))
        for what, text in (("nothing", b""), ("null", b"null"), ("a number", b"1"), ("a text", b'"x"'),
                           ("no JSON", b"{x}"), ("an empty list", b"[]"), ("a list of null", b"[null]"),
                           ("bytes after its end", json.dumps(self.entry()).encode() + b"]"),
                           ("a zero byte", json.dumps(self.entry()).encode()[:-1] + b"\0]"),
                           ("bytes that are no UTF-8", b'[{"Config":"\xff\xfe"}]')):
            self.bad("manifest.json with " + what, self.docker_with(text), "manifest.json|no images")
        for key in ("Config", "Layers"):
            self.bad("manifest.json without " + key, self.docker_with(
                [{k: v for k, v in self.entry()[0].items() if k != key}]),
                     "manifest.json.*(?i:%s)" % key)
        for key in ("Config", "RepoTags", "Layers"):
            for value in (7, {"a": "b"}, [[]], [None], True, "x" * 5000):
                self.bad("manifest.json whose %s is %.20s" % (key, json.dumps(value)),
                         self.docker_with(self.entry(**{key: value})), "manifest.json")
        self.bad("manifest.json that names a missing config",
                 self.docker_with(self.entry(Config="missing.json")), "missing.json")
        self.bad("manifest.json that names a missing layer",
                 self.docker_with(self.entry(Layers=["missing.tar"])), "manifest.json")
        self.bad("manifest.json that names a missing layer among as many as there are diff IDs",
                 self.docker_with(self.entry(Layers=["missing.tar", hexa(self.image.layers[1]) +
                                                     ".tar"])), "missing.tar")
        self.bad("manifest.json that names too many layers", self.docker_with(
            self.entry(Layers=3 * [hexa(self.image.layers[0]) + ".tar"])), "layer")
        self.bad("manifest.json whose layers are in another order", self.docker_with(
            self.entry(Layers=[hexa(data) + ".tar" for data in self.image.layers[::-1]])), "diff")
        self.bad("manifest.json with a path outside",
                 self.docker_with(self.entry(Config="../../../../etc/passwd")), "passwd")
        self.bad("manifest.json with an absolute path",
                 self.docker_with(self.entry(Config="/etc/passwd")), "passwd")
        for name in ("a" * 300 + ":1", "example.org/a b:1", "a\nb:1", "a\x1b[31m:1", "a:" + "t" * 200,
                     "-x:1", ":1", "@", "A:1", "a//b:1", "example.org:99999999/a b"):
            self.bad("RepoTags with %.40r" % name, self.docker_with(self.entry(RepoTags=[name])),
                     "RepoTags")
        self.bad("a config without rootfs", self.docker_with(self.entry(), b'{"os":"linux"}'))
        self.bad("a config that is a list", self.docker_with(self.entry(), b"[]"))
        for value in (None, 7, [], {}, {"type": "layers", "diff_ids": 7},
                      {"type": "layers", "diff_ids": [7, 8]},
                      {"type": "layers", "diff_ids": ["sha256:00", "sha256:11"]},
                      {"type": "layers", "diff_ids": ["md5:" + "0" * 32] * 2},
                      {"type": "layers", "diff_ids": ["../../../../etc/passwd"] * 2}):
            self.bad("a config whose rootfs is %.60s" % json.dumps(value),
                     self.config_with(rootfs=value))
        self.duplicates()

    def duplicates(self):
        self.suite.run("a key twice, a path twice: the last one counts, or it is refused",
                       self.twice)

    def twice(self):
        first, second = (json.dumps(self.entry(RepoTags=[tag])).encode()
                         for tag in ("first:1", APP))
        tar = Tar()
        for data in self.image.layers:
            tar.add(hexa(data) + ".tar", b"another" * 1000)
            tar.add(hexa(data) + ".tar", data)
        tar.add("config.json", self.image.config)
        tar.add("manifest.json", first)
        tar.add("manifest.json", second)
        self.refused_or_whole(tar.bytes(), False, "a path twice")
        self.refused_or_whole(self.docker_with(second.replace(
            b'"RepoTags"', b'"RepoTags": ["other:1"], "RepoTags"')), False, "a key twice")

    # --- OCI layouts -----------------------------------------------------------------------------

    def oci_with(self, change=lambda manifest: None, root=lambda descriptor: descriptor,
                 layers=None):
        tar = OciTar()
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": tar.blob(self.image.config, CONFIG),
                    "layers": [tar.blob(data, LAYER) for data in layers or self.image.layers]}
        change(manifest)
        return tar.end([root(named(tar.blob(json.dumps(manifest).encode(), MANIFEST), APP))])

    def descriptor_with(self, **values):
        def change(manifest):
            manifest["layers"][1] = {**manifest["layers"][1], **values}
        return self.oci_with(change)

    def layouts(self):
        missing = digest(b"missing")
        self.bad("a blob whose bytes don't hash to its name", self.wrong_blob, "blobs/sha256/")
        self.bad("a large blob whose bytes don't hash to its name", self.wrong_large_blob,
                 "blobs/sha256/")
        self.bad("a missing manifest", self.oci_with(root=lambda d: {**d, "digest": missing}),
                 "manifests.*" + missing)
        self.bad("a missing layer", self.descriptor_with(digest=missing), missing)
        self.bad("a missing config", self.oci_with(
            lambda m: m.update(config={**m["config"], "digest": missing})), missing)
        for size in (0, -1, 1 << 40, 1 << 70, "7", 1.5, None):
            self.bad("a layer whose size is %r" % (size,), self.descriptor_with(size=size))
        for text in ("", "sha256:", "sha256:00", "md5:" + "0" * 32, "sha256:" + "G" * 64,
                     "sha256:" + "A" * 64, "sha256:../../../../etc/passwd", "x", 7, None):
            self.bad("a layer whose digest is %.40r" % (text,), self.descriptor_with(digest=text))
        self.bad("layers in another order", self.oci_with(
            lambda m: m.update(layers=m["layers"][::-1])), "diff")
        self.bad("a layer too many", self.oci_with(
            lambda m: m.update(layers=m["layers"] + m["layers"][:1])), "layer")
        self.bad("a manifest as a layer's media type", self.oci_with(
            lambda m: m.update(layers=7)))
        self.bad("index.json that names a config as manifest", self.oci_with(
            root=lambda d: {**d, "digest": self.image.id, "size": len(self.image.config)}))
        self.bad("index.json that names a layer as manifest", self.oci_with(
            root=lambda d: {**d, "digest": digest(self.image.layers[0]),
                            "size": len(self.image.layers[0])}))
        self.bad("a config that is a layer", self.oci_with(
            lambda m: m.update(config={**m["layers"][0], "mediaType": CONFIG})))
        self.bad("an index of itself", self.index_of_itself)
        self.bad("indexes, nested deeply", self.nested_indexes, "nested|deep")
        self.bad("index.json without manifests", self.index_json(b'{"schemaVersion":2}'), "index.json")
        self.bad("index.json with no manifests",
                 self.index_json(b'{"schemaVersion":2,"manifests":[]}'), "no images|index.json")
        self.bad("index.json that is a list", self.index_json(b"[]"), "index.json")
        self.bad("index.json, nested deeply", self.index_json(b'{"manifests":' + b"[" * NESTED),
                 "index.json")
        self.bad("a layer that is no gzip though it begins so", self.oci_with(
            layers=[b"\x1f\x8b\x08\x00 no gzip" * 100, self.image.layers[1]]))
        self.bad("a gzip layer that is cut", self.packed(lambda data: squeezed(data)[:-20]))
        self.bad("a gzip layer with a wrong checksum",
                 self.packed(lambda data: squeezed(data)[:-8] + b"\0" * 8))
        self.bad("a gzip layer with bytes after its end",
                 self.packed(lambda data: squeezed(data) + b"more"))
        self.folders()

    def packed(self, pack, layer_type=GZIP):
        tar = OciTar()
        return tar.end([named(tar.manifest(self.image, pack, layer_type), APP)])

    def wrong_blob(self):
        tar = OciTar()
        root = tar.manifest(self.image)
        tar.add("blobs/sha256/" + "0" * 64, b"{}")
        return tar.end([named(root, APP)])

    def wrong_large_blob(self):
        tar = OciTar()
        root = tar.manifest(self.image)
        tar.add("blobs/sha256/" + "0" * 64, self.random.randbytes(1 << 20))
        return tar.end([named(root, APP)])

    @staticmethod
    def index_json(data):
        tar = OciTar()
        tar.add("index.json", data)
        return tar.bytes()

    def index_of_itself(self):
        """As near as one gets without a collision: its digest is wrong."""
        tar = OciTar()
        text = json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": archives.INDEX, "digest": "sha256:" + "1" * 64, "size": 1}]}).encode()
        tar.add("blobs/sha256/" + "1" * 64, text)
        return tar.end([{"mediaType": archives.INDEX, "digest": "sha256:" + "1" * 64,
                         "size": len(text)}])

    def nested_indexes(self):
        tar = OciTar()
        child = tar.manifest(self.image)
        for _ in range(50):
            child = tar.index([platform(child, "amd64")])
        return tar.end([named(child, APP)])

    def folders(self):
        """A layout in a folder may have what a tar can't: pipes, devices, links to anywhere."""
        for name in ("index.json", "blob"):
            for what, make in (("a pipe", os.mkfifo), ("a folder", os.mkdir),
                               ("a link to a device", lambda path: os.symlink("/dev/zero", path)),
                               ("a link to nowhere", lambda path: os.symlink("nowhere", path))):
                self.bad("a folder whose %s is %s" % (name, what), self.folder(name, make))

    def folder(self, name, make):
        def body():
            folder = archives.unpack(self.suite.write("a.tar", self.packed(squeezed)),
                                     self.suite.path("layout"))
            path = folder + "/index.json"
            if name == "blob":
                path = folder + "/blobs/sha256/" + hexa(squeezed(self.image.layers[1]))
            os.unlink(path)
            make(path)
            return folder
        return body

    # --- bombs -----------------------------------------------------------------------------------

    def bombs(self):
        big = 8 << 30 if LONG else 1 << 30
        self.bad("a gzip layer that grows a thousandfold", lambda: self.packed(
            lambda _: self.bomb(big)), "diff")
        self.bad("a zstd layer that grows a thousandfold", lambda: self.packed(
            lambda _: self.zstd_bomb(big), ZSTD), "diff")
        self.bad("a zstd layer that wants 2 GiB of memory", lambda: self.packed(
            lambda data: self.zstd_window(data), ZSTD))
        self.bad("an archive in zstd that wants 2 GiB of memory", lambda: self.zstd_window(
            archives.docker_archive(self.image)))
        self.bad("a zstd layer that wants all the memory it may have", lambda: self.packed(
            lambda _: self.zstd_window(bytes(512 << 20), 27), ZSTD), "diff", MEMORY_MAX + WINDOW_MAX)
        self.bad("an archive in xz that fills a dictionary of 1.5 GiB", self.xz_window,
                 memory=MEMORY_MAX + WINDOW_MAX)
        self.bad("a gzip of a document of 1 GiB", lambda: self.gzip_of(b"manifest.json", big),
                 "manifest.json")
        self.bad("a gzip of an archive with 1 GiB that nobody names",
                 lambda: self.gzip_of(b"layer.tar", big))

    @staticmethod
    def bomb(size):
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=1) as file:
            for _ in range(size >> 24):
                file.write(bytes(1 << 24))
        return out.getvalue()

    def zstd_bomb(self, size):
        path = self.suite.path("zeros")
        with open(path, "wb") as file:
            file.truncate(size)
        return self.suite.sandbox.run([self.suite.sandbox.program("zstd"), "-qc1", path], text=False)

    def zstd_window(self, data, log=31):
        """Through a pipe, zstd can't know the size, and so asks for the whole window."""
        return self.suite.sandbox.run(
            [self.suite.sandbox.program("zstd"), "-qc", "--ultra", "-1", "--long=%d" % log],
            input=data, stdin=None, text=False)

    def xz_window(self):
        """Packed with a small dictionary; the header of its block is made to ask for a large one."""
        tar = Tar()
        tar.add("layer.tar", bytes(512 << 20))
        data = bytearray(lzma.compress(tar.bytes(), preset=0))
        size = (data[12] + 1) * 4
        data[data.index(b"\x21\x01", 12) + 2] = 37
        data[8 + size:12 + size] = struct.pack("<I", zlib.crc32(data[12:8 + size]))
        return bytes(data)

    def gzip_of(self, name, size):
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=1) as file:
            file.write(self.header(b"%011o\0" % size, name))
            for _ in range(size >> 24):
                file.write(b" " * (1 << 24))
            file.write(bytes(1024))
        return out.getvalue()


if __name__ == "__main__":
    # HOLDFAST HOLDFAST-CHECK MEASURED [PART [WORDS OF A CASE'S NAME]]
    main(Cases, ("damaged", "others", "headers", "documents", "layouts", "bombs"), after=1)

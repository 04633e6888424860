"""unpack: the tree that it makes of an image, and what hostile tars, full disks and kills leave.

After every refusal: one sentence, no folder made, nothing beside it changed."""

import io
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import time
import unittest

import support

TIME = 1700000000
ROOT = os.geteuid() == 0
needs_root = unittest.skipUnless(ROOT, "needs root")
TYPES = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "sym": tarfile.SYMTYPE,
         "hard": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE, "char": tarfile.CHRTYPE,
         "block": tarfile.BLKTYPE}
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep


def entry(name, kind="file", data=b"", link="", mode=None, uid=None, gid=None, mtime=TIME, dev=(1, 3),
          xattrs=None):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = TYPES[kind], link, mtime
    info.mode = (0o755 if kind == "dir" else 0o644) if mode is None else mode
    info.uid, info.gid = (os.geteuid() if uid is None else uid), (os.getegid() if gid is None else gid)
    info.size = len(data)
    info.devmajor, info.devminor = dev if kind in ("char", "block") else (0, 0)
    for key, value in (xattrs or {}).items():
        info.pax_headers["SCHILY.xattr." + key] = value.decode("utf-8", "surrogateescape")
    return info, data


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8",
                      errors="surrogateescape") as file:
        for info, data in entries:
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def header(name=b"f", size=b"00000000000\0", kind=b"0", link=b"", mode=b"0000644\0"):
    """A ustar header with a right checksum and whatever fields."""
    block = bytearray(512)
    for off, field in ((0, name), (100, mode), (108, b"0000000\0"), (116, b"0000000\0"), (124, size),
                       (136, b"00000000000\0"), (156, kind), (157, link), (257, b"ustar\x0000")):
        block[off:off + len(field)] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(records, kind=b"x"):
    data = b""
    for key, value in records:
        body = b" " + key + b"=" + value + b"\n"
        size = len(body) + 1
        while len(b"%d" % size) + len(body) != size:
            size += 1
        data += b"%d" % size + body
    return header(b"pax", b"%011o\0" % len(data), kind) + data + bytes(-len(data) % 512)


END = bytes(1024)


class Unpack(support.CliTest):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")

    def image(self, *layers, tag="app:1", **options):
        image = support.Image("x", [tag])
        image.layers = list(layers)
        image.config = support.config(image.layers, **options)
        image.hex = support.sha256(image.config)
        return image

    def made(self, *layers, arguments=(), **options):
        """Unpack an image of these layers; the path of the tree."""
        self.load(self.image(*layers, **options))
        self.holdfast("unpack", *arguments, "app:1", self.out)
        self.no_leftovers()
        return self.out

    def no_leftovers(self):
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])

    def tree(self, top=None):
        """{path: what it is}"""
        found = {}
        for folder, folders, files in os.walk(top or self.out):
            for name in folders + files:
                path = os.path.join(folder, name)
                info = os.lstat(path)
                what = "dir"
                if stat.S_ISLNK(info.st_mode):
                    what = "-> " + os.readlink(path)
                elif stat.S_ISREG(info.st_mode):
                    with open(path, "rb") as file:
                        what = file.read()
                elif not stat.S_ISDIR(info.st_mode):
                    what = "special"
                found[os.path.relpath(path, top or self.out)] = what
        return found

    def refused(self, *layers, saying="", code=1):
        """Nothing is made, and nothing beside it changes. What would be mounted wrong is not even loaded."""
        subprocess.run(["rm", "-rf", self.root], check=True)
        archive = self.write("archive.tar", support.docker_archive([self.image(*layers)]))
        loaded = self.run_it("load", "-q", "-i", archive)
        os.makedirs(self.path("victim"), exist_ok=True)
        self.write("victim/file", b"untouched")
        before = self.tree(self.path("victim")), sorted(os.listdir(self.folder))
        if loaded.returncode == 0:
            sentence = self.fails("unpack", "app:1", self.out, code=code)
        else:
            self.assertEqual(self.names(), [])  # nor is anything of it left
            sentence = loaded.err
        self.assertEqual((self.tree(self.path("victim")), sorted(os.listdir(self.folder))), before)
        self.assertIn(saying, sentence)
        return sentence

    # --- one layer -------------------------------------------------------------------------------

    def test_types_modes_and_times_are_kept(self):
        out = self.made(tar(
            entry(".", "dir", mode=0o751, mtime=TIME + 1),
            entry("d", "dir", mode=0o1777, mtime=TIME + 2), entry("d/f", data=b"abc", mode=0o4711),
            entry("ro", "dir", mode=0o555, mtime=TIME + 3), entry("ro/f", data=b"x", mode=0o444),
            entry("nano", mtime=TIME + 0.123456789), entry("old", mtime=-5),
            entry("s", "sym", link="/nowhere"), entry("p", "fifo", mode=0o600),
            entry("h", "hard", link="d/f"), entry("hs", "hard", link="s")))
        self.assertEqual(self.tree(), {"d": "dir", "d/f": b"abc", "ro": "dir", "ro/f": b"x",
                                       "nano": b"", "old": b"", "s": "-> /nowhere", "p": "special",
                                       "h": b"abc", "hs": "-> /nowhere"})
        modes = {name: stat.S_IMODE(os.lstat(os.path.join(out, name)).st_mode)
                 for name in (".", "d", "d/f", "ro", "ro/f", "p")}
        self.assertEqual(modes, {".": 0o751, "d": 0o1777, "d/f": 0o4711, "ro": 0o555, "ro/f": 0o444,
                                 "p": 0o600})
        times = {name: os.lstat(os.path.join(out, name)).st_mtime
                 for name in (".", "d", "ro", "old", "s", "p")}
        self.assertEqual(times, {".": TIME + 1, "d": TIME + 2, "ro": TIME + 3, "old": -5, "s": TIME,
                                 "p": TIME})
        self.assertTrue(os.path.samefile(out + "/h", out + "/d/f"))
        self.assertEqual(os.lstat(out + "/hs").st_nlink, 2)
        self.assertEqual(os.lstat(out + "/nano").st_mtime_ns % 10**9 // 1000, 123456)

    @needs_root
    def test_owners_devices_and_attributes_are_kept(self):
        self.load(self.image(tar(
            entry("f", data=b"x", uid=1234, gid=5678, mode=0o6755,
                  xattrs={"security.capability": CAPABILITY, "user.k": b"v",
                          "user.overlay.opaque": b"y"}),
            entry("d", "dir", uid=7, gid=8, xattrs={"user.d": b""}),
            entry("s", "sym", link="f", uid=9, gid=10, xattrs={"trusted.t": b"s"}),
            entry("c", "char", dev=(1, 3), mode=0o666), entry("b", "block", dev=(7, 300)))))
        done = self.run_it("unpack", "app:1", self.out)
        self.assertEqual((done.returncode, done.err), (0, ""))
        info = os.lstat(self.out + "/f")
        self.assertEqual((info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)), (1234, 5678, 0o6755))
        self.assertEqual(os.getxattr(self.out + "/f", "security.capability"), CAPABILITY)
        self.assertEqual(sorted(os.listxattr(self.out + "/f")), ["security.capability", "user.k"])
        self.assertEqual(os.listxattr(self.out + "/d"), ["user.d"])
        self.assertEqual(os.lstat(self.out + "/s").st_uid, 9)
        self.assertEqual(os.getxattr(self.out + "/s", "trusted.t", follow_symlinks=False), b"s")
        for name, number, kind in (("c", os.makedev(1, 3), stat.S_ISCHR),
                                   ("b", os.makedev(7, 300), stat.S_ISBLK)):
            self.assertEqual(os.lstat(self.out + "/" + name).st_rdev, number)
            self.assertTrue(kind(os.lstat(self.out + "/" + name).st_mode))

    def test_sparse_files_keep_their_holes(self):
        with open(self.path("sparse"), "wb") as file:
            file.truncate(8 << 20)
            file.seek(5 << 20)
            file.write(b"data")
        data = subprocess.run(["tar", "--sparse", "--format=pax", "-C", self.folder, "-cf", "-",
                               "sparse"], check=True, stdout=subprocess.PIPE).stdout
        out = self.made(data) + "/sparse"
        with open(out, "rb") as made, open(self.path("sparse"), "rb") as wanted:
            self.assertEqual(made.read(), wanted.read())
        self.assertLess(os.lstat(out).st_blocks * 512, 1 << 20)

    def test_a_later_entry_of_a_name_replaces_the_earlier(self):
        self.made(tar(entry("a", data=b"1"), entry("a", data=b"2"),
                      entry("b", "dir"), entry("b/c"), entry("b", data=b"file"),
                      entry("s", "sym", link="a"), entry("s", data=b"not a"),
                      entry("x", data=b"x"), entry("x", "dir"), entry("x/y"),
                      entry("h", data=b"h"), entry("h", "hard", link="./h")))
        self.assertEqual(self.tree(), {"a": b"2", "b": b"file", "s": b"not a", "x": "dir", "x/y": b"",
                                       "h": b"h"})

    def test_folders_without_an_entry_are_made(self):
        out = self.made(tar(entry("/a//b/./c/../f", data=b"x")))
        self.assertEqual(self.tree(), {"a": "dir", "a/b": "dir", "a/b/f": b"x"})
        self.assertEqual(stat.S_IMODE(os.lstat(out + "/a").st_mode), 0o755)

    def test_symlinks_of_the_same_layer_are_followed_inside(self):
        self.made(tar(entry("usr/lib", "dir"), entry("lib", "sym", link="/usr/lib"),
                      entry("up", "sym", link="../../../../usr"), entry("lib/x", data=b"1"),
                      entry("up/lib/y", data=b"2"), entry("h", "hard", link="lib/x")))
        self.assertEqual(self.tree(), {"usr": "dir", "usr/lib": "dir", "usr/lib/x": b"1",
                                       "usr/lib/y": b"2", "lib": "-> /usr/lib",
                                       "up": "-> ../../../../usr", "h": b"1"})

    def test_thousands_of_levels(self):
        path = "d/" * 3000
        self.made(tar(entry(path + "f", data=b"deep"), entry(path + "g", data=b"too")))
        fd = os.open(self.out, os.O_RDONLY)
        for _ in range(3000):
            inner = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = inner
        self.assertEqual(sorted(os.listdir(fd)), ["f", "g"])
        os.close(fd)
        subprocess.run(["rm", "-rf", self.out], check=True)

    # --- several layers --------------------------------------------------------------------------

    def test_whiteouts_hide_lower_layers_only(self):
        self.made(
            tar(entry("a", data=b"1"), entry("b/c/d", data=b"1"), entry("keep/x", data=b"1"),
                entry("opq/old"), entry("opq/sub/old"), entry("both/old"), entry("s", "sym", link="keep")),
            tar(entry(".wh.a"), entry(".wh.b"), entry("opq/first", data=b"2"),
                entry("opq/.wh..wh..opq"), entry("opq/sub/last", data=b"2"),
                entry("both/new"), entry(".wh.both"), entry(".wh.s"), entry("s2", data=b"2"),
                entry(".wh.s2"), entry(".wh.missing"), entry(".wh..wh.plnk/1")))
        self.assertEqual(self.tree(), {"keep": "dir", "keep/x": b"1", "opq": "dir",
                                       "opq/first": b"2", "opq/sub": "dir", "opq/sub/last": b"2",
                                       "both": "dir", "both/new": b"", "s2": b"2"})

    def test_a_whiteout_then_the_same_name_again(self):
        self.made(tar(entry("a/old"), entry("f", data=b"1")),
                  tar(entry(".wh.a"), entry("a", "dir"), entry("a/new"), entry(".wh.f"),
                      entry("f", data=b"2")),
                  tar(entry(".wh.f")))
        self.assertEqual(self.tree(), {"a": "dir", "a/new": b""})

    @needs_root
    def test_overlayfs_own_whiteout_is_one(self):
        self.made(tar(entry("a"), entry("b")), tar(entry("a", "char", dev=(0, 0))))
        self.assertEqual(self.tree(), {"b": b""})

    def test_a_lower_symlink_gives_way_to_a_folder(self):
        os.mkdir(self.path("outside"))
        self.made(tar(entry("usr/lib/a"), entry("lib", "sym", link="usr/lib"),
                      entry("away", "sym", link=self.path("outside")), entry("f", data=b"1")),
                  tar(entry("lib/x", data=b"2"), entry("away/x"), entry("f/g")))
        self.assertEqual(self.tree(), {"usr": "dir", "usr/lib": "dir", "usr/lib/a": b"",
                                       "lib": "dir", "lib/x": b"2", "away": "dir", "away/x": b"",
                                       "f": "dir", "f/g": b""})
        self.assertEqual(os.listdir(self.path("outside")), [])

    def test_a_folder_of_two_layers_is_what_the_upper_says(self):
        out = self.made(tar(entry("d", "dir", mode=0o700, mtime=1, xattrs={"user.low": b"1"}),
                            entry("d/low"), entry("e", "dir", mode=0o711, mtime=7)),
                        tar(entry("d", "dir", mode=0o750, mtime=2, xattrs={"user.up": b"2"}),
                            entry("d/up"), entry("e/up")))
        self.assertEqual(sorted(os.listdir(out + "/d")), ["low", "up"])
        self.assertEqual(os.listxattr(out + "/d"), ["user.up"])
        shown = {name: (stat.S_IMODE(os.lstat(out + name).st_mode), os.lstat(out + name).st_mtime)
                 for name in ("/d", "/e")}
        self.assertEqual(shown, {"/d": (0o750, 2), "/e": (0o711, 7)})

    # --- hostile tars ----------------------------------------------------------------------------

    def test_paths_that_lead_out_are_refused(self):
        for name in ("../victim/file", "a/../../victim/file", "/../victim/file", ".."):
            with self.subTest(name=name):
                self.refused(tar(entry(name, data=b"owned")), saying="above the root")

    def test_hard_links_that_lead_out_are_refused(self):
        for link in ("../victim/file", self.path("victim/file"), "missing", "/etc/passwd", "d", "/",
                     "away/file"):
            with self.subTest(link=link):
                self.refused(tar(entry("d", "dir"), entry("away", "sym", link=self.path("victim")),
                                 entry("h", "hard", link=link)), saying="hard link"
                             if not link.startswith("..") else "above the root")

    def test_a_file_through_a_symlink_that_leads_out_stays_inside(self):
        for target in (self.path("victim"), "../victim", "../../../../../../.." + self.path("victim")):
            with self.subTest(target=target):
                os.makedirs(self.path("victim"), exist_ok=True)
                self.made(tar(entry("s", "sym", link=target), entry("s/file", data=b"owned")))
                self.assertEqual(os.listdir(self.path("victim")), [])
                self.assertEqual([data for data in self.tree().values() if data == b"owned"],
                                 [b"owned"])
                subprocess.run(["rm", "-rf", self.out], check=True)

    def test_a_file_over_a_symlink_replaces_the_link(self):
        self.write("target", b"untouched")
        for kind, data in (("file", b"owned"), ("fifo", b""), ("dir", b"")):
            with self.subTest(kind=kind):
                self.made(tar(entry("s", "sym", link=self.path("target")), entry("s", kind, data)))
                self.assertFalse(os.path.islink(self.out + "/s"))
                with open(self.path("target"), "rb") as file:
                    self.assertEqual(file.read(), b"untouched")
                subprocess.run(["rm", "-rf", self.out], check=True)

    def test_a_hard_link_to_a_symlink_is_no_way_to_write_out(self):
        self.write("target", b"untouched")
        self.made(tar(entry("s", "sym", link=self.path("target")), entry("h", "hard", link="s"),
                      entry("h", data=b"owned", mode=0o777)))
        with open(self.path("target"), "rb") as file:
            self.assertEqual(file.read(), b"untouched")

    def test_loops_and_files_on_the_way_are_refused(self):
        self.refused(tar(entry("a", "sym", link="b"), entry("b", "sym", link="a"), entry("a/x")),
                     saying="too many symlinks")
        self.refused(tar(entry("a", "sym", link="a/a"), entry("a/x")), saying="too many symlinks")
        self.refused(tar(entry("f"), entry("f/x")), saying="no directory")

    def test_whiteouts_that_mean_more_than_they_may(self):
        for name in (".wh.", "d/.wh..", "d/.wh..."):
            with self.subTest(name=name):
                self.refused(tar(entry("d/f")), tar(entry(name)), saying="whiteout of nothing")
        self.refused(tar(entry(".wh.a/b")), saying="through a whiteout")
        self.refused(tar(entry(".", "file", data=b"x")), saying="root")

    def test_malformed_tars_are_refused_with_a_sentence(self):
        cases = {
            "negative size": header(size=b"\xff" * 12) + END,
            "huge size": header(size=b"\x80" + b"\x7f" * 11) + END,
            "size without bytes": header(size=b"77777777777\0") + END,
            "cut header": header()[:100],
            "wrong checksum": header()[:511] + b"x" + END,
            "unknown type": header(kind=b"Z") + END,
            "no digits": header(size=b"abcdefghijk\0") + END,
            "pax cut": pax([(b"path", b"x" * 600)])[:700],
            "pax wrong length": header(b"pax", b"00000000010\0", b"x") + b"99 path=".ljust(512, b"\0")
            + header() + END,
            "pax negative size": pax([(b"size", b"-1")]) + header() + END,
            "pax without entry": pax([(b"path", b"x")]) + END,
            "long component": pax([(b"path", b"x" * 256)]) + header() + END,
            "65,536 bytes": pax([(b"path", b"a/" * 32768)]) + header() + END,
            "symlink without target": header(kind=b"2") + END,
            "symlink too long": pax([(b"linkpath", b"x" * 4096)]) + header(kind=b"2") + END,
            "sparse map outside": pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                                       (b"GNU.sparse.realsize", b"1")])
            + header(size=b"00000001000\0") + b"1\n5\n600\n".ljust(512, b"\0") + END,
        }
        for name, data in cases.items():
            with self.subTest(name=name):
                self.refused(data, saying="layer")

    def test_names_of_65_000_bytes(self):
        path = "/".join(["y" * 200] * 323)
        self.made(pax([(b"path", path.encode())]) + header() + END)
        subprocess.run(["rm", "-rf", self.out], check=True)

    def test_random_damage_never_harms(self):
        seed = int(os.environ.get("HOLDFAST_TEST_SEED", random.randrange(1 << 30)))
        print("seed", seed)
        rng = random.Random(seed)
        good = tar(entry("d", "dir"), entry("d/f", data=b"x" * 700), entry("s", "sym", link="../../d"),
                   entry("s/g", data=b"y"), entry("h", "hard", link="d/f"), entry("n" * 120),
                   entry(".wh.old"), entry("d/.wh..wh..opq"))
        for i in range(40):
            data = bytearray(good)
            for _ in range(rng.randrange(1, 6)):
                block = rng.randrange(len(data) // 512) * 512
                at = block + rng.randrange(512)
                data[at:at + 1] = bytes([rng.randrange(256)])
                head = data[block:block + 512]
                if rng.random() < .8 and head[257:262] == b"ustar":
                    head[148:156] = b" " * 8
                    data[block + 148:block + 156] = b"%06o\0 " % sum(head)
            with self.subTest(seed=seed, i=i):
                self.write("archive.tar", support.docker_archive(
                    [self.image(tar(entry("old"), entry("d/lower")), bytes(data))]))
                loaded = self.run_it("load", "-q", "-i", self.path("archive.tar"))
                self.assertIn(loaded.returncode, (0, 1), loaded.err)
                if loaded.returncode != 0:  # it would be mounted wrong
                    self.assertRegex(loaded.err, r"\Aholdfast: [^\n]+\n\Z")
                    continue
                done = self.run_it("unpack", "app:1", self.out)
                self.assertIn(done.returncode, (0, 1), done.err)
                self.assertEqual(os.path.exists(self.out), done.returncode == 0)
                self.no_leftovers()
                subprocess.run(["rm", "-rf", self.out], check=True)
        self.assertEqual(sorted(os.listdir(self.folder)), ["archive.tar", "store"])

    # --- the folder ------------------------------------------------------------------------------

    def test_the_folder_must_be_absent_or_empty(self):
        self.load(self.image(tar(entry("f"))))
        os.mkdir(self.out)
        self.holdfast("unpack", "app:1", self.out + "/")
        self.assertEqual(self.tree(), {"f": b""})
        self.assertIn("not empty", self.fails("unpack", "app:1", self.out))
        self.write("file", b"")
        os.symlink("/nowhere", self.path("link"))
        self.assertIn("no folder", self.fails("unpack", "app:1", self.path("file")))
        self.assertIn("no folder", self.fails("unpack", "app:1", self.path("link")))
        self.fails("unpack", "app:1", self.path("missing/x"))
        for path in (self.folder + "/..", ".", "/", ""):
            self.fails("unpack", "app:1", path, code=2)
        self.fails("unpack", "nothing:1", self.path("new"))
        self.assertFalse(os.path.exists(self.path("new")))
        self.no_leftovers()

    def test_wrong_usage(self):
        for words in ([], ["a"], ["a", "b", "c"]):
            self.fails("unpack", *words, code=2)

    def test_a_relative_path_and_a_long_name(self):
        self.load(self.image(tar(entry("f"))))
        for name in ("rel", "n" * 255):
            self.holdfast("unpack", "app:1", name, cwd=self.folder)
            self.assertEqual(os.listdir(self.path(name)), ["f"])
        self.no_leftovers()

    def test_a_damaged_layer_is_named_and_leaves_nothing(self):
        data = tar(entry("f", data=b"x" * 9000))
        self.load(self.image(data))
        blob = os.path.join(self.root, "blobs", "sha256", support.sha256(data))
        for found, _, names in os.walk(self.root):
            if support.sha256(data) in names:
                blob = os.path.join(found, support.sha256(data))
        os.chmod(blob, 0o600)
        for at in (2000, 3):  # in a file's data; in a header, which is no fault of the image
            with open(blob, "r+b") as file:
                file.seek(at)
                file.write(b"Y")
            self.assertIn("is damaged", self.fails("unpack", "app:1", self.out))
            self.assertFalse(os.path.exists(self.out))
            self.no_leftovers()

    def start_big(self):
        """An unpacking that takes a while, and its temporary folder."""
        many = [entry("f%05d" % i, data=os.urandom(2000)) for i in range(20000)]
        self.load(self.image(tar(*many), tar(entry("last", data=os.urandom(500_000)))))
        process = self.start("unpack", "app:1", self.out, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            folders = [name for name in os.listdir(self.folder) if name.startswith(".out.holdfast-")]
            if folders and os.listdir(self.path(folders[0])):
                return process, self.path(folders[0])
        self.fail("it never began")

    def test_a_killed_unpacking_leaves_one_folder_which_the_next_removes(self):
        process, temporary = self.start_big()
        process.kill()
        process.communicate()
        self.assertFalse(os.path.exists(self.out))
        self.assertTrue(os.path.exists(temporary))
        other = self.path(".out.holdfast-0123456789abcdeX")
        os.mkdir(other)
        self.holdfast("unpack", "app:1", self.out)
        self.assertEqual(len(os.listdir(self.out)), 20001)
        self.assertFalse(os.path.exists(temporary))
        self.assertTrue(os.path.exists(other))

    def test_a_running_unpacking_is_left_alone_by_others(self):
        process, temporary = self.start_big()
        process.send_signal(signal.SIGSTOP)
        self.holdfast("unpack", "app:1", self.out)
        self.assertTrue(os.path.exists(temporary))
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"meanwhile", err)
        self.assertFalse(os.path.exists(temporary))

    def test_an_interrupted_unpacking_leaves_nothing(self):
        process, _ = self.start_big()
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertFalse(os.path.exists(self.out))
        self.no_leftovers()

    def test_a_removal_meanwhile_harms_nothing(self):
        process, _ = self.start_big()
        process.send_signal(signal.SIGSTOP)
        self.holdfast("rmi", "app:1")
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate()
        self.assertEqual((process.returncode, err), (0, b""))
        self.assertEqual(len(os.listdir(self.out)), 20001)

    def strace(self, *arguments):
        """Unpack under strace; the finished process. The system calls are in its err."""
        if not shutil.which("strace"):
            self.skipTest("no strace")
        environment = {**support.ENVIRONMENT, "HOLDFAST_ROOT": self.root,
                       "ASAN_OPTIONS": "detect_leaks=0"}  # it does not bear to be traced
        return subprocess.run(["strace", "-f", "-o", self.path("trace"), *arguments,
                               support.HOLDFAST, "unpack", "app:1", self.out], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

    def test_all_is_synced_before_it_gets_its_name(self):
        self.load(self.image(tar(entry("f", data=b"x"))))
        self.assertEqual(self.strace("-e", "trace=syncfs,renameat,fsync,utimensat").returncode, 0)
        with open(self.path("trace"), encoding="utf-8") as file:
            calls = re.findall(r"(\w+)\(.*= 0$", file.read(), re.MULTILINE)
        at = calls.index("syncfs")
        self.assertEqual(calls[at - 1:at + 3], ["utimensat", "syncfs", "renameat", "fsync"])

    def test_a_failed_sync_is_told(self):
        self.load(self.image(tar(entry("f", data=b"x"))))
        done = self.strace("-e", "inject=syncfs:error=EIO")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot sync", done.stderr)
        self.assertFalse(os.path.exists(self.out))
        self.no_leftovers()
        done = self.strace("-P", self.folder, "-e", "inject=fsync:error=EIO")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"its name may be lost", done.stderr)
        self.assertEqual(self.tree(), {"f": b"x"})

    @needs_root
    def test_a_full_disk_is_told_and_left_as_it_was(self):
        self.load(self.image(tar(*[entry("f%d" % i, data=bytes(100_000)) for i in range(100)])))
        os.mkdir(self.path("disk"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.path("disk")],
                       check=True)
        try:
            self.assertIn("No space left", self.fails("unpack", "app:1", self.path("disk/out")))
            self.assertEqual(os.listdir(self.path("disk")), [])
            self.assertIn("mount point", self.fails("unpack", "app:1", self.path("disk"),
                                                     code=2))
        finally:
            subprocess.run(["umount", self.path("disk")], check=True)

    @needs_root
    def test_without_privileges_what_is_lost_is_told_once(self):
        self.load(self.image(tar(
            entry("f", data=b"x", uid=0, mode=0o4755, xattrs={"security.capability": CAPABILITY}),
            entry("mine", uid=65534, gid=65534, mode=0o4755), entry("c", "char", dev=(1, 3), uid=0),
            entry("ro", "dir", uid=65534, gid=65534, mode=0o555),
            entry("ro/f", uid=65534, gid=65534), entry("no", "dir", uid=65534, gid=65534, mode=0),
            entry("no/f", uid=65534, gid=65534)), tar(entry("ro/g", uid=65534, gid=65534))))
        subprocess.run(["chown", "-R", "65534:65534", self.folder], check=True)
        done = self.run_it("unpack", "app:1", self.out, user=65534, group=65534, extra_groups=[])
        self.assertEqual(done.returncode, 0, done.err)
        self.assertRegex(done.err, r"\A[^\n]*warning: [^\n]*1 owners, 1 set-ID bits, 1 devices, "
                                   r"1 extended attributes\n\Z")
        modes = {name: stat.S_IMODE(os.lstat(self.out + "/" + name).st_mode)
                 for name in ("f", "mine", "ro", "no")}
        self.assertEqual(modes, {"f": 0o755, "mine": 0o4755, "ro": 0o555, "no": 0})
        self.assertEqual(sorted(self.tree()), ["f", "mine", "no", "no/f", "ro", "ro/f", "ro/g"])
        done = self.run_it("unpack", "app:1", self.path("out2"), user=65534, group=65534,
                           extra_groups=[], environment={"LANG": "C"})
        self.assertEqual(done.returncode, 0)
        self.no_leftovers()

    # --- bundles ---------------------------------------------------------------------------------

    def bundle(self, *entries, **options):
        out = self.made(tar(entry("etc", "dir"), *entries), arguments=["--bundle"], **options)
        with open(out + "/config.json", encoding="utf-8") as file:
            document = json.load(file)
        subprocess.run(["rm", "-rf", self.out], check=True)
        return document

    def test_a_bundle_has_the_image_s_process(self):
        document = self.bundle(entry("f"), Entrypoint=["/e", "x"], Cmd=["y"], Env=["A=b"],
                               WorkingDir="/w", labels={"l": "v"})
        process = document["process"]
        self.assertEqual((process["args"], process["cwd"]), (["/e", "x", "y"], "/w"))
        self.assertEqual(process["env"][0], "A=b")
        self.assertTrue(process["env"][1].startswith("PATH=/usr"))
        self.assertEqual(document["root"]["path"], "rootfs")
        self.assertEqual(document["annotations"], {"l": "v"})
        self.assertNotIn("rlimits", process)
        self.assertFalse(process["terminal"])

    def test_a_bundle_s_user_is_looked_up_in_the_image(self):
        files = (entry("etc/passwd", data=b"root:x:0:0::/:/bin/sh\napp:x:12:34::/:/x\n"),
                 entry("etc/group", data=b"app:x:34:\nmore:x:56:other,app\nlast:x:78:app"))
        for user, wanted in (("", {"uid": 0, "gid": 0}),
                             ("app", {"uid": 12, "gid": 34, "additionalGids": [56, 78]}),
                             ("12", {"uid": 12, "gid": 34, "additionalGids": [56, 78]}),
                             ("app:more", {"uid": 12, "gid": 56}), ("99:7", {"uid": 99, "gid": 7}),
                             ("99", {"uid": 99, "gid": 0})):
            with self.subTest(user=user):
                self.assertEqual(self.bundle(*files, User=user)["process"]["user"], wanted)
        self.load(self.image(tar(*files), User="nobody"))
        self.assertIn("passwd", self.fails("unpack", "--bundle", "app:1", self.out))
        self.no_leftovers()

    def test_a_bundle_s_user_is_not_looked_up_outside(self):
        self.write("passwd", b"evil:x:0:0::/:/x\n")
        for files in ((entry("etc/passwd", "sym", link=self.path("passwd")),),
                      (entry("etc/passwd", "fifo"),)):
            self.load(self.image(tar(entry("etc", "dir"), *files), User="evil"))
            self.assertIn("is not in its /etc/passwd",
                          self.fails("unpack", "--bundle", "app:1", self.out))


support.main()

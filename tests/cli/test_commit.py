"""holdfast commit: what an overlayfs has on top, or a layer's tar, becomes an image on its parent.

Proves that the layer is what OCI says of the difference (read with Python's tarfile, and applied by
hand), that parent and layer together are the merged view, that config and history are docker's, and
that a refusal, a kill, a full disk or a removed parent leaves nothing half done."""

import ctypes
import gzip
import io
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import threading
import time
import unittest

import layers
import support
from support import CliTest, layer, sha256

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 16384, 1 << 18
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep
libc = ctypes.CDLL(None, use_errno=True)


def need_overlay():
    """A mount namespace of this process's own: nothing stays mounted."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root mounts")
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise unittest.SkipTest("no mount namespace: " + os.strerror(ctypes.get_errno()))


class CommitTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(self.path(name))

    def put(self, path, data=b"x"):
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def mount(self, options=""):
        paths = tuple(map(self.path, ("lower", "upper", "work")))
        text = "lowerdir=%s,upperdir=%s,workdir=%s,redirect_dir=off,metacopy=off" % paths + options
        point = self.path("merged")
        if libc.mount(b"overlay", point.encode(), b"overlay", 0, text.encode()) != 0:
            self.skipTest("no overlayfs: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(libc.umount2, point.encode(), 2)
        return point

    def commit(self, *words, **options):
        return self.holdfast("commit", "-q", *words, **options).strip()

    def document(self, digest):
        with open(self.blob(digest), "rb") as file:
            return json.load(file)

    def blob(self, digest):
        return os.path.join(self.root, "blobs", *digest.split(":"))

    def inspect(self, name):
        return json.loads(self.holdfast("inspect", name))[0]

    def config(self, name):
        return self.document(self.inspect(name)["Id"])

    def manifest(self, name):
        return self.document(self.inspect(name)["Descriptor"]["digest"])

    def plain_layers(self, name):
        found = []
        for part in self.manifest(name)["layers"]:
            with open(self.blob(part["digest"]), "rb") as file:
                data = file.read()
            found.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        return found

    def members(self, name):
        """Those of the topmost layer."""
        with tarfile.open(fileobj=io.BytesIO(self.plain_layers(name)[-1])) as tar:
            return tar.getmembers()

    def files(self):
        """Every file of the store and its bytes, but for catalog and log, of which `shared` is one
        (how far the log goes)."""
        found = {}
        for folder, _, names in os.walk(self.root):
            place = os.path.relpath(folder, self.root)
            for name in names:
                if place.split("/")[0] not in ("wal", "catalog") and name != "shared":
                    with open(os.path.join(folder, name), "rb") as file:
                        found[os.path.join(place, name)] = sha256(file.read())
        return found

    def is_whole(self):
        self.holdfast("fsck", "--full")

    def wait_for_staged(self, process, size=1):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.assertIsNone(process.poll())
            for folder, _, names in os.walk(os.path.join(self.root, "staging")):
                for name in names:
                    if os.path.getsize(os.path.join(folder, name)) >= size:
                        return
            time.sleep(0.01)
        self.fail("nothing was staged")


class Difference(CommitTest):
    """Of a real overlayfs."""

    def setUp(self):
        need_overlay()
        super().setUp()

    def commit_base(self):
        self.commit("--upper", self.path("lower"), "base:1")

    def commit_upper(self):
        return self.commit("--parent", "base:1", "--upper", self.path("upper"), "app:1")

    def is_merged_view(self, merged):
        """Of the image as it is read here, against the folder as it is mounted."""
        self.assertEqual(layers.picture_of_layers(self.plain_layers("app:1")),
                         layers.picture_of_folder(merged))

    def test_layer_is_what_oci_says(self):
        for path in ("etc/gone", "etc/kept", "lib/old/a", "lib/old/b", "was/dir/x", "wasfile"):
            self.put("lower/" + path)
        self.commit_base()
        merged = self.mount()
        os.unlink(merged + "/etc/gone")
        shutil.rmtree(merged + "/lib/old")
        os.makedirs(merged + "/lib/old")
        self.put("merged/lib/old/new", b"new")
        shutil.rmtree(merged + "/was/dir")
        self.put("merged/was/dir", b"a file now")
        os.link(merged + "/lib/old/new", merged + "/etc/new")
        os.unlink(merged + "/wasfile")
        os.mkdir(merged + "/wasfile")
        os.mknod(merged + "/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        self.commit_upper()
        got = [(m.name, m.type, m.linkname) for m in self.members("app:1")]
        file, folder = tarfile.REGTYPE, tarfile.DIRTYPE
        self.assertEqual(got, [
            ("etc", folder, ""), ("etc/.wh.gone", file, ""), ("etc/new", file, ""),
            ("lib", folder, ""), ("lib/old", folder, ""), ("lib/old/.wh..wh..opq", file, ""),
            ("lib/old/new", tarfile.LNKTYPE, "etc/new"),
            ("null", tarfile.CHRTYPE, ""),
            ("was", folder, ""), ("was/dir", file, ""),
            ("wasfile", folder, ""), ("wasfile/.wh..wh..opq", file, "")])
        self.is_merged_view(merged)
        self.is_whole()

    def test_everything_a_file_can_have_is_kept(self):
        self.put("lower/a", b"a")
        self.commit_base()
        merged = self.mount()
        self.put("merged/plain", b"data" * 1000)
        os.setxattr(merged + "/plain", "user.text", "ü=\n".encode())
        os.setxattr(merged + "/plain", "trusted.other", b"\0\xff")
        os.setxattr(merged + "/plain", "security.capability", CAPABILITY)
        os.chmod(merged + "/plain", 0o6751)
        os.utime(merged + "/plain", ns=(0, 1234567890_123456789))
        os.utime(merged + "/a", ns=(0, -5_000_000_001))
        self.put("merged/owned")
        os.chown(merged + "/owned", 4000000000, 3000000000)
        self.put("merged/" + "/".join(["n" * 200] * 3) + "/ü")
        self.put("merged/empty", b"")
        with open(os.fsencode(merged) + b"/\xff\xfe", "wb") as file:
            file.write(b"no UTF-8")
        os.symlink("/" + "t" * 300, merged + "/link")
        os.setxattr(merged + "/link", "trusted.of-a-link", b"1", follow_symlinks=False)
        os.mkfifo(merged + "/fifo", 0o640)
        os.mknod(merged + "/block", stat.S_IFBLK | 0o600, os.makedev(259, 70000))
        os.mkdir(merged + "/sticky")
        os.chmod(merged + "/sticky", 0o1777)
        self.commit_upper()
        self.is_merged_view(merged)

    def test_any_changes_give_the_merged_view(self):
        seed = int.from_bytes(os.urandom(4), "little")
        print("seed", seed)
        chance = random.Random(seed)
        for i in range(60):
            self.put("lower/%s/f%d" % ("/".join(chance.choices("abc", k=chance.randint(1, 3))), i))
        self.commit_base()
        merged = self.mount()
        for i in range(150):
            self.change(chance, merged, i)
        self.commit_upper()
        self.is_merged_view(merged)
        # And once more, on top of what was committed.
        self.commit("--parent", "app:1", "--upper", self.path("upper"), "app:1")
        self.is_merged_view(merged)

    def change(self, chance, merged, number):
        found = [os.path.join(folder, name) for folder, folders, names in os.walk(merged)
                 for name in folders + names]
        folders = [path for path in found if os.path.isdir(path)] + [merged]
        new = os.path.join(chance.choice(folders), "n%d" % number)
        old = chance.choice(found) if found else merged
        is_folder = os.path.isdir(old)
        what = chance.choice(["new", "folder", "remove", "again", "write", "link", "rename"])
        if what == "new":
            self.put(os.path.relpath(new, self.folder), b"%d" % number)
        elif what == "folder":
            os.mkdir(new)
        elif what in ("remove", "again") and old != merged and chance.random() < 0.5:
            shutil.rmtree(old) if is_folder else os.unlink(old)
            if what == "again":
                os.mkdir(old) if chance.random() < 0.5 else self.put(
                    os.path.relpath(old, self.folder), b"again")
        elif what == "write" and not is_folder:
            with open(old, "ab") as file:
                file.write(b"more")
        elif what == "link" and not is_folder:
            os.link(old, new)
        elif what == "rename" and not is_folder:
            os.rename(old, new)

    def test_whiteouts_by_attribute(self):
        for path in ("d/gone", "d/kept"):
            self.put("lower/" + path)
        self.commit_base()
        os.mkdir(self.path("upper/d"))
        for kind in ("user", "trusted"):
            with self.subTest(kind=kind):
                self.put("upper/d/gone", b"")
                os.setxattr(self.path("upper/d/gone"), kind + ".overlay.whiteout", b"")
                os.setxattr(self.path("upper/d"), kind + ".overlay.opaque", b"x")
                self.commit_upper()
                self.assertEqual([m.name for m in self.members("app:1")], ["d", "d/.wh.gone"])
                os.setxattr(self.path("upper/d"), kind + ".overlay.opaque", b"y")
                self.commit_upper()
                self.assertEqual([m.name for m in self.members("app:1")],
                                 ["d", "d/.wh..wh..opq", "d/.wh.gone"])
                os.unlink(self.path("upper/d/gone"))
                os.removexattr(self.path("upper/d"), kind + ".overlay.opaque")

    def test_what_a_layer_cannot_say_is_refused(self):
        self.commit_base()
        before = self.files()
        for kind in ("user", "trusted"):
            for name in ("redirect", "metacopy"):
                path = self.put("upper/etc/f")
                os.setxattr(path, kind + ".overlay." + name, b"/x")
                said = self.fails("commit", "--parent", "base:1", "--upper", self.path("upper"), "x")
                self.assertIn("etc/f has the attribute %s.overlay.%s" % (kind, name), said)
                self.assertIn("redirect_dir=off", said)
                os.unlink(path)
        self.put("upper/etc/.wh.name")
        self.assertIn(".wh.name", self.fails("commit", "--upper", self.path("upper"), "x"))
        self.assertEqual(self.files(), before)

    def test_redirected_folder_of_the_kernel_is_refused(self):
        self.put("lower/d/f")
        merged = self.mount(",redirect_dir=on")
        os.rename(merged + "/d", merged + "/e")
        self.assertIn("e has the attribute trusted.overlay.redirect",
                      self.fails("commit", "--upper", self.path("upper"), "x"))

    def test_sockets_are_left_out_and_told_once(self):
        self.put("upper/f")
        for name in ("s1", "s2"):
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(os.path.relpath(self.path("upper/" + name)))
        process = self.run_it("commit", "--upper", self.path("upper"), "app:1")
        self.assertEqual(process.returncode, 0)
        self.assertEqual(process.err.count("warning"), 1, process.err)
        self.assertIn("2 sockets", process.err)
        self.assertEqual([m.name for m in self.members("app:1")], ["f"])

    def test_full_disk_leaves_nothing(self):
        point = self.path("merged")
        self.assertEqual(libc.mount(b"tmpfs", point.encode(), b"tmpfs", 0, b"size=24m"), 0)
        self.addCleanup(libc.umount2, point.encode(), 2)
        self.root = point + "/store"
        self.put("lower/f", os.urandom(100000))
        self.commit_base()
        before = self.files()
        self.put("upper/large", os.urandom(1 << 20) * 40)
        for _ in range(3):
            said = self.fails("commit", "-q", "--parent", "base:1", "--upper", self.path("upper"),
                              "app:1")
            self.assertIn("o space left", said)
            self.assertEqual(self.files(), before)
        self.assertEqual(self.names(), ["base:1"])
        self.is_whole()
        self.put("upper/large", b"small")
        self.commit_upper()


class Image(CommitTest):
    """Config, manifest and name."""

    def setUp(self):
        super().setUp()
        self.image = support.Image(labels={"a": "1"}, Extra={"kept": [1, None]})
        document = json.loads(self.image.config)
        document.update(author="parent's", comment="parent's", variant="v2",
                        unknown={"deep": [1, 2.5, "ü"]}, **{"os.version": "1"})
        self.image.config = json.dumps(document).encode()
        self.image.hex = sha256(self.image.config)
        self.load(self.image)
        self.put("upper/f", b"f")

    def commit_it(self, *words, name="new:1", **options):
        return self.commit("--parent", "app:1", "--upper", self.path("upper"), *words, name,
                           **options)

    def test_config_is_the_parents_with_the_changes(self):
        told = self.commit_it("--author", "me", "-m", "why", "-c", "CMD [\"run\"]",
                              "-c", "ENV A=new B=2", "--change", "LABEL b=2")
        old, new = json.loads(self.image.config), self.config("new:1")
        self.assertEqual(told, self.inspect("new:1")["Id"])
        self.assertEqual(new["config"], {**old["config"], "Cmd": ["run"],
                                         "Env": ["PATH=/bin", "A=new", "B=2"],
                                         "Labels": {"a": "1", "b": "2"}})
        self.assertEqual(new["author"], "me")
        self.assertNotIn("comment", new)
        self.assertEqual(new["history"], old["history"] + [
            {"created": new["created"], "author": "me", "created_by": "holdfast commit",
             "comment": "why"}])
        self.assertGreater(new["created"], old["created"])
        with open(self.blob(self.manifest("new:1")["layers"][-1]["digest"]), "rb") as file:
            diff_id = "sha256:" + sha256(file.read())
        self.assertEqual(new["rootfs"]["diff_ids"], old["rootfs"]["diff_ids"] + [diff_id])
        made = ("config", "author", "comment", "history", "created", "rootfs")
        self.assertEqual({k: v for k, v in new.items() if k not in made},
                         {k: v for k, v in old.items() if k not in made})
        shown = self.inspect("new:1")
        self.assertEqual((shown["Author"], shown["Comment"]), ("me", "why"))
        self.assertEqual(shown["Size"], sum(map(len, self.plain_layers("new:1"))))

    def test_author_and_comment_of_the_parent_do_not_become_ours(self):
        self.commit_it()
        new = self.config("new:1")
        self.assertNotIn("author", new)
        self.assertNotIn("comment", new)
        self.assertEqual(new["history"][-1], {"created": new["created"],
                                              "created_by": "holdfast commit"})

    def test_empty_difference_is_history_without_a_layer(self):
        os.unlink(self.path("upper/f"))
        self.commit_it()
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        self.commit("--parent", "app:1", "--diff", "-", "new:2", stdin=empty.getvalue())
        for name in ("new:1", "new:2"):
            new = self.config(name)
            self.assertEqual(new["rootfs"], json.loads(self.image.config)["rootfs"])
            self.assertIs(new["history"][-1]["empty_layer"], True)
            self.assertEqual(self.plain_layers(name), self.image.layers)
        self.is_whole()

    def test_compressed_layers_of_the_parent_stay(self):
        packed = [gzip.compress(data, mtime=0) for data in self.image.layers]
        kinds = [("gzip", "application/vnd.oci.image.layer.v1.tar+gzip"),
                 ("docker's", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
                 ("wrong", "application/vnd.oci.image.layer.v1.tar")]
        for number, (what, media_type) in enumerate(kinds):
            with self.subTest(what=what):
                self.load_layout(packed, media_type, "gz:%d" % number)
                self.commit("--parent", "gz:%d" % number, "--upper", self.path("upper"), "new:1")
                parts = self.manifest("new:1")["layers"]
                self.assertEqual(
                    parts[0], {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                               "digest": "sha256:" + sha256(packed[0]), "size": len(packed[0])})
                self.assertEqual(parts[1]["mediaType"], "application/vnd.oci.image.layer.v1.tar")
                self.assertEqual(self.plain_layers("new:1")[0], self.image.layers[0])
        self.is_whole()
        self.comes_back("new:1", "oci-archive")

    def load_layout(self, packed, media_type, name):
        """An OCI layout, as a folder."""
        folder = self.path("layout-" + name.replace(":", "-"))
        os.makedirs(folder + "/blobs/sha256")

        def put(data, media):
            with open(folder + "/blobs/sha256/" + sha256(data), "wb") as file:
                file.write(data)
            return {"mediaType": media, "digest": "sha256:" + sha256(data), "size": len(data)}
        manifest = {"schemaVersion": 2,
                    "config": put(self.image.config, "application/vnd.oci.image.config.v1+json"),
                    "layers": [put(data, media_type) for data in packed]}
        entry = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
        entry["annotations"] = {"io.containerd.image.name": "docker.io/library/" + name}
        for path, document in (("index.json", {"schemaVersion": 2, "manifests": [entry]}),
                               ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
            with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                json.dump(document, file)
        self.holdfast("load", "-i", folder)

    def comes_back(self, name, form):
        out = self.path("back." + form)
        self.holdfast("save", "-q", "--format", form, "-o", out, name)
        self.holdfast("--root", self.path("other"), "load", "-i", out)
        self.assertEqual(self.holdfast("--root", self.path("other"), "inspect", "-f", "{{.Id}}", name),
                         self.holdfast("inspect", "-f", "{{.Id}}", name))

    def test_plain_layers_give_dockers_manifest(self):
        self.commit_it()
        manifest = self.manifest("new:1")
        self.assertEqual({part["mediaType"] for part in manifest["layers"]},
                         {"application/vnd.oci.image.layer.v1.tar"})
        digest = self.inspect("new:1")["Descriptor"]["digest"]
        self.comes_back("new:1", "hybrid")
        again = json.loads(self.holdfast("--root", self.path("other"), "inspect", "new:1"))[0]
        self.assertEqual(again["Descriptor"]["digest"], digest)

    def test_without_a_parent_it_is_the_first_layer(self):
        self.commit("--upper", self.path("upper"), "--platform", "linux/arm64/v8", "-c", "USER me",
                    "first:1")
        new = self.config("first:1")
        self.assertEqual((new["os"], new["architecture"], new["variant"]), ("linux", "arm64", "v8"))
        self.assertEqual(new["config"], {"User": "me"})
        self.assertEqual(len(new["rootfs"]["diff_ids"]), 1)
        self.assertEqual(len(new["history"]), 1)

    def test_diff_is_the_plain_tar(self):
        data = layer({"etc/.wh.motd": b"", "new": b"new"})
        path = self.write("diff.tar.gz", gzip.compress(data))
        self.commit("--parent", "app:1", "--diff", path, "new:1")
        self.commit("--parent", "app:1", "--diff", "-", "new:2", stdin=data)
        for name in ("new:1", "new:2"):
            self.assertEqual(self.plain_layers(name), self.image.layers + [data])

    def test_same_directory_gives_the_same_layer(self):
        with open(os.fsencode(self.path("upper")) + "/ü".encode(), "wb"):
            pass
        found = set()
        for number, locale in enumerate(("C", "C.UTF-8", "POSIX")):
            self.commit_it(name="new:%d" % number, environment={"LC_ALL": locale})
            found.add(self.config("new:%d" % number)["rootfs"]["diff_ids"][-1])
        self.assertEqual(len(found), 1)

    def test_name_that_moves(self):
        self.load(support.Image("old", tags=("new:1",)))
        process = self.run_it("commit", "--parent", "app:1", "--upper", self.path("upper"), "new:1")
        self.assertRegex(process.err, r"Replaced new:1 \(was sha256:[0-9a-f]{12}, removed\)")
        self.put("upper/g")
        process = self.run_it("commit", "--parent", "new:1", "--upper", self.path("upper"),
                              "--keep-old", "new:1")
        self.assertRegex(process.err, r"Replaced new:1 \(was sha256:[0-9a-f]{12}, kept as new@sha")
        # Onto its own parent, which leaves by that.
        self.assertEqual(self.run_it("commit", "--parent", "app:1", "--upper", self.path("upper"),
                                     "app:1").returncode, 0)
        self.assertEqual(len(self.plain_layers("app:1")), 2)
        self.is_whole()

    def test_json(self):
        told = json.loads(self.commit_it("--json"))
        self.assertEqual([(event["event"], event["id"]) for event in told],
                         [("loaded", self.inspect("new:1")["Id"])])

    def test_wrong_arguments_are_refused_before_anything_is_written(self):
        def everything():
            return {os.path.join(folder, name): os.path.getsize(os.path.join(folder, name))
                    for folder, _, names in os.walk(self.root) for name in names}
        upper = ["--upper", self.path("upper")]
        self.fails("commit", "--parent", "missing", *upper, "x")  # the store is open and at rest
        before, log = everything(), self.holdfast("wal")
        for words in (["-c", "RUN x"], ["-c", "ENV"], ["-c", "EXPOSE x/y"], ["-a", b"\xff"],
                      ["-m", b"\xff"], ["--platform", "linux"]):
            self.fails("commit", *upper, *words, "x", code=2)
        for name in ("X", "a@sha256:" + 64 * "0", ""):
            self.fails("commit", *upper, name, code=2)
        self.fails("commit", "--diff", self.path("upper"), "x", code=2)
        self.fails("commit", "--diff", self.path("missing"), "x")
        self.assertEqual(self.holdfast("wal").count("commit"), log.count("commit"))
        self.assertEqual(set(everything()), set(before))
        for words in (["x"], [*upper, "--diff", "y", "x"], [*upper], [*upper, "x", "y"]):
            self.assertEqual(self.run_it("commit", *words).returncode, 2)

    def test_what_is_no_tar_or_no_parent_changes_nothing(self):
        before = self.files()
        for data in (b"", b"no tar at all", layer({"f": bytes(100000)})[:50000]):
            self.fails("commit", "--parent", "app:1", "--diff", self.write("x", data), "new:1")
        self.assertIn("no such image", self.fails("commit", "--parent", "no", "--upper",
                                                  self.path("upper"), "new:1"))
        self.fails("commit", "--upper", self.path("missing"), "new:1")
        self.assertEqual(self.files(), before)
        self.assertEqual(self.names(), ["app:1"])


class Interrupted(CommitTest):
    """Others meanwhile."""

    def setUp(self):
        super().setUp()
        self.image = support.Image(size=300000)
        self.load(self.image)
        self.data = layer({"new": os.urandom(8 << 20)})

    def half_way(self, *words):
        process = self.start("commit", "-q", "--parent", "app:1", "--diff", "-", *words, "new:1",
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(self.data[:4 << 20])
        process.stdin.flush()
        self.wait_for_staged(process, 1 << 20)
        return process

    def test_parent_removed_meanwhile_harms_nothing(self):
        process = self.half_way()
        self.holdfast("rmi", "app:1")
        self.assertEqual(self.names(), [])
        _, err = process.communicate(self.data[4 << 20:], timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(self.names(), ["new:1"])
        self.assertEqual(self.plain_layers("new:1"), self.image.layers + [self.data])
        self.is_whole()
        self.holdfast("save", "-q", "-o", self.path("out.tar"), "new:1")

    def test_kill_leaves_nothing(self):
        before = self.files()
        process = self.half_way()
        process.kill()
        process.communicate()
        told = self.holdfast("recover")
        self.assertIn("commit", told)
        self.assertEqual(self.files(), before)
        self.assertEqual(self.names(), ["app:1"])
        self.is_whole()

    def test_interrupt_rolls_back(self):
        before = self.files()
        process = self.half_way()
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.files(), before)
        self.is_whole()

    def test_file_that_changes_while_it_is_read_is_refused(self):
        path = self.put("upper/d/large", bytes(64 << 20))
        before = self.files()
        stop = threading.Event()

        def write():
            with open(path, "r+b", buffering=0) as file:
                while not stop.is_set():
                    os.pwrite(file.fileno(), b"y", 5)
                    time.sleep(0.001)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            said = self.fails("commit", "-q", "--parent", "app:1", "--upper", self.path("upper"),
                              "new:1")
        finally:
            stop.set()
            writer.join()
        self.assertIn("d/large changed while it was read", said)
        self.assertEqual(self.files(), before)

    def test_folder_that_changes_while_it_is_read_is_refused(self):
        self.put("upper/d/large", bytes(64 << 20))
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                self.put("upper/d/n%d" % number)
                time.sleep(0.001)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            said = self.fails("commit", "-q", "--parent", "app:1", "--upper", self.path("upper"),
                              "new:1")
        finally:
            stop.set()
            writer.join()
        self.assertIn("changed while it was read", said)
        self.assertEqual(self.names(), ["app:1"])


if __name__ == "__main__":
    support.main()

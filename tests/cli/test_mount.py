"""mount, umount, mounts, workspace: the kernel's view of an image, and who holds what.

Each test has a mount namespace of its own, so that nothing is left mounted."""

import io
import json
import os
import stat
import subprocess
import tarfile
import unittest

import support

CLONE_NEWNS = 0x20000


def may_mount():
    if os.geteuid() != 0:
        return False
    child = os.fork()
    if child == 0:
        try:
            private_mounts()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def private_mounts():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        for name, kind, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.mtime = kind, 1700000000
            info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o640
            if kind == tarfile.SYMTYPE:
                info.linkname = data.decode()
                data = b""
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


FILE, DIR, LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE
LAYERS = [
    tar(("etc", DIR, b""), ("etc/a", FILE, b"lower"), ("etc/b", FILE, b"B" * 5000), ("bin", LINK, b"usr/bin"),
        ("old", DIR, b""), ("old/x", FILE, b"x")),
    tar(("etc", DIR, b""), ("etc/a", FILE, b"upper"), ("etc/.wh.b", FILE, b""), ("old", DIR, b""),
        ("old/.wh..wh..opq", FILE, b""), ("old/y", FILE, b"y")),
]


@unittest.skipUnless(may_mount(), "needs the privilege to mount")
class MountTest(support.CliTest):
    @classmethod
    def setUpClass(cls):
        private_mounts()

    def ok(self, *arguments):
        return self.holdfast(*arguments)

    def put(self, layers=LAYERS, name="app:1"):
        image = support.Image(tags=[name])
        image.layers = layers
        image.config = support.config(layers)
        image.hex = support.sha256(image.config)
        self.load(image, arguments=["-q"])
        where = self.path("mnt")
        os.makedirs(where, exist_ok=True)
        return where

    def see(self, where):
        found = {}
        for folder, folders, files in os.walk(where):
            for name in folders + files:
                path = os.path.join(folder, name)
                shown = os.path.relpath(path, where)
                if os.path.islink(path):
                    found[shown] = "-> " + os.readlink(path)
                elif os.path.isdir(path):
                    found[shown] = oct(stat.S_IMODE(os.stat(path).st_mode))
                else:
                    with open(path, "rb") as file:
                        found[shown] = file.read()
        return found

    def mounts(self):
        return json.loads(self.ok("mounts", "--json"))

    def test_an_image_is_what_its_layers_make_it(self):
        where = self.put()
        for how in "any", "direct", "loop", "full":
            with self.subTest(how=how):
                self.ok("mount", "--how", how, "app:1", where) if how != "any" else self.ok("mount", "app:1", where)
                self.assertEqual(self.see(where), {"etc": "0o755", "etc/a": b"upper", "bin": "-> usr/bin",
                                                   "old": "0o755", "old/y": b"y"})
                with self.assertRaises(OSError):
                    open(os.path.join(where, "new"), "w")
                self.assertEqual([(m["dir"], m["state"]) for m in self.mounts()], [(where, "mounted")])
                self.ok("umount", where)
                self.assertEqual(os.listdir(where), [])
                self.assertEqual(self.mounts(), [])
        self.ok("fsck", "--full")

    def test_images_of_one_no_and_the_same_layers(self):
        for layers, seen in (([LAYERS[0]], {"etc/a": b"lower", "old/x": b"x"}), ([], {}),
                             ([LAYERS[0], LAYERS[1], LAYERS[0]], {"etc/a": b"lower", "old/x": b"x"})):
            where = self.put(layers)
            self.ok("mount", "app:1", where)
            found = self.see(where)
            for path, data in seen.items():
                self.assertEqual(found[path], data)
            self.ok("umount", where)

    def test_a_tar_that_is_cut_in_its_padding_is_whole(self):
        data = tar(("f", FILE, b"z" * 5000))
        end = data.index(b"z" * 5000) + 5000
        where = self.put([data[:end + 100]])
        for how in "direct", "loop":
            self.ok("mount", "--how", how, "app:1", where)
            self.assertEqual(self.see(where), {"f": b"z" * 5000})
            self.ok("umount", where)

    def test_a_hundred_layers(self):
        where = self.put([tar((f"f{i}", FILE, str(i).encode())) for i in range(120)])
        self.ok("mount", "app:1", where)
        self.assertEqual(len(os.listdir(where)), 120)
        self.ok("umount", where)

    def test_a_mounted_image_is_held(self):
        where = self.put()
        self.ok("mount", "app:1", where)
        self.assertIn("mount", self.fails("rmi", "app:1"))
        self.fails("mount", "app:1", where)
        self.ok("umount", where)
        self.fails("umount", where)
        self.ok("rmi", "app:1")

    def test_what_was_pruned_is_made_again(self):
        where = self.put()
        self.ok("prune", "--derived")
        self.ok("mount", "app:1", where)
        self.assertEqual(self.see(where)["etc/a"], b"upper")
        self.ok("prune", "--derived")
        self.assertEqual(self.see(where)["etc/a"], b"upper")
        self.ok("umount", where)

    def test_a_workspace_keeps_what_was_written_and_becomes_an_image(self):
        where = self.put()
        self.ok("mount", "--rw", "work", "app:1", where)
        with open(os.path.join(where, "etc/new"), "w") as file:
            file.write("new")
        os.unlink(os.path.join(where, "etc/a"))
        self.fails("workspace", "rm", "work")
        self.ok("umount", where)
        self.assertIn("work", self.fails("rmi", "app:1"))
        self.ok("mount", "--rw", "work", "app:1", where)
        self.assertEqual({path for path in self.see(where)}, {"etc", "etc/new", "bin", "old", "old/y"})
        self.ok("umount", where)
        self.ok("commit", "work", "app:2")
        self.ok("mount", "app:2", where)
        self.assertEqual(self.see(where)["etc/new"], b"new")
        self.assertNotIn("etc/a", self.see(where))
        self.ok("umount", where)
        self.assertEqual([w["workspace"] for w in json.loads(self.ok("workspace", "ls", "--json"))], ["work"])
        self.assertGreater(json.loads(self.ok("df", "--json"))["workspacesBytes"], 0)
        self.ok("fsck", "--full")
        self.ok("workspace", "rm", "work")
        self.ok("rmi", "app:1", "app:2")
        self.ok("fsck", "--full")

    def test_a_new_workspace_that_cannot_be_mounted_is_not_kept(self):
        where = self.put()
        command = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", support.HOLDFAST,
                   "--root", self.root, "mount", "--rw", "work", "app:1", where]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(self.ok("workspace", "ls", "--json")), [])
        self.assertEqual(json.loads(self.ok("hold", "ls", "--json")), [])
        self.assertEqual(os.listdir(self.root + "/workspaces"), [])
        self.ok("fsck", "--full")

    def test_a_workspace_belongs_to_one_image(self):
        where = self.put()
        self.ok("mount", "--rw", "work", "app:1", where)
        self.ok("umount", where)
        self.put([LAYERS[1]], "other:1")
        self.assertIn("another image", self.fails("mount", "--rw", "work", "other:1", where))
        self.fails("mount", "--rw", "../x", "app:1", where, code=2)
        self.assertEqual(self.mounts(), [])


if __name__ == "__main__":
    support.main()

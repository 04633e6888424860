"""A store in circumstances that are not its own doing: a wrong clock, another boot, a copy of its
folder, a format from the future, a file system that is read-only or full, folders without
permission. Either it works, or one sentence says why not; it is never taken for an empty store."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import support

IS_ROOT = os.geteuid() == 0


class Circumstances(support.CliTest):
    def setUp(self):
        super().setUp()
        self.first = support.Image("first", ["first:1"], size=10_000)
        self.second = support.Image("second", ["second:1"], size=10_000)
        self.load(self.first)

    def is_whole(self, *names, root=None):
        at = ("--root", root or self.root)
        self.holdfast("fsck", "--full", *at)
        shown = self.holdfast("images", "--format", "{{.Repository}}:{{.Tag}}", *at).split()
        self.assertEqual(sorted(shown), sorted(names))

    def edit(self, name, change):
        path = os.path.join(self.root, name)
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        with open(path, "wb") as file:
            file.write(change(data))

    # --- the clock and the boot -------------------------------------------------------------------

    def test_images_of_the_future_and_of_the_past_are_images(self):
        for name, created in (("past:1", "0001-01-01T00:00:00Z"),
                              ("future:1", "9999-12-31T23:59:59Z")):
            self.load(support.Image(name, [name], created=created))
        self.is_whole("first:1", "past:1", "future:1")
        self.holdfast("prune")
        self.is_whole("first:1", "past:1", "future:1")

    def test_files_from_another_year_are_files(self):
        for folder, _, names in os.walk(self.root):
            for i, name in enumerate(names):
                stamp = 4_000_000_000 if i % 2 else 1
                os.utime(os.path.join(folder, name), (stamp, stamp))
        self.load(self.second)
        self.is_whole("first:1", "second:1")

    def test_what_the_running_system_tells_is_worth_nothing_after_a_boot(self):
        # Another boot ID in both halves, their checksums wrong, one half alone, and none of it.
        for change in (lambda data: data[:8] + b"x" * 16 + data[24:],
                       lambda data: bytes(512) + data[512:],
                       lambda data: data[:512],
                       lambda data: b""):
            with self.subTest(length=len(change(bytes(1024)))):
                self.edit("shared", change)
                self.is_whole("first:1")
                self.holdfast("tag", "first:1", "other:1")
                self.edit("shared", change)
                self.holdfast("rmi", "other:1")
                self.is_whole("first:1")

    # --- copies -----------------------------------------------------------------------------------

    def copy(self, name):
        subprocess.run(["cp", "-a", self.root, self.path(name)], check=True)
        return self.path(name)

    def test_a_copy_is_a_store_of_its_own(self):
        copy = self.copy("copy")
        self.holdfast("tag", "first:1", "other:1", "--root", copy)
        self.load(self.second)
        self.is_whole("first:1", "other:1", root=copy)
        self.is_whole("first:1", "second:1")

    def test_a_copy_taken_while_the_store_is_used_is_whole_or_says_so(self):
        archive = self.write("second.tar", support.docker_archive([self.second]))
        worker = subprocess.Popen(
            ["sh", "-c", 'while "$0" load -q -i "$1" && "$0" rmi second:1; do :; done',
             support.HOLDFAST, archive], env={**support.ENVIRONMENT, "HOLDFAST_ROOT": self.root},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for i in range(10):
                # Files go while they are copied: that is cp's word, and not ours.
                subprocess.run(["cp", "-a", self.root, self.path(f"copy{i}")], check=False,
                               stderr=subprocess.DEVNULL)
                time.sleep(0.01)
        finally:
            worker.terminate()
            worker.wait()
        for i in range(10):
            self.copy_is_good(self.path(f"copy{i}"))
        self.holdfast("recover")
        self.holdfast("fsck", "--full")

    def copy_is_good(self, root):
        """What was there all the time is there, after a repair at the latest, or it is refused."""
        repaired = self.run_it("fsck", "--full", "--repair", "--root", root)
        self.assertIn(repaired.returncode, (0, 1, 4, 5), repaired.out + repaired.err)
        self.assertIn("first:1", self.holdfast("images", "--root", root,
                                               "--format", "{{.Repository}}:{{.Tag}}").split())
        self.holdfast("save", "-o", root + ".tar", "first:1", "--root", root)

    # --- versions ---------------------------------------------------------------------------------

    def test_a_newer_format_is_refused_by_name_and_left_alone(self):
        self.edit("FORMAT", lambda data: data.replace(b"version 1", b"version 2"))
        before = self.listing()
        for command in (("images",), ("load", "-i", self.path("archive.tar")), ("rmi", "first:1"),
                        ("fsck", "--repair"), ("recover",)):
            with self.subTest(command=command):
                process = self.run_it(*command)
                self.assertNotEqual(process.returncode, 0)
                self.assertRegex(process.out + process.err, "version 2|newer|damaged")
                self.assertEqual(self.listing(), before)

    def listing(self, root=None):
        found = {}
        for folder, _, names in os.walk(root or self.root):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[path] = support.sha256(file.read())
        return found

    # --- file systems -----------------------------------------------------------------------------

    def mounted(self, *options):
        """The store on a file system of its own."""
        if not IS_ROOT:
            self.skipTest("needs root, to mount")
        point = self.path("mnt")
        os.mkdir(point)
        made = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", point], check=False,
                              capture_output=True)
        if made.returncode != 0:
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", point], check=False)
        root = os.path.join(point, "store")
        subprocess.run(["cp", "-a", self.root, root], check=True)
        return point, root

    def test_on_a_read_only_file_system_all_can_be_read_and_nothing_changed(self):
        point, root = self.mounted()
        subprocess.run(["mount", "-o", "remount,ro", point], check=True)
        self.assertIn("first:1", self.holdfast("images", "--root", root,
                                               "--format", "{{.Repository}}:{{.Tag}}"))
        self.holdfast("save", "-o", self.path("out.tar"), "first:1", "--root", root)
        self.holdfast("fsck", "--full", "--root", root)
        json.loads(self.holdfast("df", "--json", "--root", root))
        for command in (("tag", "first:1", "other:1"), ("rmi", "first:1"),
                        ("load", "-i", self.path("archive.tar"))):
            with self.subTest(command=command):
                self.assertRegex(self.fails(*command, "--root", root), "[Rr]ead-only")

    def test_on_a_full_file_system_all_can_be_read_and_removed(self):
        point, root = self.mounted("-o", "size=12M")
        with open(os.path.join(point, "ballast"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        self.holdfast("images", "--root", root)
        self.holdfast("save", "-o", self.path("out.tar"), "first:1", "--root", root)
        self.assertRegex(self.fails("load", "-i", self.write("second.tar", support.docker_archive(
            [self.second])), "--root", root), "space|full")
        self.holdfast("rmi", "first:1", "--root", root)
        self.holdfast("fsck", "--full", "--root", root)

    # --- permissions ------------------------------------------------------------------------------

    @unittest.skipUnless(IS_ROOT, "needs root, to become somebody else")
    def test_a_folder_without_permission_is_no_empty_store(self):
        # The build folder may lie where only root can go.
        folder = tempfile.mkdtemp(prefix="holdfast-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        program = shutil.copy(support.HOLDFAST, folder)
        root = shutil.copytree(self.root, os.path.join(folder, "store"))
        for path, _, names in os.walk(root):
            os.chmod(path, 0o755)
            for name in names:
                os.chmod(os.path.join(path, name), 0o644)
        for closed in ("", "wal", "catalog", "blobs", "blobs/sha256", "FORMAT"):
            with self.subTest(closed=closed):
                path = os.path.join(root, closed)
                mode = os.stat(path).st_mode
                os.chmod(path, 0)
                done = subprocess.run(
                    [program, "--root", root, "save", "-o", "/dev/null", "first:1"], user=65534,
                    group=65534, env=support.ENVIRONMENT, check=False, capture_output=True)
                os.chmod(path, mode)
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(done.stderr.decode(), r"\Aholdfast: [^\n]*[Pp]ermission[^\n]*\n\Z")


if __name__ == "__main__":
    support.main()

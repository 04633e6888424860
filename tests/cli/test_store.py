"""The store under the images: cuts, signals, checks, the log, read-only users."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import support


class Store(support.CliTest):
    def setUp(self):
        super().setUp()
        self.first = support.Image("first", ["first:1"], size=10_000)
        self.second = support.Image("second", ["second:1"], size=3_000_000)
        self.load(self.first)

    def load_until_it_waits(self):
        """Begin to load `second` and stop in the middle of its layer, the process waiting for more."""
        archive = support.docker_archive([self.second])
        process = self.start("load", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        process.stdin.write(archive[:2_000_000])
        process.stdin.flush()
        # What it has read is in staging/: then it is surely in the middle.
        deadline = time.monotonic() + 60
        while self.staged_bytes() < 1_000_000:
            self.assertLess(time.monotonic(), deadline, "the load does not go on")
            time.sleep(0.01)
        return process

    def staged_bytes(self):
        total = 0
        for folder, _, files in os.walk(os.path.join(self.root, "staging")):
            for name in files:
                try:
                    total += os.stat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    pass
        return total

    def check_is_clean(self):
        self.holdfast("fsck", "--full")
        self.assertEqual(self.names(), ["first:1"])
        self.assertEqual(self.staged_bytes(), 0)

    def kill_in_the_middle(self):
        process = self.load_until_it_waits()
        process.kill()
        process.communicate()

    def test_a_killed_load_is_rolled_back_and_told(self):
        self.kill_in_the_middle()
        out = self.holdfast("recover", "--dry-run")
        # A reader believes what is durable, and an intent need not be as yet.
        self.assertRegex(out, r"(transaction \d+ \(load.*\): would be rolled back"
                              r"|files of no operation that is durable yet: would be swept), \d+ files?, \d+ bytes")
        self.assertGreater(self.staged_bytes(), 0)
        out = self.holdfast("recover")
        self.assertRegex(out, r"transaction \d+ \(load.*\): rolled back, \d+ files?, \d+ bytes\n")
        self.assertEqual(self.holdfast("recover"), "nothing to recover\n")
        self.check_is_clean()

    def test_recover_tells_json(self):
        self.kill_in_the_middle()
        report = json.loads(self.holdfast("recover", "--json"))
        self.assertFalse(report["clean"])
        self.assertEqual(report["entries"][0]["outcome"], "rolled back")
        self.assertGreater(report["entries"][0]["bytes"], 1_000_000)
        self.assertTrue(json.loads(self.holdfast("recover", "--json"))["clean"])

    def test_any_command_recovers_and_says_so_in_one_sentence(self):
        self.kill_in_the_middle()
        process = self.run_it("images")
        self.assertRegex(process.err, r"\Aholdfast: images: recovered: 1 operation rolled back, "
                                      r"0 replayed, \d+ bytes freed; see 'holdfast wal'\n\Z")
        self.assertEqual(self.run_it("images").err, "")
        self.check_is_clean()

    def test_a_signal_rolls_back_also_while_the_pipe_is_silent(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                process = self.load_until_it_waits()
                process.send_signal(number)
                # Nothing more comes from the pipe, and its end neither.
                self.assertEqual(process.wait(timeout=30), 128 + number)
                self.assertIn(b"rolled back", process.stderr.read())
                process.communicate()
                self.assertEqual(self.holdfast("recover"), "nothing to recover\n")
                self.check_is_clean()

    def test_others_go_on_beside_a_load(self):
        process = self.load_until_it_waits()
        self.assertEqual(self.run_it("images").err, "")
        self.holdfast("tag", "first:1", "other:1")
        self.holdfast("rmi", "other:1")
        self.holdfast("fsck")
        process.stdin.write(support.docker_archive([self.second])[2_000_000:])
        out, err = process.communicate()
        self.assertEqual((process.returncode, out, err), (0, b"Loaded image: second:1\n", b""))

    def test_fsck_of_a_healthy_store_is_clean(self):
        self.assertRegex(self.holdfast("fsck"), r"\Aquick check: \d+ objects: clean\n\Z")
        self.assertRegex(self.holdfast("fsck", "--full"),
                         r"\Afull check: \d+ objects, [\d.]+kB read: clean\n\Z")
        report = json.loads(self.holdfast("fsck", "--json"))
        self.assertEqual((report["findings"], report["exitCode"]), ([], 0))

    def blob(self, image):
        return os.path.join(self.root, "blobs/sha256", support.sha256(image.layers[0]))

    def rot(self, path):
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)[0]
            file.seek(5000)
            file.write(bytes([byte ^ 1]))

    def test_fsck_finds_repairs_and_says_it_by_its_exit_code(self):
        archive = self.write("first.tar", support.docker_archive([self.first]))
        self.rot(self.blob(self.first))
        self.holdfast("fsck", "--quick")
        out = self.holdfast("fsck", "--full", code=4)
        self.assertIn("content: blobs/sha256/", out)
        self.assertIn("first:1", out)
        self.holdfast("fsck", "--full", "--repair", "--from", archive, code=1)
        self.holdfast("fsck", "--full")
        self.holdfast("save", "-o", self.path("x.tar"), "first:1")

    def test_fsck_removes_what_nothing_accounts_for(self):
        stray = os.path.join(self.root, "blobs/sha256", "0" * 64)
        with open(stray, "wb") as file:
            file.write(b"stray")
        self.assertIn("residue: ", self.holdfast("fsck", code=4))
        self.assertEqual(json.loads(self.holdfast("df", "--json"))["unknownBytes"], 5)
        self.assertIn("[repaired]", self.holdfast("fsck", "--repair", code=1))
        self.assertFalse(os.path.exists(stray))
        self.holdfast("fsck")

    def test_fsck_that_cannot_check_exits_with_8(self):
        self.fails("fsck", "--root", self.path("nothing"), code=8)

    def test_a_damaged_image_is_loud_and_healed_by_loading_it_again(self):
        os.unlink(self.blob(self.first))
        self.load(self.second)
        self.fails("save", "-o", self.path("x.tar"), "first:1")
        self.assertFalse(os.path.exists(self.path("x.tar")))
        self.load(self.first)
        self.holdfast("fsck", "--full")

    def test_df_accounts_for_every_byte(self):
        usage = json.loads(self.holdfast("df", "--json"))
        parts = ["images", "derived", "workspaces", "staging", "removed", "quarantine", "log", "catalog", "other", "unknown"]
        self.assertEqual(sum(usage[part + "Bytes"] for part in parts), usage["totalBytes"])
        lengths = 0
        for folder, _, files in os.walk(self.root):
            lengths += sum(os.stat(os.path.join(folder, name)).st_size for name in files)
        self.assertEqual(usage["totalBytes"], lengths)
        self.assertEqual(usage["unknownBytes"], 0)
        self.assertEqual(usage["images"], 1)
        lines = self.holdfast("df").splitlines()
        self.assertEqual(lines[0].split(), ["TYPE", "TOTAL", "SIZE"])
        self.assertIn(f" {usage['totalBytes']}", self.holdfast("df", "-v"))

    def test_wal_tells_what_was_done(self):
        self.holdfast("tag", "first:1", "other:1")
        lines = self.holdfast("wal").splitlines()
        self.assertEqual(lines[0].split(), ["POSITION", "TIME", "TYPE", "TXN", "NOTE"])
        self.assertTrue(any(" INTENT " in line and " load " in line for line in lines))
        self.assertTrue(any(" COMMIT " in line and " tag " in line for line in lines))
        self.assertIn("docker.io/library/other:1", self.holdfast("wal", "-v"))
        log = json.loads(self.holdfast("wal", "--json"))
        self.assertFalse(log["corrupt"])
        positions = [record["position"] for record in log["records"]]
        self.assertEqual(positions, sorted(positions))
        self.assertLessEqual(log["first"], positions[0])
        self.assertGreater(log["end"], positions[-1])

    def test_damage_is_never_an_empty_store(self):
        shutil.rmtree(os.path.join(self.root, "wal"))
        process = self.run_it("images")
        self.assertNotEqual(process.returncode, 0)
        self.assertNotEqual(process.err, "")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become somebody else")
    def test_who_may_not_write_can_look(self):
        # The build folder may lie where only root can go.
        folder = tempfile.mkdtemp(prefix="holdfast-cli-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        root = os.path.join(folder, "store")
        shutil.copytree(self.root, root)
        for path, folders, files in os.walk(root):
            os.chmod(path, 0o755)
            for name in files:
                os.chmod(os.path.join(path, name), 0o644)
        program = shutil.copy(support.HOLDFAST, folder)

        def as_nobody(*arguments):
            return subprocess.run([program, "--root", root, *arguments], user=65534, group=65534,
                                  extra_groups=[], capture_output=True, text=True,
                                  env=support.ENVIRONMENT, cwd="/")

        before = self.listing(root)
        self.assertIn("first", as_nobody("images").stdout)
        self.assertEqual(as_nobody("fsck", "--full").returncode, 0)
        self.assertEqual(as_nobody("wal").returncode, 0)
        self.assertEqual(as_nobody("save", "first:1", "-o", "/dev/null/x").returncode, 1)
        self.assertEqual(as_nobody("tag", "first:1", "x:1").returncode, 1)
        self.assertEqual(self.listing(root), before)

    def listing(self, root):
        entries = []
        for folder, _, files in os.walk(root):
            paths = [os.path.join(folder, name) for name in files]
            entries += [(path, os.stat(path).st_mtime_ns) for path in paths]
        return sorted(entries)


support.main()

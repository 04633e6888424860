#!/usr/bin/env python3
"""tests/kill9/test_kill_mount.py - proves that what starts an image may die before each of its system
calls: deriving at the first mount, mounting, unmounting, making and removing a workspace, committing
it, unpacking.

    test_kill_mount.py HOLDFAST HOLDFAST-CHECK [changing | all]

`changing` takes calls that change files or mounts, at most a few of each name; `all` every one.

After each death the independent checker has nothing to complain about, before a recovery and after
it; the images are what they were; and what the dead one has left is listed and can be taken away:
a second try of the same, and then the way back, end with no mount, no workspace and no hold."""

import ctypes
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from images import make_archives  # noqa: E402
from store import Failure  # noqa: E402
import test_kill_each as each  # noqa: E402

NAME = "docker.io/library/zip:1"
MOUNTING = {"mount", "umount2", "move_mount", "open_tree", "unshare"}
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def private_mounts():
    """What this process and those that it starts mount, nobody else sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(CLONE_NEWNS) == 0 and \
        libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0


class Case:
    """A command that is killed, and what comes before it and after it."""

    def __init__(self, name, before, command, after):
        self.name, self.before, self.command = name, before, command
        self.after = after  # must work when the command was given once more


class Kills:
    def __init__(self, store, archive, folder, changing):
        self.store, self.archive, self.changing = store, archive, changing
        self.point, self.tree = os.path.join(folder, "mnt"), os.path.join(folder, "tree")
        os.mkdir(self.point)
        self.names = {}

    def make_again(self):
        shutil.rmtree(self.store.root, ignore_errors=True)
        self.store.run(["load", "-q", "-i", self.archive])
        self.names = self.store.state("--after-recovery")

    def is_mounted(self):
        return os.path.ismount(self.point)

    def clean(self):
        """Whatever is there is taken away, by the commands that are for it."""
        for line in self.store.run(["mounts"]).splitlines()[1:]:  # and what was never made
            self.store.run(["umount", line.split()[0]])
        for line in self.store.run(["workspace", "ls"]).splitlines()[1:]:
            self.store.run(["workspace", "rm", line.split()[0]])
        shutil.rmtree(self.tree, ignore_errors=True)
        held = self.store.run(["hold", "ls"]).splitlines()[1:]
        if held or self.is_mounted():
            raise Failure("left behind: %s" % (held or self.point))
        extra = [name for name in self.store.state("--live") if name not in self.names]
        if extra:
            self.store.run(["rmi", *extra])

    def again(self, case):
        """What the command does when it is given again, after its own half work was there: the same,
        or, where that is done already, a refusal."""
        done = subprocess.run(self.store.command(case.command), capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=60)
        if done.returncode not in (0, 1):
            raise Failure("%s, again: exit %d\n%s" % (case.name, done.returncode, done.stderr))

    def sweep(self, case):
        for step in case.before:
            self.store.run(step)
        calls = each.calls_of(self.store, case.command, False)
        calls = {name: count for name, count in calls.items() if not self.changing or
                 name in MOUNTING or each.CHANGING.fullmatch(name)}
        self.clean()
        killed_count = wanted = 0
        for call, count in calls.items():
            # Writes of a kind follow each other; a look at some of them is a look at all.
            for number in range(1, count + 1, max(1, count // 6) if self.changing else 1):
                wanted += 1
                for step in case.before:
                    self.store.run(step)
                killed, _ = each.killed_at(self.store, case.command, call, number)
                killed_count += killed
                self.judge(case, call, number)
                if killed_count % 15 == 14:  # each leaves a segment behind, which all that follow read
                    self.make_again()
        print("%s: killed before each of %d calls" % (case.name, killed_count), flush=True)
        if killed_count < 0.8 * wanted:
            raise Failure("%s: only %d of %s were met" % (case.name, killed_count, calls))

    def judge(self, case, call, number):
        try:
            state = self.store.recovered()
            missing = {name: target for name, target in self.names.items()
                       if state.get(name) != target}
            if missing:
                raise Failure("lost: %s" % missing)
            self.again(case)
            self.store.run(case.after)
            self.clean()
        except Failure as why:
            raise Failure("%s, killed before %s %d: %s" % (case.name, call, number, why)) from why


def cases(point, tree):
    mount, umount, work = ["mount", NAME, point], ["umount", point], ["mount", "--rw", "w", NAME, point]
    look = ["inspect", NAME]
    return [
        Case("the first mount, which derives", [["prune", "--derived", "-f"]], mount, look),
        Case("mount", [], mount, look),
        Case("umount", [mount], umount, look),
        Case("mount with a workspace", [], work, ["workspace", "ls"]),
        Case("workspace rm", [work, umount], ["workspace", "rm", "w"], look),
        Case("commit", [work, umount], ["commit", "w", "app:committed"],
             ["inspect", "app:committed"]),
        Case("unpack", [], ["unpack", NAME, tree], look),
    ]


def sweep_all(store, folder, changing):
    archive = next(path for path in make_archives(folder)[0] if path.endswith("zip.tar"))
    kills = Kills(store, archive, folder, changing)
    kills.make_again()
    for case in cases(kills.point, kills.tree):
        kills.sweep(case)
    store.run(["fsck", "--full"])


if __name__ == "__main__":
    if os.geteuid() != 0 or not private_mounts():
        print("needs root, and that it may mount")
        sys.exit(each.SKIPPED)
    sys.exit(each.main(sweep_all))

#!/usr/bin/env python3
"""fault-injection/real_disk.py - proves on real file systems that a power cut breaks no promise.

    real_disk.py BUILD cuts      records the command at work on a disk, then mounts and judges what
                                 the disk may hold after a cut at any flush and between flushes
    real_disk.py BUILD errors    the disk refuses the n-th write and the n-th flush, for each n
    real_disk.py BUILD shutdown  a file system is cut off at random moments, again and again
    real_disk.py BUILD peer      the cuts, with others at work: what the harness finds in them

    --fs KIND,KIND...   ext4, ext4-writeback, ext4-journal, ext4-fast-commit, ext4-nodelalloc,
                        ext4-1k, xfs, btrfs
    --seed S            of the first recording; each further one has the next
    --states N          of a recording at most N cuts: all flushes, the others by chance
    --total N           goes on with new recordings until N different states were mounted
    --resume FILE       where a long run notes how far it is, and goes on from
    --steps N           of each of four processes in a recording
    --rounds N          cuts of `shutdown`, or recordings of `errors`
    --every N           of the writes and flushes that are refused, each N-th
    --tsv FILE          what was done, for pictures.py: a line for each epoch, then one for its recording
    --wait SECONDS      after the last acknowledgement, so that the system writes back by itself
    --peers NAME,NAME   of `peer`: podman, docker, containerd
    --keep FOLDER       reproducers and recordings of violations go there; --keep-all: all recordings

Needs root, FUSE and loop devices; exit code 77 without them. The files beside it: rig.py (disk and
mounts), commands.py (the work), replay.c (judging)."""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cut_off  # noqa: E402
import peers  # noqa: E402
import rig  # noqa: E402
from commands import Archives, Failure, Marks, Process, at_once  # noqa: E402
from noise import Noise  # noqa: E402
from starts import Starter  # noqa: E402

PROCESSES = 4
RESULT = re.compile(r"^(\S+) (\S+): flushes (\d+) cuts (\d+) of (\d+) states (\d+) unmountable (\d+) "
                    r"violations (\d+) unconfirmed (\d+) seconds ([\d.]+)", re.MULTILINE)


# A fast commit whose flush fails is followed by a whole commit, and when that succeeds so does the fsync:
# nobody is told that what the flush was to save is gone.
LOSE = "flush %d lose"
UNTOLD = {("ext4-fast-commit", LOSE)}


class Programs:
    def __init__(self, build):
        self.holdfast, self.check = build + "/tools/holdfast", build + "/tests/holdfast-check"
        self.crash_disk = build + "/fault-injection/crash-disk"
        self.replay = build + "/fault-injection/disk-replay"


class Totals:
    """What was found, by kind of file system."""

    def __init__(self, path):
        self.path, self.kinds, self.next = path, {}, 0
        if path and os.path.exists(path):
            with open(path, encoding="ascii") as file:
                self.kinds, self.next = json.load(file)

    def add(self, kind, found):
        sums = self.kinds.setdefault(kind, [0, 0, 0, 0, 0, 0.0])
        for i, value in enumerate((1, int(found[6]), int(found[7]), int(found[8]), int(found[9]),
                                   float(found[10]))):
            sums[i] += value

    def note(self, number):
        self.next = number
        if self.path:
            with open(self.path + ".new", "w", encoding="ascii") as file:
                json.dump([self.kinds, self.next], file)
            os.replace(self.path + ".new", self.path)

    def sum(self, column):
        return sum(sums[column] for sums in self.kinds.values())

    def are_mountable(self, mode):
        """All but 1 in a hundred; when writes are refused, which leaves worse than a cut does, 3. Of
        ext4's fast commits, which its kernel can't always replay, 25."""
        fast = self.kinds.get("ext4-fast-commit", [0] * 6)
        others = [self.sum(i) - fast[i] for i in range(6)]
        return others[2] * 100 <= others[1] * (3 if mode == "errors" else 1) and fast[2] * 4 <= fast[1]

    def show(self):
        print("%-17s %10s %9s %11s %10s %11s %8s" % ("", "recordings", "states", "unmountable",
                                                    "violations", "unconfirmed", "states/s"))
        for kind, sums in sorted(self.kinds.items()) + [("all", [self.sum(i) for i in range(6)])]:
            print("%-17s %10d %9d %11d %10d %11d %8.0f" % (kind, *sums[:5], sums[1] / max(sums[5], 0.1)))


class Run:
    def __init__(self, options):
        self.options = options
        self.programs = Programs(os.path.abspath(options.build))
        self.workplace = rig.Workplace()
        self.archives = None
        self.totals = Totals(options.resume)

    def make_archives(self):
        self.archives = Archives(self.programs, self.workplace.folder("archives"), PROCESSES,
                                 self.options.big)

    def disk(self, kind):
        """Freshly made, mounted, with folders for saves and trees, from here on recorded."""
        image, log = self.workplace.file("image"), self.workplace.file("log")
        rig.make_image(image, kind)
        disk = rig.CrashDisk(self.programs.crash_disk, self.workplace, image, kind, log)
        disk.mount()
        for name in ("saves", "trees"):
            os.mkdir(disk.mount_point + "/" + name)
        disk.record()
        return disk

    def processes(self, disk, seed):
        """The last one starts images, the others do not."""
        return [kind(number, self.programs, self.archives, disk.mount_point, Marks(disk),
                     random.Random(seed * 1000 + number))
                for number, kind in enumerate([Process] * (PROCESSES - 1) + [Starter])]

    def judge(self, kind, seed, states):
        """Replays the log; keeps it if a promise is broken."""
        command = [self.programs.replay, "--states", str(states), "--seed", str(seed),
                   "--unit", str(self.unit(kind, seed))]
        if self.options.keep:
            os.makedirs(self.options.keep, exist_ok=True)
            command += ["--keep", self.options.keep]
        if self.options.tsv:
            command += ["--tsv", self.options.tsv]
        done = subprocess.run(command + [self.workplace.file("log")], stdout=subprocess.PIPE,
                              text=True, check=False)
        found = RESULT.search(done.stdout)
        if found is None:
            raise Failure("disk-replay: exit %d\n%s" % (done.returncode, done.stdout))
        self.totals.add(kind, found)
        if self.options.tsv:
            with open(self.options.tsv, "a", encoding="ascii") as file:
                file.write("\t".join(["recording", kind, str(seed), *found.groups()[2:]]) + "\n")
        if int(found[8]) > 0:
            print("seed %d on %s" % (seed, kind))
        if int(found[8]) > 0 or self.options.verbose:
            print(done.stdout, end="")
        if self.options.keep and (int(found[8]) > 0 or self.options.keep_all):
            shutil.copy(self.workplace.file("log"),
                        "%s/recording-%s-%d" % (self.options.keep, kind, seed))
        sys.stdout.flush()
        return found

    def unit(self, kind, seed):
        """What the disk writes at once: blocks, or every other time sectors. btrfs relies on
        blocks. Of ext4 and XFS a few states can't be mounted where sectors are torn."""
        return 512 if seed % 2 == 0 and kind != "btrfs" else 4096

    # --- cuts ---

    def record(self, kind, seed):
        disk = self.disk(kind)
        processes = self.processes(disk, seed)
        with Noise(disk.mount_point, seed):
            failures = at_once(processes, self.options.steps)
            processes[-1].end()
            first = processes[0]
            # Nobody else is at work: all that there is may go.
            if not failures:
                first.run(["prune", "-a", "-f"], {"*": "-"})
                first.names = {}
                first.steps(2)
        if self.options.wait:
            subprocess.run(["sleep", str(self.options.wait)], check=True)
        disk.close()
        failures = failures or [first.failure] if first.failure else failures
        if failures:
            raise Failure("seed %d on %s: %s" % (seed, kind, "\n".join(failures)))

    def cuts(self):
        number = self.totals.next
        kinds = self.options.fs
        while number < len(kinds) or self.totals.sum(1) < self.options.total:
            kind, seed = kinds[number % len(kinds)], self.options.seed + number // len(kinds)
            self.record(kind, seed)
            self.judge(kind, seed, self.options.states)
            number += 1
            self.totals.note(number)

    # --- errors ---

    def record_error(self, kind, what):
        """One process. Whether the disk refused anything."""
        disk = self.disk(kind)
        process = self.processes(disk, self.options.seed)[0]
        disk.tell("fail " + what)
        for _ in range(self.options.steps):
            if not process.step_or_again():
                break
        refused = disk.counts()["failed"] > 0
        disk.close()
        return refused

    def errors(self):
        for kind in self.options.fs:
            for what in ("write %d", "flush %d", LOSE):
                if (kind, what) in UNTOLD:
                    continue
                number = 0
                while number < self.options.rounds:
                    number += self.options.every if number else 1
                    if not self.record_error(kind, what % number):
                        break
                    self.judge(kind, self.options.seed, self.options.states)
                print("%s: each %s up to %d" % (kind, what.replace(" %d", ""), number))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     usage="the top of real_disk.py says")
    parser.add_argument("build")
    parser.add_argument("mode", choices=["cuts", "errors", "shutdown", "peer"])
    parser.add_argument("--fs", type=lambda text: text.split(","), default=list(rig.KINDS))
    parser.add_argument("--seed", type=int, default=1)
    for name, default in (("states", 700), ("total", 0), ("steps", 5), ("rounds", 60), ("wait", 0),
                          ("every", 1)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--big", type=int, default=300_000)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(peers.PEERS))
    parser.add_argument("--resume")
    parser.add_argument("--tsv")
    parser.add_argument("--keep")
    parser.add_argument("--keep-all", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    lack = rig.missing(options.fs)
    if lack:
        print("skipped: needs " + lack)
        return rig.SKIPPED
    rig.enter_namespaces()
    print("seed %d" % options.seed)
    run = Run(options)
    try:
        if options.mode == "peer":
            return peers.compare(run)
        run.make_archives()
        if options.mode == "shutdown":
            return cut_off.ageing(run)
        getattr(run, options.mode)()
    except Failure as failure:
        print("FAILED: %s" % failure)
        return 1
    finally:
        run.workplace.close()
    run.totals.show()
    if run.totals.sum(1) == 0:
        print("no state was mounted: nothing is proven")
        return 1
    if not run.totals.are_mountable(options.mode):
        print("too many states can't be mounted: little is proven")
        return 1
    return 1 if run.totals.sum(3) > 0 else 0


if __name__ == "__main__":
    sys.exit(main())

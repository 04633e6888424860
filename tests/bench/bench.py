#!/usr/bin/env python3
"""tests/bench/bench.py - what Holdfast costs, beside the least that it could cost and beside others.

    bench.py HOLDFAST [--quick] [--runs N] [--peers none|docker,podman] [--dir DIR] [--keep]

Makes its own inputs in a folder of DIR (the current one): an archive of about 500 MB in three
layers, and one of 1,000 images of 12 kB. Measures in alternating runs, because a machine is never
twice the same, and prints medians with their spread as a Markdown table of ratios beside their
targets. A load counts until it is durable: Holdfast's when the command ends; `cp` is followed by
`sync` of the file. The engines are not made durable.

As root, a root file system made by debootstrap is the first layer where that is installed; the rest
is made from a seed: half of it random bytes, half text."""

import argparse
import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

from inputs import big_archive, small_archive  # noqa: E402
from measure import (MIB, Table, Usage, median, memory_of, quiet, run,  # noqa: E402
                     run_short, shown, spread)
from sandbox import Sandbox  # noqa: E402
from tap import Skip  # noqa: E402
import tools  # noqa: E402


class Bench:
    def __init__(self, arguments, folder, sandbox):
        self.holdfast = arguments.holdfast
        self.folder, self.sandbox = folder, sandbox
        self.quick, self.runs = arguments.quick, arguments.runs
        self.big, self.small = os.path.join(folder, "big.tar"), os.path.join(folder, "small.tar")
        self.count = 100 if self.quick else 1000
        self.table = Table()
        self.peers = {}
        for name in [] if arguments.peers == "none" else arguments.peers.split(","):
            try:
                self.peers[name] = {"docker": tools.Docker, "podman": tools.Podman}[name](sandbox)
            except Skip as why:
                print("%s: left out, %s" % (name, why), file=sys.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def load(self, store, archive):
        return run(self.holdfast, "--root", store, "load", "-q", "-i", archive)

    # --- one large image -----------------------------------------------------------------------

    def large(self):
        store, copy = self.path("store"), self.path("copy")
        ours, hashes, copies = [], [], []
        for _ in range(self.runs):
            quiet(copy)
            hashes.append(run("openssl", "dgst", "-sha256", self.big))
            quiet(copy)
            copies.append(run("sh", "-c", 'cp "$0" "$1" && sync "$1"', self.big, copy))
            quiet(copy, store)
            ours.append(self.load(store, self.big))
        quiet(copy)
        size = os.path.getsize(self.big)
        least = max(hashes, copies, key=median)
        self.table.row("load of %d MB, durable; beside the slower of sha256 and cp + sync" % (size / 1e6),
                 spread(ours), "%s %s" % ("sha256" if least is hashes else "cp + sync",
                                          spread(least)), median(ours) / median(least), 1.5)
        self.table.fact("... beside the other of the two", spread(ours),
                  spread(hashes if least is copies else copies),
                  "%.2f" % (median(ours) / median(hashes if least is copies else copies)))
        self.table.fact("... CPU time, beside that of sha256",
                  shown(statistics.median(usage.cpu for usage in ours)),
                  shown(statistics.median(usage.cpu for usage in hashes)))
        quiet(store)
        memory = memory_of(self.holdfast, "--root", store, "load", "-q", "-i", self.big)
        self.table.row("... peak memory", "%.1f MiB" % (memory / MIB), "", "", "≤ 64 MiB",
                 memory <= 64 * MIB)
        written = max(usage.written for usage in ours)
        self.table.row("... bytes written by the process", "%.1f MB" % (written / 1e6),
                 "archive %.1f MB" % (size / 1e6), written / size, 1.02)
        self.save(store, copy)
        self.on_device(size)
        self.again(store)
        for name in self.peers:
            self.peer(name, self.big, "load of %d MB" % (size / 1e6), ours, 1 / 6)
        quiet(store)

    def again(self, store):
        """What is there already is compared, not written."""
        times = [self.load(store, self.big) for _ in range(self.runs)]
        self.table.fact("load of the same again", spread(times),
                  "%.1f MB written" % (max(usage.written for usage in times) / 1e6))

    def save(self, store, copy):
        """In turns of its own, each into the pages that the one before has left."""
        command = [self.holdfast, "--root", store, "save", "-q", "-o", copy,
                   "example.org/bench/big:1"]
        saves, copies, plain_copies = [], [], []
        for _ in range(self.runs):
            quiet(copy)
            saves.append(run(*command))
            quiet(copy)
            copies.append(run("sh", "-c", 'cp "$0" "$1" && sync "$1"', self.big, copy))
            quiet(copy)
            plain_copies.append(run("cp", self.big, copy))
        quiet(copy)
        self.table.row("save, durable; beside cp + sync of as many bytes", spread(saves), spread(copies),
                 median(saves) / median(copies), 1.3)
        self.table.fact("... beside cp that is not synced", spread(saves), spread(plain_copies),
                  "%.2f" % (median(saves) / median(plain_copies)))
        self.table.fact("... peak memory", "%.1f MiB" % (memory_of(*command) / MIB))
        quiet(copy)

    def on_device(self, size):
        """Everything that reaches a disk, the file system's own journal too."""
        if os.geteuid() != 0:
            return
        image, point = self.path("disk"), self.path("mnt")
        os.makedirs(point, exist_ok=True)
        with open(image, "wb") as file:
            file.truncate(size * 2 + 512 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0",
                        image], check=True)
        if subprocess.run(["mount", "-o", "loop", image, point], check=False).returncode != 0:
            return
        try:
            device = os.stat(point).st_dev
            counter = "/sys/dev/block/%d:%d/stat" % (os.major(device), os.minor(device))
            os.sync()
            before = sectors_written(counter)
            self.load(os.path.join(point, "store"), self.big)
            os.sync()
            written = (sectors_written(counter) - before) * 512
            self.table.row("... bytes that reach an ext4 disk, journal included",
                     "%.1f MB" % (written / 1e6), "archive %.1f MB" % (size / 1e6), written / size,
                     1.02)
        finally:
            subprocess.run(["umount", point], check=False)
            os.unlink(image)

    # --- many small images ----------------------------------------------------------------------

    def many(self):
        store = self.path("store")
        ours = []
        for _ in range(self.runs):
            quiet(store)
            ours.append(self.load(store, self.small))
        what = "load of %d images of 12 kB" % self.count
        quiet(store)
        memory = memory_of(self.holdfast, "--root", store, "load", "-q", "-i", self.small)
        self.table.fact(what, spread(ours), "%.1f MiB held, %.1f MB written" % (
            memory / MIB, max(usage.written for usage in ours) / 1e6))
        self.table.fact("list of them", spread([run(self.holdfast, "--root", store, "images")
                                          for _ in range(10)]))
        for name in self.peers:
            self.peer(name, self.small, what, ours, 1 / 20 if name == "docker" else 1 / 6, 1)
        self.tag(store)
        self.tag_in_process(store)
        quiet(store)

    def peer(self, name, archive, what, ours, target, runs=None):
        engine, times = self.peers[name], []
        for _ in range(runs or min(self.runs, 3)):
            engine.clear()
            os.sync()
            began = time.perf_counter()
            engine.sandbox.run(engine.command("load", "-q", "-i", archive), timeout=3600)
            times.append(Usage(time.perf_counter() - began))
        engine.clear()
        self.table.row("%s, beside %s load" % (what, name), spread(ours), spread(times),
                 "%.3f" % (median(ours) / median(times)), "≤ 1/%d" % round(1 / target),
                 median(ours) / median(times) <= target)

    def tag(self, store):
        """Start a process, link it, open the store, append one record, sync it."""
        tags, starts = [], []
        for i in range(20 if self.quick else 100):
            tags.append(run_short(self.holdfast, "--root", store, "tag",
                                  "example.org/bench/small:0", "example.org/bench/tag:%d" % i))
            starts.append(run_short(self.holdfast, "--version"))
        self.table.fact("tag, as a command; beside its start alone (--version)", spread(tags),
                  spread(starts), "%.2f" % (median(tags) / median(starts)))

    def tag_in_process(self, store):
        """What an engine that embeds the library pays."""
        path = os.path.join(os.path.dirname(self.holdfast), "..", "libholdfast.so")
        if not os.path.exists(path):
            return
        library, handle = ctypes.CDLL(path), ctypes.c_void_p()
        if library.hf_store_open(store.encode(), None, ctypes.byref(handle), None) != 0:
            raise RuntimeError("the store cannot be opened")
        tags, appends = [], []
        with open(self.path("appended"), "wb", buffering=0) as file:
            for i in range(100 if self.quick else 500):
                began = time.perf_counter()
                if library.hf_image_tag(handle, b"example.org/bench/small:0",
                                        b"example.org/bench/other:%d" % i, None, None) != 0:
                    raise RuntimeError("no tag could be made")
                tags.append(Usage(time.perf_counter() - began))
                began = time.perf_counter()
                file.write(bytes(4096))
                os.fdatasync(file.fileno())
                appends.append(Usage(time.perf_counter() - began))
        library.hf_store_close(handle, None)
        self.table.row("tag, in a process that has the store open; beside append + fdatasync",
                 spread(tags), spread(appends), median(tags) / median(appends), 1.5)

    # --- result ---------------------------------------------------------------------------------

def sectors_written(path):
    with open(path, encoding="ascii") as file:
        return int(file.read().split()[6])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("holdfast")
    parser.add_argument("--quick", action="store_true", help="60 MB, 100 images, three runs")
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--peers", default="docker,podman", help="none, or some of docker,podman")
    parser.add_argument("--dir", default=".", help="a file system with 4 GB to spare")
    parser.add_argument("--keep", action="store_true", help="keep the inputs, and use kept ones")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (3 if arguments.quick else 7)
    arguments.holdfast = os.path.abspath(arguments.holdfast)
    os.chdir(arguments.dir)
    folder = os.path.abspath("bench-kept") if arguments.keep else \
        tempfile.mkdtemp(prefix="bench-", dir=os.getcwd())
    os.makedirs(folder, exist_ok=True)
    try:
        with Sandbox() as sandbox:
            bench = Bench(arguments, folder, sandbox)
            about = "kept inputs"
            if not os.path.exists(bench.big):
                about = big_archive(folder, bench.big, (60 if arguments.quick else 500) * 1000000,
                                    arguments.quick)
            if not os.path.exists(bench.small):
                small_archive(bench.small, bench.count)
            bench.large()
            bench.many()
            bench.table.print("Linux %s, %d processors, %s. %d runs" % (
                os.uname().release, os.cpu_count(), about, bench.runs))
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if bench.table.missed else 0)


if __name__ == "__main__":
    main()

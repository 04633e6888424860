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
import contextlib
import ctypes
import hashlib
import io
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

from sandbox import Sandbox  # noqa: E402
from tap import Skip  # noqa: E402
import tools  # noqa: E402

MIB = 1 << 20


# --- inputs ----------------------------------------------------------------------------------------


class Hashed:
    """A file that knows the digest of what was written."""

    def __init__(self, path):
        self.file, self.hash, self.size = open(path, "wb"), hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        return self.file.write(data)


def words(chance, size):
    """Text that compresses about threefold."""
    known = [("%x" % chance.randrange(1 << chance.randrange(8, 40))).encode() for _ in range(4000)]
    out = b" ".join(chance.choices(known, k=size // 5))
    return out[:size].ljust(size, b"\n")


def write_layer(path, seed, size):
    """A layer like that of a distribution: many small files, some large ones; half random bytes."""
    chance, out = random.Random(seed), Hashed(path)
    sizes = [1 << chance.randrange(9, 21) for _ in range(4000)]
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        for i, length in enumerate(sizes):
            if out.size >= size:
                break
            info = tarfile.TarInfo("usr/lib/%d/%d" % (seed, i))
            info.size, info.mtime = length, 1700000000
            data = chance.randbytes(length) if i % 2 else words(chance, length)
            tar.addfile(info, io.BytesIO(data))
    out.file.close()
    return out.hash.hexdigest()


def file_hash(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).hexdigest()


def root_file_system(folder, path):
    """The tar of a real root file system; None when there is none to be had."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        return None
    root = os.path.join(folder, "root")
    done = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode == 0:
        subprocess.run(["tar", "--sort=name", "--numeric-owner", "--mtime=@1700000000", "-C", root,
                        "-cf", path, "."], check=True)
    shutil.rmtree(root, ignore_errors=True)
    return file_hash(path) if done.returncode == 0 else None


def config(digests, more=""):
    return json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2023-11-14T22:13:20Z",
        "config": {"Cmd": ["/bin/sh"], "Labels": {"bench": more}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + text for text in digests]},
    }).encode()


def add(tar, path, data):
    info = tarfile.TarInfo(path)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def big_archive(folder, path, size, quick):
    layers = [os.path.join(folder, "layer%d" % i) for i in range(3)]
    first = None if quick else root_file_system(folder, layers[0])
    digests = [first or write_layer(layers[0], 0, size * 4 // 10)]
    rest = (size - os.path.getsize(layers[0])) // 2
    digests += [write_layer(layers[i], i, rest) for i in (1, 2)]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, layer in zip(digests, layers):
            tar.add(layer, name + ".tar", filter=plain)
            os.unlink(layer)
        text = config(digests)
        name = hashlib.sha256(text).hexdigest() + ".json"
        add(tar, name, text)
        add(tar, "manifest.json", json.dumps([{
            "Config": name, "RepoTags": ["example.org/bench/big:1"],
            "Layers": [text + ".tar" for text in digests]}]).encode())
    return "a root file system by debootstrap, and made layers" if first else "made layers"


def plain(info):
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def small_archive(path, count):
    entries = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(count):
            layer = io.BytesIO()
            with tarfile.open(fileobj=layer, mode="w", format=tarfile.USTAR_FORMAT) as inner:
                add(inner, "data", random.Random(i).randbytes(8000))
            layer = layer.getvalue()[:9728]
            digest = hashlib.sha256(layer).hexdigest()
            text = config([digest], str(i))
            name = hashlib.sha256(text).hexdigest() + ".json"
            add(tar, digest + ".tar", layer)
            add(tar, name, text)
            entries.append({"Config": name, "RepoTags": ["example.org/bench/small:%d" % i],
                            "Layers": [digest + ".tar"]})
        add(tar, "manifest.json", json.dumps(entries).encode())


# --- measuring -------------------------------------------------------------------------------------


class Usage:
    def __init__(self, seconds, written=0, cpu=0.0):
        self.seconds, self.written, self.cpu = seconds, written, cpu


def run(*command, environment=None):
    """Time, bytes written and CPU time of a command that must succeed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=environment) as process:
        said = process.stderr.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.perf_counter() - began
        written = 0
        with contextlib.suppress(OSError), open("/proc/%d/io" % process.pid, "rb") as file:
            written = int(re.search(rb"^write_bytes: (\d+)", file.read(), re.MULTILINE)[1])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("%s: exit %d\n%s" % (" ".join(command), process.returncode, said.decode()))
    return Usage(seconds, written, used.ru_utime + used.ru_stime)


# A process counts the memory of the one that started it as its own: so a small one must start it.
SMALL = """import os, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def memory_of(*command):
    """The most memory that a command held, in bytes."""
    out = subprocess.run([sys.executable, "-I", "-S", "-c", SMALL, *command], check=True, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    return int(out.split()[-1]) * 1024


def median(usages):
    return statistics.median(usage.seconds for usage in usages)


def shown(seconds):
    return "%.2f s" % seconds if seconds >= 1 else "%.1f ms" % (seconds * 1000)


def spread(usages):
    times = sorted(usage.seconds for usage in usages)
    return "%s (%s–%s)" % (shown(median(usages)), shown(times[0]), shown(times[-1]))


class Bench:
    def __init__(self, arguments, folder, sandbox):
        self.holdfast = arguments.holdfast
        self.folder, self.sandbox = folder, sandbox
        self.quick, self.runs = arguments.quick, arguments.runs
        self.big, self.small = os.path.join(folder, "big.tar"), os.path.join(folder, "small.tar")
        self.count = 100 if self.quick else 1000
        self.rows = []
        self.missed = 0
        self.peers = {}
        for name in [] if arguments.peers == "none" else arguments.peers.split(","):
            try:
                self.peers[name] = {"docker": tools.Docker, "podman": tools.Podman}[name](sandbox)
            except Skip as why:
                print("%s: left out, %s" % (name, why), file=sys.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def row(self, what, ours, other, ratio, target, met=None):
        """`target` is what the ratio must not exceed (a text: `met` tells)."""
        if met is None:
            met = ratio <= target
        self.missed += not met
        limit = "≤ %g" % target if isinstance(target, (int, float)) else target
        self.rows.append((what, ours, other, ratio if isinstance(ratio, str) else "%.2f" % ratio,
                          limit, "yes" if met else "**no**"))

    def fact(self, what, ours, other="", ratio=""):
        self.rows.append((what, ours, other, ratio, "", ""))

    def quiet(self, *paths):
        """Before each measurement: nothing left of the one before, nothing waiting to be written."""
        for path in paths:
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
        os.sync()

    def load(self, store, archive):
        return run(self.holdfast, "--root", store, "load", "-q", "-i", archive)

    # --- one large image -----------------------------------------------------------------------

    def large(self):
        store, copy = self.path("store"), self.path("copy")
        ours, hashes, copies = [], [], []
        for _ in range(self.runs):
            self.quiet(copy)
            hashes.append(run("openssl", "dgst", "-sha256", self.big))
            self.quiet(copy)
            copies.append(run("sh", "-c", 'cp "$0" "$1" && sync "$1"', self.big, copy))
            self.quiet(copy, store)
            ours.append(self.load(store, self.big))
        self.quiet(copy)
        size = os.path.getsize(self.big)
        least = max(hashes, copies, key=median)
        self.row("load of %d MB, durable; beside the slower of sha256 and cp + sync" % (size / 1e6),
                 spread(ours), "%s %s" % ("sha256" if least is hashes else "cp + sync",
                                          spread(least)), median(ours) / median(least), 1.5)
        self.fact("... beside the other of the two", spread(ours),
                  spread(hashes if least is copies else copies),
                  "%.2f" % (median(ours) / median(hashes if least is copies else copies)))
        self.fact("... CPU time, beside that of sha256",
                  shown(statistics.median(usage.cpu for usage in ours)),
                  shown(statistics.median(usage.cpu for usage in hashes)))
        self.quiet(store)
        memory = memory_of(self.holdfast, "--root", store, "load", "-q", "-i", self.big)
        self.row("... peak memory", "%.1f MiB" % (memory / MIB), "", "", "≤ 64 MiB",
                 memory <= 64 * MIB)
        written = max(usage.written for usage in ours)
        self.row("... bytes written by the process", "%.1f MB" % (written / 1e6),
                 "archive %.1f MB" % (size / 1e6), written / size, 1.02)
        self.save(store, copy)
        self.on_device(size)
        self.again(store)
        for name in self.peers:
            self.peer(name, self.big, "load of %d MB" % (size / 1e6), ours, 1 / 6)
        self.quiet(store)

    def again(self, store):
        """What is there already is compared, not written."""
        times = [self.load(store, self.big) for _ in range(self.runs)]
        self.fact("load of the same again", spread(times),
                  "%.1f MB written" % (max(usage.written for usage in times) / 1e6))

    def save(self, store, copy):
        """In turns of its own, each into the pages that the one before has left."""
        command = [self.holdfast, "--root", store, "save", "-q", "-o", copy,
                   "example.org/bench/big:1"]
        saves, copies, plain_copies = [], [], []
        for _ in range(self.runs):
            self.quiet(copy)
            saves.append(run(*command))
            self.quiet(copy)
            copies.append(run("sh", "-c", 'cp "$0" "$1" && sync "$1"', self.big, copy))
            self.quiet(copy)
            plain_copies.append(run("cp", self.big, copy))
        self.quiet(copy)
        self.row("save, durable; beside cp + sync of as many bytes", spread(saves), spread(copies),
                 median(saves) / median(copies), 1.3)
        self.fact("... beside cp that is not synced", spread(saves), spread(plain_copies),
                  "%.2f" % (median(saves) / median(plain_copies)))
        self.fact("... peak memory", "%.1f MiB" % (memory_of(*command) / MIB))
        self.quiet(copy)

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
            self.row("... bytes that reach an ext4 disk, journal included",
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
            self.quiet(store)
            ours.append(self.load(store, self.small))
        what = "load of %d images of 12 kB" % self.count
        self.quiet(store)
        memory = memory_of(self.holdfast, "--root", store, "load", "-q", "-i", self.small)
        self.fact(what, spread(ours), "%.1f MiB held, %.1f MB written" % (
            memory / MIB, max(usage.written for usage in ours) / 1e6))
        self.fact("list of them", spread([run(self.holdfast, "--root", store, "images")
                                          for _ in range(10)]))
        for name in self.peers:
            self.peer(name, self.small, what, ours, 1 / 20 if name == "docker" else 1 / 6, 1)
        self.tag(store)
        self.tag_in_process(store)
        self.quiet(store)

    def peer(self, name, archive, what, ours, target, runs=None):
        engine, times = self.peers[name], []
        for _ in range(runs or min(self.runs, 3)):
            engine.clear()
            os.sync()
            began = time.perf_counter()
            engine.sandbox.run([*engine_command(engine), "load", "-q", "-i", archive], timeout=3600)
            times.append(Usage(time.perf_counter() - began))
        engine.clear()
        self.row("%s, beside %s load" % (what, name), spread(ours), spread(times),
                 "%.3f" % (median(ours) / median(times)), "≤ 1/%d" % round(1 / target),
                 median(ours) / median(times) <= target)

    def tag(self, store):
        """Start a process, link it, open the store, append one record, sync it."""
        tags, starts = [], []
        for i in range(20 if self.quick else 100):
            tags.append(run(self.holdfast, "--root", store, "tag", "example.org/bench/small:0",
                            "example.org/bench/tag:%d" % i))
            starts.append(run(self.holdfast, "--version"))
        self.fact("tag, as a command; beside its start alone (--version)", spread(tags),
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
        self.row("tag, in a process that has the store open; beside append + fdatasync",
                 spread(tags), spread(appends), median(tags) / median(appends), 1.5)

    # --- result ---------------------------------------------------------------------------------

    def print(self, about):
        print("%s. %d runs; median (fastest–slowest).\n" % (about, self.runs))
        print("| | Holdfast | beside | ratio | target | met |\n|---|---|---|---|---|---|")
        for row in self.rows:
            print("| %s |" % " | ".join(row))
        sys.stdout.flush()


def engine_command(engine):
    if engine.name == "docker":
        return [engine.program, "-H", "unix://" + engine.socket]
    return [engine.program, *engine.places]


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
            bench.print("Linux %s, %d processors, %s" % (os.uname().release, os.cpu_count(), about))
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if bench.missed else 0)


if __name__ == "__main__":
    main()

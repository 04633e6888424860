#!/usr/bin/env python3
"""tests/bench/bench_rootfs.py - what it costs to start an image and to commit what was written.

    bench_rootfs.py HOLDFAST [--quick] [--runs N] [--peers none|podman,containerd] [--dir DIR]

Needs root, a kernel that mounts EROFS from files, and ext4 under DIR (the current one). Takes the
image of bench.py (about 500 MB in three layers, the first a root file system by debootstrap where
that is installed), the same with gzip layers, and one of 100 small layers. Prints medians of
alternating runs as a Markdown table of ratios beside their targets.

Trees are read by tar into a pipe: into /dev/null it would leave out the files. Cold: all caches of
the kernel were dropped before."""

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

from inputs import add, big_archive, config  # noqa: E402
from measure import Table, median, quiet, run, run_short, shown, spread  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from tap import Skip  # noqa: E402
import tools  # noqa: E402

BIG, DEEP = "example.org/bench/big:1", "example.org/bench/deep:1"
PEERS = {"podman": tools.Podman, "containerd": tools.Containerd}
IMPORT = {"podman": ("load", "-q", "-i"), "containerd": ("images", "import")}


def deep_archive(path, count):
    digests = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(count):
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as layer:
                add(layer, "files/%d" % i, b"%d" % i)
            digests.append(hashlib.sha256(data.getvalue()).hexdigest())
            add(tar, digests[-1] + ".tar", data.getvalue())
        text = config(digests)
        add(tar, "config.json", text)
        add(tar, "manifest.json", json.dumps([{
            "Config": "config.json", "RepoTags": [DEEP],
            "Layers": [digest + ".tar" for digest in digests]}]).encode())


def descriptor(kind, data):
    return {"mediaType": "application/vnd.oci.image." + kind, "size": len(data),
            "digest": "sha256:" + hashlib.sha256(data).hexdigest()}


def gzip_archive(plain, path):
    """The image of a docker archive as an OCI archive whose layers are compressed as by `gzip -6`."""
    with tarfile.open(plain) as source, \
            tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as target:

        def put(kind, data):
            found = descriptor(kind, data)
            add(target, "blobs/sha256/" + found["digest"][7:], data)
            return found

        entry = json.load(source.extractfile("manifest.json"))[0]
        layers = [put("layer.v1.tar+gzip",
                      gzip.compress(source.extractfile(name).read(), 6, mtime=0))
                  for name in entry["Layers"]]
        text = source.extractfile(entry["Config"]).read()
        manifest = put("manifest.v1+json", json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": put("config.v1+json", text), "layers": layers}).encode())
        manifest["annotations"] = {"org.opencontainers.image.ref.name": BIG,
                                   "io.containerd.image.name": BIG}
        add(target, "index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())
        add(target, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


class Bench:
    def __init__(self, arguments, folder, sandbox):
        self.holdfast, self.folder, self.runs = arguments.holdfast, folder, arguments.runs
        self.plain, self.zipped, self.deep = map(self.path, ("plain.tar", "gzip.tar", "deep.tar"))
        self.store, self.mounted, self.tree = map(self.path, ("store", "mounted", "tree"))
        self.table = Table()
        self.peers = {}
        for name in [] if arguments.peers == "none" else arguments.peers.split(","):
            try:
                self.peers[name] = PEERS[name](sandbox)
            except Skip as why:
                print("%s: left out, %s" % (name, why), file=sys.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def command(self, *arguments):
        return run(self.holdfast, "--root", self.store, *arguments)

    # --- loading ----------------------------------------------------------------------------------

    def index(self):
        """The same load with indexes made, and with --lazy, which leaves them to the first mount."""
        made, left = [], []
        for _ in range(self.runs):
            quiet(self.store)
            left.append(self.command("load", "-q", "--lazy", "-i", self.plain))
            quiet(self.store)
            made.append(self.command("load", "-q", "-i", self.plain))
        self.table.row("load with indexes, beside load without", spread(made), spread(left),
                       median(made) / median(left), 1.1)
        size = json.loads(subprocess.run(
            [self.holdfast, "--root", self.store, "df", "--json"], check=True,
            stdout=subprocess.PIPE).stdout)["derivedBytes"]
        layers = os.path.getsize(self.plain)
        self.table.row("... size of the indexes, beside the layers", "%.2f MB" % (size / 1e6),
                       "%.1f MB" % (layers / 1e6), "%.4f" % (size / layers), "≤ 0.01",
                       size <= layers / 100)

    def compressed(self):
        store, ours = self.path("store2"), []
        for _ in range(self.runs):
            quiet(store)
            ours.append(run(self.holdfast, "--root", store, "load", "-q", "-i", self.zipped))
        quiet(store)
        for name, peer in self.peers.items():
            times = []
            for _ in range(min(self.runs, 3)):
                peer.clear()
                os.sync()
                times.append(run(*peer.command(*IMPORT[name], self.zipped),
                                 environment=peer.sandbox.environment))
            self.table.row("load of a gzip archive of %d MB, durable; beside %s" % (
                os.path.getsize(self.zipped) / 1e6, name), spread(ours), spread(times),
                "%.3f" % (median(ours) / median(times)), "≤ 1/3", median(ours) * 3 <= median(times))

    # --- mounting ---------------------------------------------------------------------------------

    def mounts(self, image, what, limit_ms):
        ours, starts = [], []
        for _ in range(20):
            starts.append(run_short(self.holdfast, "--version"))
            ours.append(run_short(self.holdfast, "--root", self.store, "mount", image, self.mounted))
            self.command("umount", self.mounted)
        took = median(ours)
        self.table.row("mount of %s, as a command; beside its start alone" % what, spread(ours),
                       spread(starts), shown(took), "≤ %d ms" % limit_ms, took <= limit_ms / 1000)
        return ours

    def peer_mounts(self, ours):
        """Of the image that compressed() has loaded."""
        for name, peer in self.peers.items():
            times = []
            point = self.path("point")
            os.makedirs(point, exist_ok=True)
            for _ in range(20):
                if name == "podman":
                    times.append(run_short(*peer.command("image", "mount", BIG)))
                    run(*peer.command("image", "unmount", BIG))
                else:
                    times.append(run_short(*peer.command("images", "mount", BIG, point)))
                    run(*peer.command("images", "unmount", "--rm", point))
            self.table.row("... beside %s" % name, spread(ours), spread(times),
                           "%.3f" % (median(ours) / median(times)), "≤ 1/10",
                           median(ours) * 10 <= median(times))

    # --- trees ------------------------------------------------------------------------------------

    def unpack(self):
        """Beside tar and sync of the same layers. The tree of the last run stays."""
        layers, by_tar = self.layers(), self.path("by-tar")
        ours, tars = [], []
        script = 'mkdir "$0" && for layer; do tar -C "$0" --numeric-owner -xpf "$layer"; done && ' \
            'sync -f "$0"'
        for _ in range(self.runs):
            quiet(by_tar)
            tars.append(run("sh", "-c", script, by_tar, *layers))
            quiet(self.tree)
            ours.append(self.command("unpack", BIG, self.tree))
        quiet(by_tar, *layers)
        self.table.row("unpack, durable; beside tar -x and sync", spread(ours), spread(tars),
                       median(ours) / median(tars), 1.2)

    def layers(self):
        paths = []
        with tarfile.open(self.plain) as source:
            for name in json.load(source.extractfile("manifest.json"))[0]["Layers"]:
                paths.append(self.path("layer-" + name))
                with open(paths[-1], "wb") as file:
                    shutil.copyfileobj(source.extractfile(name), file)
        return paths

    def read(self):
        self.command("mount", BIG, self.mounted)
        script = 'tar -C "$0" -cf - . | cat >/dev/null'
        try:
            for cold in True, False:
                mounted, unpacked = [], []
                for _ in range(self.runs):
                    for place, times in (self.mounted, mounted), (self.tree, unpacked):
                        if cold:
                            drop_caches()
                        else:
                            run("sh", "-c", script, place)
                        times.append(run("sh", "-c", script, place))
                self.table.row("reading a mounted tree, %s; beside the unpacked tree" % (
                    "cold" if cold else "warm"), spread(mounted), spread(unpacked),
                    median(mounted) / median(unpacked), 1)
        finally:
            self.command("umount", self.mounted)

    def commit(self):
        """A difference of 300 MB: the first files of the tree, as an upper directory."""
        upper, copy = self.path("upper"), self.path("commit.tar")
        size = 0
        for top, folders, names in os.walk(self.tree):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(top, name)
                if size >= 300_000_000 or not os.path.isfile(path) or os.path.islink(path):
                    continue
                target = os.path.join(upper, os.path.relpath(path, self.tree))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(path, target)
                size += os.path.getsize(path)
        ours, tars = [], []
        script = 'tar -C "$0" -cf - . | tee "$1" | sha256sum && sync "$1"'
        for i in range(self.runs):
            quiet(copy)
            tars.append(run("sh", "-c", script, upper, copy))
            quiet(copy)
            ours.append(self.command("commit", "--upper", upper, "--parent", BIG,
                                     "example.org/bench/commit:%d" % i))
            self.command("rmi", "example.org/bench/commit:%d" % i)
        self.table.row("commit of %d MB, durable; beside tar, sha256sum and sync" % (size / 1e6),
                       spread(ours), spread(tars), median(ours) / median(tars), 1.5)

    def everything(self):
        os.makedirs(self.mounted)
        self.index()
        self.command("load", "-q", "-i", self.deep)
        self.compressed()
        three = self.mounts(BIG, "3 layers", 10)
        self.peer_mounts(three)
        self.mounts(DEEP, "100 layers", 150)
        self.unpack()
        self.read()
        self.commit()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("holdfast")
    parser.add_argument("--quick", action="store_true", help="60 MB, three runs")
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--peers", default="podman,containerd", help="none, or some of these")
    parser.add_argument("--dir", default=".", help="a file system with 6 GB to spare")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (3 if arguments.quick else 7)
    arguments.holdfast = os.path.abspath(arguments.holdfast)
    if os.geteuid() != 0:
        sys.exit("bench_rootfs.py: only root may mount")
    os.chdir(arguments.dir)
    folder = tempfile.mkdtemp(prefix="bench-", dir=os.getcwd())
    try:
        with Sandbox() as sandbox:
            bench = Bench(arguments, folder, sandbox)
            about = big_archive(folder, bench.plain, (60 if arguments.quick else 500) * 1000000,
                                arguments.quick)
            gzip_archive(bench.plain, bench.zipped)
            deep_archive(bench.deep, 100)
            bench.everything()
            bench.table.print("Linux %s, %d processors, %s. %d runs" % (
                os.uname().release, os.cpu_count(), about, bench.runs))
    finally:
        with contextlib.suppress(OSError):
            subprocess.run(["umount", os.path.join(folder, "mounted")], check=False,
                           stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if bench.table.missed else 0)


if __name__ == "__main__":
    main()

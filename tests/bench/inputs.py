"""tests/bench/inputs.py - the archives that the benchmarks load, made from seeds, and as root from a
root file system by debootstrap where that is installed."""

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile

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

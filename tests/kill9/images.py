"""tests/kill9/images.py - archives for the kill tests: real programs (busybox, where there is one) in
layers that images share, as docker and podman write them."""

import gzip
import hashlib
import io
import json
import os
import random
import tarfile

BUSYBOX = "/bin/busybox"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tar_of(files, links=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in files:
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(data), 0o755, 1700000000
            tar.addfile(info, io.BytesIO(data))
        for path, target in links:
            info = tarfile.TarInfo(path)
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, target, 1700000000
            tar.addfile(info)
    return out.getvalue()


def base_layer():
    if not os.path.exists(BUSYBOX):
        return tar_of([("bin/sh", random.Random(0).randbytes(2_000_000))])
    with open(BUSYBOX, "rb") as file:
        return tar_of([("bin/busybox", file.read())], [("bin/sh", "busybox"), ("bin/ls", "busybox")])


def small_layer(seed, size=200_000):
    chance = random.Random(seed)
    return tar_of([("data/%d" % i, chance.randbytes(size // 4)) for i in range(4)])


class Image:
    def __init__(self, seed, layers, tags):
        self.layers, self.tags = layers, tags
        diff_ids = ["sha256:" + sha256(layer) for layer in layers]
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": "2023-11-14T22:13:20Z",
            "config": {"Cmd": ["sh"], "Labels": {"seed": str(seed)}},
            "history": [{"created_by": "layer"} for _ in layers],
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }).encode()


def add(tar, path, data):
    info = tarfile.TarInfo(path)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def docker_archive(path, images):
    manifest, seen = [], set()
    with tarfile.open(path, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for image in images:
            names = []
            for layer in image.layers:
                names.append(sha256(layer) + ".tar")
                if names[-1] not in seen:
                    add(tar, names[-1], layer)
                seen.add(names[-1])
            add(tar, sha256(image.config) + ".json", image.config)
            manifest.append({"Config": sha256(image.config) + ".json", "RepoTags": image.tags,
                             "Layers": names})
        add(tar, "manifest.json", json.dumps(manifest).encode())


def oci_archive(path, images):
    """With gzip layers, as skopeo and podman write for registries."""
    kind = "application/vnd.oci.image."
    index, blobs = [], {}

    def blob(media_type, data):
        blobs["blobs/sha256/" + sha256(data)] = data
        return {"mediaType": media_type, "digest": "sha256:" + sha256(data), "size": len(data)}

    for image in images:
        manifest = {
            "schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
            "config": blob(kind + "config.v1+json", image.config),
            "layers": [blob(kind + "layer.v1.tar+gzip", gzip.compress(layer, 1, mtime=0))
                       for layer in image.layers],
        }
        for tag in image.tags:
            index.append({**blob(kind + "manifest.v1+json", json.dumps(manifest).encode()),
                          "annotations": {"org.opencontainers.image.ref.name": tag}})
    with tarfile.open(path, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": index}).encode())
        for name, data in blobs.items():
            add(tar, name, data)


def make_archives(folder):
    """{archive's path: names in it}, and the path of a root file system's tar."""
    base = base_layer()
    one = Image(1, [base, small_layer(1)], ["app:1"])
    two = Image(2, [base, small_layer(2), small_layer(22)], ["app:2", "app:latest"])
    moved = Image(3, [base, small_layer(3)], ["app:1"])
    zipped = Image(4, [base, small_layer(4)], ["docker.io/library/zip:1"])
    many = [Image(10 + i, [base, small_layer(10 + i, 40_000)], ["many:%d" % i]) for i in range(6)]
    archives = {}
    for name, write, images in (("one", docker_archive, [one]), ("two", docker_archive, [two]),
                                ("moved", docker_archive, [moved]), ("zip", oci_archive, [zipped]),
                                ("many", docker_archive, many)):
        path = os.path.join(folder, name + ".tar")
        write(path, images)
        archives[path] = [tag for image in images for tag in image.tags]
    rootfs = os.path.join(folder, "rootfs.tar")
    with open(rootfs, "wb") as file:
        file.write(small_layer(99, 1_000_000))
    return archives, rootfs

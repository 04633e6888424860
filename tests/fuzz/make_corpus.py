#!/usr/bin/env python3
"""tests/fuzz/make_corpus.py FOLDER [STAMP] - writes what the fuzz targets begin with: a folder for each, with
inputs that are right. What once broke a target goes into tests/fuzz/found/TARGET/."""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "..", folder) for folder in ("support", "checker", "kill9")]

from cases import rich  # noqa: E402
from images import Image, docker_archive, oci_archive, tar_of  # noqa: E402
from make_store import (CLAIM, COMMIT, DONE, INTENT, Changes, Checkpoint, Segment,  # noqa: E402
                        Store)

DIGEST = "sha256:" + "ab" * 32
REFERENCES = ["app", "app:1", "user/app", "localhost:5000/a/b:tag", "ghcr.io/org/app@" + DIGEST,
              "docker.io/library/app:1.2_3-x", "app:1@" + DIGEST, "[::1]:80/app", "App", "", "a" * 300,
              "app@sha256:12", "a//b", "localhost/app", "0/0"]


def records():
    segment = Segment(bytes(16), 1, 0, 4096, 0, 1)
    payload = Changes().put(b"Nx", b"v" * 50).delete(b"Ny").payload("load\0app.tar\0")
    segment.append(INTENT, payload, transaction=4096, durable=4096)
    segment.commit(payload, transaction=4096, durable=4096, time=1)
    segment.append(DONE, b"odd", transaction=4096, durable=4160)
    segment.append(CLAIM, b"", transaction=4096)
    segment.commit(b"x" * 5000, transaction=4096)
    return b"".join(part for _, part in segment.parts)


def checkpoints():
    yield Checkpoint(bytes(range(16)), 4096, {}).bytes()
    for options in ({}, {"leaf_entries": 3, "fanout": 2}, {"leaf_entries": 1, "fanout": 3}):
        for point in rich(**options).checkpoints:
            yield point.bytes()


def payloads():
    yield Changes().payload("")
    yield Changes().put(b"k", b"v").delete(b"k").put(b"key" * 100, b"value" * 100).payload()
    store = Store()
    for number in range(2):
        store.load("app:%d" % number, store.image(number))
    for _, part in store.log.parts:
        if part[12] in (INTENT, COMMIT, DONE):
            yield part[64:len(part) - part[14]]


def descriptor(media_type, **more):
    return {"mediaType": media_type, "digest": DIGEST, "size": 7, **more}


def documents():
    kind = "application/vnd.oci.image."
    yield {"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
           "config": descriptor(kind + "config.v1+json"),
           "layers": [descriptor(kind + "layer.v1.tar+gzip", urls=["http://x/y"])] * 2,
           "subject": descriptor(kind + "manifest.v1+json"), "artifactType": "a/b"}
    yield {"schemaVersion": 2, "mediaType": kind + "index.v1+json", "manifests": [
        descriptor(kind + "manifest.v1+json", platform={"os": "linux", "architecture": "arm64",
                                                        "variant": "v8"},
                   annotations={"org.opencontainers.image.ref.name": "1.0",
                                "io.containerd.image.name": "docker.io/library/app:1",
                                "vnd.docker.reference.type": "attestation-manifest"})]}


def configs():
    yield {"architecture": "amd64", "os": "linux", "created": "2024-05-01T10:00:00.123+02:00",
           "config": {"Cmd": ["sh"], "Labels": {"a": "b"}},
           "history": [{"created": "2024-05-01T10:00:00Z", "created_by": "x", "comment": "y"},
                       {"empty_layer": True}],
           "rootfs": {"type": "layers", "diff_ids": [DIGEST, DIGEST]}}
    yield {"anything": [1, 2.5, None, True]}


def docker_manifests():
    yield [{"Config": "a.json", "RepoTags": ["app:1", "b:2"], "Layers": ["x/layer.tar", "y.tar"],
            "LayerSources": {DIGEST: {"mediaType": "m", "size": 1, "digest": DIGEST,
                                      "urls": ["http://x"]}}},
           {"Config": "b.json", "RepoTags": None, "Layers": []}]


def archives(folder):
    layer, other = tar_of([("a", b"1" * 100)], [("l", "a")]), tar_of([("b", b"2" * 600)])
    named = Image(1, [layer, other], ["app:1"])
    empty = Image(2, [], ["empty:1"])
    nameless = Image(3, [layer], [])
    for name, write, images in (("docker", docker_archive, [named, empty]),
                                ("nameless", docker_archive, [nameless]),
                                ("oci", oci_archive, [named])):
        path = os.path.join(folder, name)
        write(path, images)
        with open(path, "rb") as file:
            yield file.read()
    path = os.path.join(folder, "hybrid")
    yield from hybrid(path, named)


def layers(folder):
    """Tars with what only layers have."""
    def member(tar, name, kind=tarfile.REGTYPE, data=b"", **facts):
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(data)
        for key, value in facts.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(data))

    for number, form in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        path = os.path.join(folder, "layer-%d" % number)
        with tarfile.open(path, "w", format=form) as tar:
            member(tar, "./", tarfile.DIRTYPE, mode=0o755)
            member(tar, "a/file", data=b"f" * 700, mtime=1.5,
                   pax_headers={"SCHILY.xattr.user.a": "value"})
            member(tar, "a/link", tarfile.SYMTYPE, linkname="../b")
            member(tar, "a/link/through", data=b"t")
            member(tar, "hard", tarfile.LNKTYPE, linkname="a/file")
            member(tar, ".wh.gone")
            member(tar, "a/.wh..wh..opq")
            member(tar, "null", tarfile.CHRTYPE, devmajor=1, devminor=3)
            member(tar, "n" * 150, tarfile.FIFOTYPE)
        with open(path, "rb") as file:
            yield file.read()
    sparse = os.path.join(folder, "sparse")
    with open(sparse, "wb") as file:
        for offset in range(0, 12 * 16384, 16384):
            file.seek(offset)
            file.write(b"d" * 4096)
        file.truncate(1 << 20)
    for options in (["--format=gnu"], ["--format=posix", "--sparse-version=0.0"],
                    ["--format=posix", "--sparse-version=1.0"]):
        yield subprocess.run(["tar", "--create", "--sparse", *options, "-C", folder, "sparse"],
                             check=True, stdout=subprocess.PIPE).stdout


def hybrid(path, image):
    """Both documents in one tar, after one another; tar's end comes once."""
    parts = []
    for write in (docker_archive, oci_archive):
        write(path, [image])
        with open(path, "rb") as file:
            parts.append(file.read())
    yield parts[0].rstrip(b"\0") + bytes(-len(parts[0].rstrip(b"\0")) % 512) + parts[1]


def main():
    top = sys.argv[1]

    def save(target, contents):
        folder = os.path.join(top, target)
        os.makedirs(folder, exist_ok=True)
        for number, content in enumerate(contents):
            if not isinstance(content, (bytes, bytearray)):
                content = content.encode() if isinstance(content, str) else json.dumps(
                    content).encode()
            with open(os.path.join(folder, "seed-%d" % number), "wb") as file:
                file.write(content)

    save("record", [records()])
    save("checkpoint", checkpoints())
    save("payload", payloads())
    save("reference", REFERENCES)
    save("document", documents())
    save("config", configs())
    save("docker_manifest", docker_manifests())
    with tempfile.TemporaryDirectory() as folder:
        save("archive", list(archives(folder)))
        save("erofs", layers(folder))
    for stamp in sys.argv[2:]:
        open(stamp, "w", encoding="ascii").close()


if __name__ == "__main__":
    main()

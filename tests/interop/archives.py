"""tests/interop/archives.py - images and archives made by hand: what no tool here writes (any more,
or yet), and what no tool would write."""

import gzip
import hashlib
import io
import json
import os
import random
import tarfile

from tools import Shown

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
MANIFEST, INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
CONFIG, LAYER = OCI + "config.v1+json", OCI + "layer.v1.tar"
GZIP, ZSTD = LAYER + "+gzip", LAYER + "+zstd"
DOCKER_MANIFEST = DOCKER + "distribution.manifest.v2+json"
DOCKER_LIST = DOCKER + "distribution.manifest.list.v2+json"
DOCKER_CONFIG = DOCKER + "container.image.v1+json"
DOCKER_GZIP = DOCKER + "image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = DOCKER + "image.rootfs.foreign.diff.tar.gzip"
TIME = 1700000000


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hexa(data):
    return hashlib.sha256(data).hexdigest()


def layer(files, links=(), folders=()):
    """The plain tar of {path: bytes} and (path, target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in folders:
            info = tarfile.TarInfo(path)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, TIME
            tar.addfile(info)
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(data), 0o755, TIME
            tar.addfile(info, io.BytesIO(data))
        for path, target in links:
            info = tarfile.TarInfo(path)
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, target, TIME
            tar.addfile(info)
    return out.getvalue()


def busybox_layer():
    with open("/bin/busybox", "rb") as file:
        return layer({"bin/busybox": file.read()},
                     [("bin/sh", "busybox"), ("bin/cat", "busybox")], ["bin", "etc", "tmp"])


def small_layer(seed, size=20_000):
    return layer({"data/%s" % seed: random.Random(seed).randbytes(size)})


def squeezed(data, level=6):
    return gzip.compress(data, level, mtime=0)


def config(layers, architecture="amd64", labels=None, **more):
    return json.dumps({
        "architecture": architecture, "os": "linux", "created": "2023-11-14T22:13:20Z",
        "config": {"Cmd": ["/bin/sh"], "Labels": labels},
        "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "layer"} for _ in layers],
        "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]}, **more,
    }).encode()


class Image:
    """Plain layers, a config, and names."""

    def __init__(self, layers, *tags, **options):
        self.layers = list(layers)
        self.tags = list(tags)
        self.config = config(self.layers, **options)
        self.id = digest(self.config)
        self.hex = hexa(self.config)
        self.shown = Shown(self.id, tuple(digest(data) for data in self.layers))


class Tar:
    """Members in the order they are added."""

    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.USTAR_FORMAT)
        self.names = set()

    def add(self, path, data, once=False):
        if once and path in self.names:
            return path
        self.names.add(path)
        info = tarfile.TarInfo(path)
        info.size, info.mode = len(data), 0o644
        self.tar.addfile(info, io.BytesIO(data))
        return path

    def link(self, path, target, kind=tarfile.SYMTYPE):
        info = tarfile.TarInfo(path)
        info.type, info.linkname = kind, target
        self.tar.addfile(info)
        return path

    def folder(self, path):
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        self.tar.addfile(info)

    def document(self, path, value):
        self.add(path, json.dumps(value).encode())

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def docker_entry(image, paths, **more):
    return {"Config": image.hex + ".json", "RepoTags": image.tags or None, "Layers": paths, **more}


def docker_archive(*images, repositories=False):
    """As docker <= 24 writes it: ID/layer.tar."""
    tar, entries = Tar(), []
    for image in images:
        paths = []
        for data in image.layers:
            folder = hexa(b"v1" + data)
            tar.add(folder + "/VERSION", b"1.0", once=True)
            tar.add(folder + "/json", b'{"id":"%s"}' % folder.encode(), once=True)
            paths.append(tar.add(folder + "/layer.tar", data, once=True))
        tar.add(image.hex + ".json", image.config, once=True)
        entries.append(docker_entry(image, paths))
    tar.document("manifest.json", entries)
    if repositories:
        tar.document("repositories", {"app": {"1": hexa(b"v1")}})
    return tar.bytes()


class OciTar(Tar):
    """An OCI layout: blobs are added by their bytes; manifests() writes index.json."""

    def __init__(self):
        super().__init__()
        self.document("oci-layout", {"imageLayoutVersion": "1.0.0"})

    def blob(self, data, media_type, **more):
        self.add("blobs/sha256/" + hexa(data), data, once=True)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    def manifest(self, image, pack=lambda data: data, layer_type=LAYER, media_type=MANIFEST,
                 config_type=CONFIG, **more):
        """The descriptor of an image's manifest, with all that it names."""
        document = {"schemaVersion": 2, "mediaType": media_type,
                    "config": self.blob(image.config, config_type),
                    "layers": [self.blob(pack(data), layer_type) for data in image.layers]}
        return self.blob(json.dumps({**document, **more}).encode(), media_type)

    def index(self, children, media_type=INDEX, **more):
        return self.blob(json.dumps({"schemaVersion": 2, "mediaType": media_type,
                                     "manifests": children, **more}).encode(), media_type)

    def end(self, roots, **more):
        self.document("index.json", {"schemaVersion": 2, "mediaType": INDEX,
                                     "manifests": roots, **more})
        return self.bytes()


def named(descriptor, full=None, ref=None):
    annotations = {}
    if full:
        annotations["io.containerd.image.name"] = full
    if ref:
        annotations["org.opencontainers.image.ref.name"] = ref
    return {**descriptor, "annotations": annotations}


def platform(descriptor, architecture, system="linux"):
    return {**descriptor, "platform": {"architecture": architecture, "os": system}}


def docker_manifest(image):
    """The bytes of the manifest that docker >= 25 makes for plain layers."""
    return json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": image.id, "size": len(image.config)},
        "layers": [{"mediaType": LAYER, "digest": digest(data), "size": len(data)}
                   for data in image.layers],
    }, separators=(",", ":")).encode()


def hybrid(*images, with_index=True, index_of=None, sources=True):
    """As docker 26 with overlay2 writes it: manifest.json over blobs/, V1 documents that nothing
    names, and an OCI index. `index_of`: only these are in index.json, and with these manifests."""
    tar, entries, roots = OciTar(), [], []
    for image in images:
        for data in image.layers:
            tar.blob(b'{"id":"%s"}' % hexa(data).encode(), LAYER)  # a V1 document
        paths = ["blobs/sha256/" + tar.blob(data, LAYER)["digest"][7:] for data in image.layers]
        tar.blob(image.config, CONFIG)
        more = {"LayerSources": {digest(data): {"mediaType": LAYER, "digest": digest(data),
                                                "size": len(data)} for data in image.layers}}
        entries.append({"Config": "blobs/sha256/" + image.hex, "RepoTags": image.tags or None,
                        "Layers": paths, **(more if sources else {})})
        if index_of is not None and image not in index_of:
            continue
        root = tar.blob(docker_manifest(image), MANIFEST)
        roots += [named(root, tag, tag.rsplit(":", 1)[1]) for tag in image.tags] or [root]
    tar.document("manifest.json", entries)
    return tar.end(roots) if with_index else tar.bytes()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def unpack(path, folder):
    os.mkdir(folder)
    with tarfile.open(path) as tar:
        tar.extractall(folder)
    return folder

"""tests/interop/test_made.py - the variants of archives that no engine of Debian 12 writes, made by hand
as their writers make them: newer docker, buildx, older docker, and what specifications allow. Some
are refused, and say why."""

import json
import struct

import archives
from archives import (CONFIG, DOCKER_FOREIGN, DOCKER_GZIP, DOCKER_LIST, DOCKER_MANIFEST, GZIP, LAYER,
                      MANIFEST, ZSTD, Image, OciTar, Tar, busybox_layer, config, digest, docker_entry,
                      docker_manifest, hexa, named, platform, small_layer, squeezed)
from suite import equal, main
from tools import full_name

APP = "example.org/team/app:1"
OTHER = "example.org/team/other:2"


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        self.base = busybox_layer()
        self.image = Image([self.base, small_layer(1)], APP)
        self.other = Image([self.base, small_layer(2)], OTHER)

    def loads(self, name, make, *arguments, want=None, load=(), target=None):
        """Loaded, with these images and this target of APP, and saved and loaded again."""
        def body():
            path = self.suite.write("archive.tar", make(*arguments))
            equal(self.holdfast.load(path, *load), want or {APP: self.image.shown})
            if target:
                equal(self.holdfast.digests()[APP], target)
        self.suite.run_and_round_trip(name, body)

    def refused(self, name, make, *arguments, saying, load=()):
        """Refused, with a reason, by an empty store and by one that has images; nothing changes."""
        def body():
            path = self.suite.write("archive.tar", make(*arguments))
            self.holdfast.fresh().refuses("load", "-i", path, *load, saying=saying)
            self.holdfast.load(self.suite.write("a.tar", archives.docker_archive(self.other)))
            self.holdfast.refuses("load", "-i", path, *load, saying=saying)
            self.holdfast.is_whole()
        self.suite.run(name, body)

    def same_for(self, engine, path):
        equal(engine.load(path), self.holdfast.load(path))

    # --- docker archives ---------------------------------------------------------------------

    def links(self, kind, late):
        """Equal layers are links, which may come before what they point to."""
        image = Image([self.base, self.base, small_layer(1), self.base], APP)
        tar, paths = Tar(), []
        for i, data in enumerate(image.layers):
            path = "%064x/layer.tar" % i
            paths.append(path)
            is_first = i == (3 if late else 0)
            if data == self.base and not is_first:
                target = "%064x/layer.tar" % (3 if late else 0)
                tar.link(path, "../" + target if kind == archives.tarfile.SYMTYPE else target, kind)
            else:
                tar.add(path, data)
        tar.add(image.hex + ".json", image.config)
        tar.document("manifest.json", [docker_entry(image, paths)])
        return tar.bytes(), image

    def link_case(self, name, kind, late):
        image = self.links(kind, late)[1]
        self.loads(name, lambda: self.links(kind, late)[0], want={APP: image.shown})

    def manifest_first(self):
        """The documents before the layers, as a stream may bring them."""
        tar = Tar()
        paths = [hexa(data) + ".tar" for data in self.image.layers]
        tar.document("manifest.json", [docker_entry(self.image, paths)])
        tar.add(self.image.hex + ".json", self.image.config)
        for path, data in zip(paths, self.image.layers):
            tar.add(path, data)
        return tar.bytes()

    def odd_layer(self, change):
        data = change(small_layer(1))
        image = Image([self.base, data], APP)
        return archives.docker_archive(image), image

    def odd_case(self, name, change):
        image = self.odd_layer(change)[1]
        self.loads(name, lambda: self.odd_layer(change)[0], want={APP: image.shown})

    def tags(self, tags):
        image = Image(self.image.layers, *tags)
        return archives.docker_archive(image)

    def gzip_layers(self, pack):
        """Compressed layers named by manifest.json, as some registries' tools write them."""
        tar, paths = Tar(), []
        for data in self.image.layers:
            paths.append(tar.add(hexa(data) + "/layer.tar", pack(data)))
        tar.add(self.image.hex + ".json", self.image.config)
        tar.document("manifest.json", [docker_entry(self.image, paths)])
        return tar.bytes()

    def docker(self):
        symbolic, hard = archives.tarfile.SYMTYPE, archives.tarfile.LNKTYPE
        self.link_case("docker <= 24: equal layers are symbolic links", symbolic, False)
        self.link_case("docker <= 24: symbolic links before their target", symbolic, True)
        self.link_case("equal layers are hard links", hard, False)
        self.loads("manifest.json before the layers", self.manifest_first)
        self.loads("gzip layers in a docker archive (buildx --output type=docker)",
                   self.gzip_layers, squeezed)
        self.loads("zstd layers in a docker archive", self.gzip_layers, self.zstd)
        self.odd_case("a layer of zero bytes", lambda data: b"")
        self.odd_case("a layer without end-of-archive blocks", lambda data: data.rstrip(b"\0") +
                      bytes(-len(data.rstrip(b"\0")) % 512))
        self.odd_case("a layer with bytes after its end", lambda data: data + b"\1" * 4096)
        no_layers = Image([], APP)
        self.loads("an image without layers", archives.docker_archive, no_layers,
                   want={APP: no_layers.shown})
        self.loads("two names on one image", self.tags, [APP, "short:3"],
                   want={APP: self.image.shown, full_name("short:3"): self.image.shown})
        self.loads("a docker archive with repositories, as docker <= 24 writes it",
                   lambda: archives.docker_archive(self.image, repositories=True))

    # --- hybrids -----------------------------------------------------------------------------

    def contradiction(self):
        """docker 25.0 listed layers in another order in its OCI manifest than in manifest.json."""
        tar = OciTar()
        blobs = [tar.blob(data, LAYER) for data in self.image.layers]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": tar.blob(self.image.config, CONFIG), "layers": blobs[::-1]}
        root = tar.blob(json.dumps(manifest).encode(), MANIFEST)
        tar.document("manifest.json", [
            {"Config": "blobs/sha256/" + self.image.hex, "RepoTags": [APP],
             "Layers": ["blobs/sha256/" + item["digest"][7:] for item in blobs]}])
        return tar.end([named(root, APP, "1")])

    def hybrid_names(self):
        """manifest.json has a name more, index.json too: the union counts."""
        tar = OciTar()
        paths = ["blobs/sha256/" + tar.blob(data, LAYER)["digest"][7:]
                 for data in self.image.layers]
        tar.blob(self.image.config, CONFIG)
        root = tar.blob(docker_manifest(self.image), MANIFEST)
        tar.document("manifest.json", [{"Config": "blobs/sha256/" + self.image.hex,
                                        "RepoTags": [APP, "example.org/a:1"], "Layers": paths}])
        return tar.end([named(root, APP, "1"), named(root, "example.org/b:1", "1")])

    def hybrid_gzip(self, pack=squeezed, layer_type=GZIP, schema=MANIFEST):
        """As docker with the containerd store and ctr write it."""
        tar = OciTar()
        root = tar.manifest(self.image, pack, layer_type, media_type=schema)
        tar.document("manifest.json", [
            {"Config": "blobs/sha256/" + self.image.hex, "RepoTags": [APP],
             "Layers": ["blobs/sha256/" + hexa(pack(data)) for data in self.image.layers]}])
        return tar.end([named(root, APP, "1")])

    def hybrids(self):
        made = digest(docker_manifest(self.image))
        self.loads("docker 26 (overlay2), one image", archives.hybrid, self.image, target=made)
        self.loads("docker 26 (overlay2), two images", archives.hybrid, self.image, self.other,
                   want={APP: self.image.shown, OTHER: self.other.shown}, target=made)
        self.suite.run("a docker archive and a hybrid of one image give the same manifest",
                       self.same_digest)
        self.loads("docker 25.0 whose index.json lacks an image",
                   lambda: archives.hybrid(self.image, self.other, index_of=[self.other]),
                   want={APP: self.image.shown, OTHER: self.other.shown}, target=made)
        self.loads("docker 25.0 whose OCI manifest has the layers in another order",
                   self.contradiction, target=made)
        self.suite.run("... and the command says so", self.contradiction_is_told)
        self.loads("names of both documents count", self.hybrid_names,
                   want={name: self.image.shown
                         for name in (APP, "example.org/a:1", "example.org/b:1")})
        self.loads("gzip layers named by manifest.json", self.hybrid_gzip)
        self.loads("gzip layers, schema 2 in index.json", self.hybrid_gzip, squeezed, DOCKER_GZIP,
                   DOCKER_MANIFEST)
        self.loads("zstd layers named by manifest.json", self.hybrid_gzip, self.zstd, ZSTD)

    def same_digest(self):
        targets = []
        for data in (archives.hybrid(self.image), archives.docker_archive(self.image),
                     self.hybrid_as_saved()):
            self.holdfast.load(self.suite.write("archive.tar", data))
            targets.append(self.holdfast.digests())
        equal(targets[1:], targets[:1] * 2)

    def hybrid_as_saved(self):
        saved = self.holdfast.save(self.suite.path("saved.tar"), APP)
        with open(saved, "rb") as file:
            return file.read()

    def contradiction_is_told(self):
        self.holdfast.fresh()
        done = self.holdfast.try_it("load", "-i", self.suite.write("a.tar", self.contradiction()))
        equal(done.returncode, 0)
        assert "manifest.json" in done.stderr, done.stderr

    # --- OCI layouts -------------------------------------------------------------------------

    def oci(self, pack=squeezed, layer_type=GZIP, names=((APP, "1"),), **more):
        tar = OciTar()
        root = tar.manifest(self.image, pack, layer_type, **more)
        return tar.end([named(root, *name) for name in names] or [root])

    def no_media_types(self):
        """OCI 1.0 does not demand mediaType in manifests and indexes."""
        tar = OciTar()
        manifest = {"schemaVersion": 2, "config": tar.blob(self.image.config, CONFIG),
                    "layers": [tar.blob(data, LAYER) for data in self.image.layers]}
        root = tar.blob(json.dumps(manifest).encode(), MANIFEST)
        tar.document("index.json", {"schemaVersion": 2, "manifests": [named(root, None, APP)]})
        return tar.bytes()

    def absent_platforms(self, whole_absence=False):
        """As docker with the containerd store writes an index of which it fetched one platform."""
        tar, elsewhere = OciTar(), OciTar()
        arm = Image([self.base], architecture="arm64")
        children = [platform(elsewhere.manifest(arm), "arm64"),
                    platform((elsewhere if whole_absence else tar).manifest(
                        self.image, squeezed, GZIP), "amd64")]
        return tar.end([named(tar.index(children), APP, "1")])

    def partly_absent(self):
        """The manifest of the other platform is there, its layers are not."""
        tar = OciTar()
        arm = Image([self.base], architecture="arm64")
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": tar.blob(arm.config, CONFIG),
                    "layers": [{"mediaType": LAYER, "digest": digest(b"?"), "size": 1}]}
        children = [platform(tar.blob(json.dumps(manifest).encode(), MANIFEST), "arm64"),
                    platform(tar.manifest(self.image), "amd64")]
        return tar.end([named(tar.index(children), APP, "1")])

    def attested(self):
        """As docker buildx build --provenance=true: a manifest whose layer is JSON."""
        tar = OciTar()
        manifest = tar.manifest(self.image, squeezed, GZIP)
        statement = json.dumps({"_type": "https://in-toto.io/Statement/v0.1"}).encode()
        empty = json.dumps({"architecture": "unknown", "os": "unknown", "config": {},
                            "rootfs": {"type": "layers", "diff_ids": [digest(statement)]}}).encode()
        attestation = {"schemaVersion": 2, "mediaType": MANIFEST,
                       "config": tar.blob(empty, CONFIG),
                       "layers": [tar.blob(statement, "application/vnd.in-toto+json", annotations={
                           "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"})]}
        child = tar.blob(json.dumps(attestation).encode(), MANIFEST)
        child = {**platform(child, "unknown", "unknown"),
                 "annotations": {"vnd.docker.reference.digest": manifest["digest"],
                                 "vnd.docker.reference.type": "attestation-manifest"}}
        index = tar.index([platform(manifest, "amd64"), child])
        self.attestation = child["digest"]
        return tar.end([named(index, APP, "1")])

    def attested_case(self):
        path = self.suite.write("archive.tar", self.attested())
        equal(self.holdfast.load(path), {APP: self.image.shown})
        equal(len(self.holdfast.run("images", "-q").split()), 1)
        kept = self.suite.blobs(self.holdfast.root)
        assert self.attestation[7:] in kept, "the attestation is lost"
        self.holdfast.run("rmi", APP)
        equal(self.suite.blobs(self.holdfast.root), {})
        equal(self.holdfast.load(path), {APP: self.image.shown})

    def two_of_schema_2(self):
        tar = OciTar()
        arm = Image([self.base], architecture="arm64")
        children = [platform(tar.manifest(image, squeezed, DOCKER_GZIP, media_type=DOCKER_MANIFEST),
                             name) for image, name in ((self.image, "amd64"), (arm, "arm64"))]
        return tar.end([named(tar.index(children, DOCKER_LIST), APP, "1")])

    def members(self, data):
        """gzip of several members; zeros after the last."""
        half = len(data) // 2
        return squeezed(data[:half]) + squeezed(b"") + squeezed(data[half:]) + bytes(100)

    def zstd(self, data):
        return self.suite.sandbox.run([self.suite.sandbox.program("zstd"), "-qc"], input=data,
                                      stdin=None, text=False)

    def skippable(self, data):
        frame = struct.pack("<II", 0x184D2A50, 5) + b"frame"
        half = len(data) // 2
        return frame + self.zstd(data[:half]) + frame + self.zstd(data[half:]) + frame

    def layouts(self):
        self.loads("an OCI layout, gzip", self.oci)
        self.loads("an OCI layout, zstd", self.oci, self.zstd, ZSTD)
        self.loads("gzip of several members and zeros at its end", self.oci, self.members)
        self.loads("zstd of several frames, some skippable", self.oci, self.skippable, ZSTD)
        self.loads("a plain layer labelled gzip", self.oci, lambda data: data, GZIP)
        self.loads("a gzip layer labelled plain", self.oci, squeezed, LAYER)
        self.loads("a zstd layer labelled gzip", self.oci, self.zstd, GZIP)
        self.loads("docker's media types in an OCI layout",
                   lambda: self.oci(squeezed, DOCKER_GZIP, media_type=DOCKER_MANIFEST,
                                    config_type=archives.DOCKER_CONFIG))
        self.loads("documents without mediaType", self.no_media_types)
        self.loads("buildx --output type=oci: only a tag, or no name at all",
                   lambda: self.oci(self.zstd, ZSTD, names=((None, "1"),)),
                   load=("--ref", "example.org/team/app"))
        self.loads("no name", lambda: self.oci(self.zstd, ZSTD, names=()), load=("--ref", APP))
        self.loads("two names on one manifest",
                   lambda: self.oci(names=((APP, "1"), (OTHER, "2"))),
                   want={APP: self.image.shown, OTHER: self.image.shown})
        self.loads("an index of docker's manifest list", self.two_of_schema_2)
        self.loads("an index whose other platform is absent", self.absent_platforms)
        self.loads("an index whose other platform is there in part", self.partly_absent)
        self.suite.run_and_round_trip("an index with an attestation", self.attested_case)
        self.suite.run("the absent platform is filled in by a later load", self.fill_in)

    def fill_in(self):
        arm = Image([self.base], architecture="arm64")
        whole = OciTar()
        children = [platform(whole.manifest(arm), "arm64"),
                    platform(whole.manifest(self.image, squeezed, GZIP), "amd64")]
        data = whole.end([named(whole.index(children), APP, "1")])
        self.holdfast.load(self.suite.write("part.tar", self.absent_platforms()))
        before = self.holdfast.digests()
        self.holdfast.run("load", "-q", "-i", self.suite.write("whole.tar", data))
        equal(self.holdfast.digests(), before)
        document = self.holdfast.run("inspect", "--platform", "linux/arm64", APP)
        equal(json.loads(document)[0]["Id"], arm.id)
        self.holdfast.is_whole()

    # --- refused -----------------------------------------------------------------------------

    def foreign(self):
        tar = OciTar()
        url = "https://example.org/windows-base"
        manifest = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
                    "config": tar.blob(config([self.base]), archives.DOCKER_CONFIG),
                    "layers": [{"mediaType": DOCKER_FOREIGN, "digest": digest(b"far away"),
                                "size": 8, "urls": [url]}]}
        return tar.end([named(tar.blob(json.dumps(manifest).encode(), DOCKER_MANIFEST), APP)])

    def wrong_diff_id(self):
        image = Image([self.base, small_layer(1)], APP)
        image.layers[1] = small_layer(7)
        return archives.docker_archive(image)

    def wrong_diff_id_oci(self):
        image = Image([self.base, small_layer(1)], APP)
        image.layers[1] = small_layer(7)
        tar = OciTar()
        return tar.end([named(tar.manifest(image, squeezed, GZIP), APP)])

    def twice(self):
        return archives.docker_archive(self.image, Image([self.base], APP))

    def twice_oci(self):
        tar = OciTar()
        return tar.end([named(tar.manifest(image), APP) for image in (self.image, self.other)])

    def before_1_10(self):
        tar = Tar()
        tar.add("0" * 64 + "/json", b"{}")
        tar.add("0" * 64 + "/VERSION", b"1.0")
        tar.add("0" * 64 + "/layer.tar", self.base)
        tar.document("repositories", {"app": {"1": "0" * 64}})
        return tar.bytes()

    def nothing_present(self):
        return self.absent_platforms(whole_absence=True)

    def refusals(self):
        self.refused("a foreign layer: names its URL", self.foreign,
                     saying="https://example.org/windows-base")
        wrong = digest(small_layer(7))
        self.refused("a diff ID that is not the layer's (docker archive)", self.wrong_diff_id,
                     saying=wrong + "|" + digest(small_layer(1)))
        self.refused("a diff ID that is not the layer's (OCI)", self.wrong_diff_id_oci,
                     saying=wrong + "|" + digest(small_layer(1)))
        self.refused("the same tag twice (docker archive)", self.twice, saying=APP)
        self.refused("the same tag twice (OCI)", self.twice_oci, saying=APP)
        for tag, why in (("example.org/team/app", "no tag"), ("example.org/Team/app:1", "Team"),
                         ("example.org/app@sha256:" + "0" * 64, "digest"), ("", '""'),
                         ("../../etc:1", r"\.\./")):
            self.refused("RepoTags with %r" % tag, self.tags, [tag], saying="RepoTags.*" + why)
        self.refused("an archive of docker before 1.10", self.before_1_10, saying="before 1.10")
        self.refused("an index none of whose platforms is there", self.nothing_present,
                     saying="platform")
        self.refused("one platform of an index that has another one", self.absent_platforms,
                     saying="linux/s390x", load=("--platform", "linux/s390x"))

    # --- what the engines say of the same files ----------------------------------------------

    def agreed(self, engine, make, *arguments):
        path = self.suite.write("archive.tar", make(*arguments))
        self.same_for(getattr(self.suite, engine), path)

    def engines(self):
        """Where an engine of Debian reads such an archive, it shows the same."""
        made = {
            "manifest.json before the layers": self.manifest_first,
            "a hybrid": lambda: archives.hybrid(self.image, self.other),
            "a layer without end-of-archive blocks": lambda: self.odd_layer(
                lambda data: data.rstrip(b"\0") + bytes(-len(data.rstrip(b"\0")) % 512))[0],
        }
        for what, make in made.items():
            for engine in ("docker", "podman"):
                self.suite.run("%s shows the same of %s" % (engine, what), self.agreed, engine,
                               make)
        symbolic = archives.tarfile.SYMTYPE
        self.suite.run("docker shows the same of symbolic links before their target", self.agreed,
                       "docker", lambda: self.links(symbolic, True)[0])  # podman can't read it
        for what, make in {"an OCI layout, zstd": lambda: self.oci(self.zstd, ZSTD),
                           "documents without mediaType": self.no_media_types,
                           "an index of two": self.two_of_schema_2}.items():
            self.suite.run("containerd shows the same of " + what, self.agreed, "containerd", make)


main(Cases, ("docker", "hybrids", "layouts", "refusals", "engines"))

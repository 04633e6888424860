"""tests/interop/test_newer.py - the docker and podman of Debian 13: what they write is loaded, and what
`holdfast save` writes they show as Holdfast does.

Only with HOLDFAST_TEST_LONG, because a trixie must be made for it."""

import json
import os
import subprocess
import sys
import tarfile

import archives
from archives import GZIP, Image, OciTar, busybox_layer, named, platform, small_layer, squeezed
from newer import NewerDocker, NewerPodman, Trixie
from suite import equal, main
from tap import Skip

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "erofs"))
import tars  # noqa: E402

APP = "example.org/team/app:1"
OTHER = "example.org/team/other:2"
FORMS = ("hybrid", "docker-archive", "oci-archive")


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        base = busybox_layer()
        self.image = Image([base, small_layer(1)], APP)
        self.other = Image([base, small_layer(2), base], OTHER)
        self.seed = suite.write("seed.tar", archives.docker_archive(self.image, self.other))
        self.trixie = None
        self.engines = {}

    def in_trixie(self):
        """Raises Skip each time when there is none."""
        if not os.environ.get("HOLDFAST_TEST_LONG"):
            raise Skip("only with HOLDFAST_TEST_LONG")
        if isinstance(self.trixie, Skip):
            raise self.trixie
        try:
            self.trixie = self.trixie or Trixie(self.suite.sandbox)
        except Skip as why:
            self.trixie = why
            raise
        return self.trixie

    def engine(self, kind, *arguments):
        trixie = self.in_trixie()
        if (kind, arguments) not in self.engines:
            self.engines[kind, arguments] = kind(self.suite.sandbox, trixie, *arguments)
        return self.engines[kind, arguments]

    def classic(self):
        return self.engine(NewerDocker)

    def with_containerd(self):
        return self.engine(NewerDocker, True)

    def newer_podman(self):
        return self.engine(NewerPodman)

    def two_platforms(self):
        tar = OciTar()
        arm = Image(self.image.layers[:1], architecture="arm64")
        children = [platform(tar.manifest(image, squeezed, GZIP), name)
                    for image, name in ((self.image, "amd64"), (arm, "arm64"))]
        return self.suite.write("index.tar", tar.end([named(tar.index(children), APP, "1")]))

    # --- docker 26 with its own store ------------------------------------------------------------

    def classic_saves(self, *names):
        """And both make the same manifest of plain layers, so that digests agree."""
        docker = self.classic()
        want = docker.load(self.seed)
        path = self.suite.path("saved.tar")
        docker.run("save", "-o", path, *names)
        equal(self.holdfast.load(path), {name: want[name] for name in names})
        with tarfile.open(path) as tar:
            roots = json.load(tar.extractfile("index.json"))["manifests"]
        theirs = {root["annotations"]["io.containerd.image.name"]: root["digest"] for root in roots}
        equal(self.holdfast.digests(), theirs)
        self.holdfast.load(self.seed)
        equal({name: self.holdfast.digests()[name] for name in names}, theirs)

    def saves_nameless(self):
        docker = self.classic()
        docker.load(self.seed)
        path = self.suite.path("saved.tar")
        docker.run("save", "-o", path, self.image.id, OTHER)
        self.holdfast.fresh().refuses("load", "-i", path, saying="without a name.*" +
                                      self.image.hex[:12])
        loaded = self.holdfast.load(path, "--ref", self.image.hex[:12] + "=" + APP)
        equal(loaded, {APP: self.image.shown, OTHER: self.other.shown})

    def same(self, engine, form, archive=None):
        self.holdfast.load(archive or self.seed)
        want = self.holdfast.images()
        equal(engine().load(self.holdfast.save(self.suite.path("out"), *want, form=form)), want)

    def cannot(self, engine, saying, form, *names):
        self.holdfast.load(self.seed)
        path = self.holdfast.save(self.suite.path("out"), *names, form=form)
        try:
            shown = engine().load(path)
        except subprocess.CalledProcessError as why:
            assert saying in why.stderr + why.stdout, why.stderr + why.stdout
        else:
            raise AssertionError("it reads it by now, and shows %s" % shown)

    def docker(self):
        run = self.suite.run
        run("docker 26 save of one image: same ID, same digest", self.classic_saves, APP)
        run("docker 26 save of two images: same IDs, same digests", self.classic_saves, APP, OTHER)
        run("docker 26 save of an ID and a name", self.saves_nameless)
        for form in ("hybrid", "docker-archive"):
            run("docker 26 reads " + form, self.same, self.classic, form)
            run("docker 26 reads %s: an index of two platforms" % form,
                lambda form=form: self.same(self.classic, form, self.two_platforms()))
        run("docker 26 can't read pure OCI", self.cannot, self.classic, "no such file or directory",
            "oci-archive", APP)

    # --- docker 26 with containerd's store: an ID is a manifest's digest ---------------------------

    def containerd_saves(self, archive, *names):
        docker = self.with_containerd()
        want = docker.load(archive)
        path = self.suite.path("saved.tar")
        docker.run("save", "-o", path, *names)
        loaded = self.holdfast.load(path)
        for name in names:
            equal(loaded[name].layers, want[name].layers)
            equal(self.holdfast.digests()[name], want[name].id)
            document = json.loads(self.holdfast.run("inspect", want[name].id))
            equal(document[0]["Id"], loaded[name].id)
        self.suite.round_trip()

    def containerd_reads(self, form, archive):
        """The same targets of OCI archives, for they have the same bytes."""
        self.holdfast.load(archive)
        ours, digests = self.holdfast.images(), self.holdfast.digests()
        theirs = self.with_containerd().load(
            self.holdfast.save(self.suite.path("out"), *ours, form=form))
        equal({name: shown.layers for name, shown in theirs.items()},
              {name: shown.layers for name, shown in ours.items()})
        if form == "oci-archive":
            equal({name: shown.id for name, shown in theirs.items()}, digests)

    def containerd(self):
        run = self.suite.run
        what = "docker 26 with containerd's store"
        run(what + ", save of two images", lambda: self.containerd_saves(self.seed, APP, OTHER))
        run(what + ", save of an index", lambda: self.containerd_saves(self.two_platforms(), APP))
        for form in FORMS:
            run("%s, reads %s" % (what, form), lambda form=form: self.containerd_reads(form,
                                                                                      self.seed))
        run(what + ", reads oci-archive: an index",
            lambda: self.containerd_reads("oci-archive", self.two_platforms()))

    # --- podman 5.4 --------------------------------------------------------------------------------

    def podman_saves(self, *arguments):
        podman = self.newer_podman()
        podman.load(self.seed)
        path = self.suite.path("saved.tar")
        podman.run("save", "-q", "-o", path, *arguments)
        equal(self.holdfast.load(path), podman.load(path))
        self.suite.round_trip()

    def podman(self):
        run = self.suite.run
        run("podman 5.4 save of one image", self.podman_saves, APP)
        run("podman 5.4 save -m of two images", self.podman_saves, "-m", APP, OTHER)
        run("podman 5.4 save as oci-archive", self.podman_saves, "--format", "oci-archive", APP)
        for form in ("hybrid", "docker-archive"):
            run("podman 5.4 reads " + form, self.same, self.newer_podman, form)
        run("podman 5.4 reads oci-archive: an index",
            lambda: self.same(self.newer_podman, "oci-archive", self.two_platforms()))
        run("podman 5.4 can't read an oci-archive of several", self.cannot, self.newer_podman,
            "more than one image", "oci-archive", APP, OTHER)


    # --- fsck.erofs 1.8 ------------------------------------------------------------------------------

    def indexes(self):
        """(index, its tar): an index names its tar in its device slot."""
        folder = os.path.join(self.holdfast.root, "blobs", "sha256")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                head = file.read(1216)
            if head[1024:1028] == b"\xe2\xe1\xf5\xe0":
                yield os.path.join(folder, name), os.path.join(folder, head[1152:1216].decode())

    def indexes_are_right(self):
        """Of layers of every kind, and the bytes of their files in their tars."""
        trixie = self.in_trixie()
        self.holdfast.load(self.seed)
        for make in tars.every_type, tars.xattrs, tars.crowded:
            path = self.suite.path("layer.tar")
            make(path)
            self.holdfast.run("import", "-q", path, make.__name__)
        found = list(self.indexes())
        equal(len(found), 6)
        for index, tar in found:
            self.suite.sandbox.run(trixie.enter("fsck.erofs", "--extract", "--device=" + tar, index))

    def erofs(self):
        self.suite.run("fsck.erofs 1.8 finds no fault in indexes", self.indexes_are_right)


main(Cases, ("docker", "containerd", "podman", "erofs"))

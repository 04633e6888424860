"""tests/interop/test_save.py - what `holdfast save` writes is read by the engines of Debian, which show
the image IDs and layers that Holdfast shows.

Where an engine can't read a format, the case says so and proves that it is so: a newer engine that
can will fail it, and the sentence goes."""

import os
import subprocess

import archives
from archives import GZIP, ZSTD, Image, OciTar, busybox_layer, named, platform, small_layer, squeezed
from suite import equal, main
from tools import NONE, Layout, full_name

APP = "example.org/team/app:1"
OTHER = "example.org/team/other:2"
SAME_TAG = "example.org/team/third:1"


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        base = busybox_layer()
        self.image = Image([base, small_layer(1)], APP)
        self.other = Image([base, small_layer(2)], OTHER)
        self.third = Image([base, small_layer(3)], SAME_TAG)
        self.repeated = Image([base, small_layer(1), base, small_layer(1)], APP)
        self.without_layers = Image([], APP)

    # --- what is in the store, by the archive that is loaded -----------------------------------

    def plain(self):
        return archives.docker_archive(self.image, self.other, self.third)

    def equal_layers(self):
        return archives.docker_archive(self.repeated)

    def no_layers(self):
        return archives.docker_archive(self.without_layers)

    def two_names(self):
        image = Image(self.image.layers, APP, "example.org/again:7")
        return archives.docker_archive(image)

    def short_name(self):
        return archives.docker_archive(Image(self.image.layers, "app:1"))

    def packed(self, pack, layer_type):
        tar = OciTar()
        return tar.end([named(tar.manifest(image, pack, layer_type), image.tags[0],
                              image.tags[0].rsplit(":", 1)[1])
                        for image in (self.image, self.other)])

    def gzip(self):
        return self.packed(squeezed, GZIP)

    def zstd(self):
        program = self.suite.sandbox.program("zstd")
        return self.packed(lambda data: self.suite.sandbox.run([program, "-qc"], input=data,
                                                               stdin=None, text=False), ZSTD)

    def index(self):
        tar = OciTar()
        arm = Image(self.image.layers[:1], architecture="arm64")
        children = [platform(tar.manifest(image, squeezed, GZIP), name)
                    for image, name in ((self.image, "amd64"), (arm, "arm64"))]
        return tar.end([named(tar.index(children), APP, "1")])

    def saved(self, make, form, *names):
        """The path of what was saved, and {name: Shown} of what is in it."""
        self.holdfast.load(self.suite.write("in.tar", make()))
        shown = self.holdfast.images()
        names = names or tuple(shown)
        return self.holdfast.save(self.suite.path("out"), *names, form=form), \
            {name: shown[name] for name in names}

    # --- docker and podman -----------------------------------------------------------------------

    def same(self, engine, make, form, *names):
        path, want = self.saved(make, form, *names)
        equal(getattr(self.suite, engine).load(path), want)

    def same_in_folder(self, make, *names):
        """podman names what it loads from a folder after the folder."""
        path, want = self.saved(make, "oci-dir", *names)
        equal(list(self.suite.podman.load(path).values()), list(want.values()))

    def cannot(self, engine, saying, make, form, *names):
        """The engine refuses it, and that is not ours to change."""
        path, _ = self.saved(make, form, *names)
        try:
            shown = getattr(self.suite, engine).load(path)
        except subprocess.CalledProcessError as why:
            assert saying in why.stderr + why.stdout, why.stderr + why.stdout
        else:
            raise AssertionError("%s reads it by now, and shows %s" % (engine, shown))

    def each(self, engine, forms, makes):
        for form in forms:
            for make, what in makes:
                self.suite.run("%s reads %s: %s" % (engine, form, what), self.same, engine, make,
                               form)

    STORES = (("plain", "three images with plain layers"), ("equal_layers", "equal layers"),
              ("no_layers", "no layers"), ("two_names", "two names of one image"),
              ("gzip", "two images with gzip layers"), ("zstd", "two images with zstd layers"),
              ("index", "an index of two platforms"))

    def stores(self, *but):
        return [(getattr(self, name), what) for name, what in self.STORES if name not in but]

    def docker(self):
        self.each("docker", ("hybrid", "docker-archive"), self.stores())
        self.suite.run("docker reads hybrid: a short name", self.same, "docker", self.short_name,
                       "hybrid")
        self.suite.run("docker reads hybrid: saved without names", self.nameless, "docker")
        for make, what in self.stores():
            self.suite.run("docker 20.10 can't read pure OCI: " + what, self.cannot, "docker",
                           "no such file or directory", make, "oci-archive")

    def podman(self):
        self.each("podman", ("hybrid", "docker-archive"), self.stores())
        self.suite.run("podman reads hybrid: saved without names", self.nameless, "podman")
        for make, what in self.stores("plain", "gzip", "zstd", "two_names"):
            self.suite.run("podman reads oci-archive: " + what, self.same, "podman", make,
                           "oci-archive")
            self.suite.run("podman reads oci-dir: " + what, self.same_in_folder, make)
        for make, what in self.stores("no_layers", "equal_layers", "two_names", "index"):
            self.suite.run("podman reads oci-archive: one of " + what, self.same, "podman", make,
                           "oci-archive", APP)
            self.suite.run("podman reads oci-dir: one of " + what, self.same_in_folder, make, APP)
            self.suite.run("podman 4.3 can't read an oci-archive of several: " + what, self.cannot,
                           "podman", "more than one image", make, "oci-archive")

    def nameless(self, engine):
        self.holdfast.load(self.suite.write("in.tar", archives.docker_archive(self.image)))
        path = self.suite.path("out")
        self.holdfast.run("save", "--no-names", "-o", path, APP)
        equal(getattr(self.suite, engine).load(path), {NONE: self.image.shown})

    # --- containerd ------------------------------------------------------------------------------

    def containerd(self):
        self.each("containerd", ("hybrid", "docker-archive", "oci-archive"),
                  self.stores("index"))
        self.suite.run("containerd reads hybrid: an index (one platform is written)", self.same,
                       "containerd", self.index, "hybrid")
        self.suite.run("containerd reads oci-archive: an index, and names the same target",
                       self.containerd_index)
        self.suite.run("containerd names the same targets of an oci-archive",
                       self.containerd_targets, self.gzip)

    def containerd_index(self):
        path, want = self.saved(self.index, "oci-archive")
        equal(self.suite.containerd.load(path, "--all-platforms"), want)
        equal(self.suite.containerd.targets(), self.holdfast.digests())

    def containerd_targets(self, make):
        path, want = self.saved(make, "oci-archive")
        equal(self.suite.containerd.load(path), want)
        equal(self.suite.containerd.targets(), self.holdfast.digests())

    # --- skopeo ----------------------------------------------------------------------------------

    def skopeo_reads(self, transport, make, form, *names):
        """Each image by the name or tag that the format gives it."""
        path, want = self.saved(make, form, *names)
        for name, shown in want.items():
            reference = name if transport == "docker-archive" else self.reference(want, name)
            equal(self.suite.skopeo.read("%s:%s:%s" % (transport, path, reference)), shown)

    @staticmethod
    def reference(names, name):
        """An OCI layout calls an image by its tag, if no other has the same."""
        tag = name.rsplit(":", 1)[1]
        return name if sum(other.endswith(":" + tag) for other in names) > 1 else tag

    def skopeo(self):
        for make, what in self.stores():
            for transport, form in (("docker-archive", "hybrid"),
                                    ("docker-archive", "docker-archive"),
                                    ("oci-archive", "oci-archive"), ("oci", "oci-dir")):
                self.suite.run("skopeo reads %s: %s" % (form, what), self.skopeo_reads, transport,
                               make, form)

    # --- umoci -----------------------------------------------------------------------------------

    def umoci_unpacks(self, make, *names):
        """And what it unpacks are the files of the layers."""
        path, want = self.saved(make, "oci-dir", *names)
        for name, shown in want.items():
            tag = self.reference(want, name)
            equal(Layout(path).images()[tag], shown)
            bundle = self.suite.path("bundle")
            self.suite.umoci.run("unpack", "--image", "%s:%s" % (path, tag), bundle)
            with open("/bin/busybox", "rb") as file:
                equal(archives.digest(file.read()),
                      archives.digest(self.read(bundle + "/rootfs/bin/busybox")))
            equal(sorted(os.listdir(bundle + "/rootfs/data")),
                  {APP: ["1"], OTHER: ["2"], SAME_TAG: ["3"]}[name])

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def umoci(self):
        for make, what in ((self.plain, "plain layers"), (self.gzip, "gzip layers")):
            self.suite.run("umoci reads oci-dir: two images with " + what, self.umoci_unpacks, make,
                           APP, OTHER)
        self.suite.run("umoci reads oci-dir: equal layers", self.umoci_unpacks, self.equal_layers)
        self.suite.run("umoci reads oci-dir: no layers", self.umoci_empty)

    def umoci_empty(self):
        path, _ = self.saved(self.no_layers, "oci-dir")
        bundle = self.suite.path("bundle")
        self.suite.umoci.run("unpack", "--image", path + ":1", bundle)
        equal(os.listdir(bundle + "/rootfs"), [])

    # --- the way round ---------------------------------------------------------------------------

    def chain(self, form):
        """docker -> holdfast -> podman -> holdfast -> docker: the same image at the end."""
        docker, podman = self.suite.docker, self.suite.podman
        first = docker.load(self.suite.write("in.tar", archives.docker_archive(self.image)))
        path = self.suite.path("docker.tar")
        docker.run("save", "-o", path, APP)
        self.holdfast.load(path)
        podman.load(self.holdfast.save(self.suite.path("out"), APP, form=form))
        path = self.suite.path("podman.tar")
        podman.run("save", "-q", "-o", path, APP)
        self.holdfast.load(path)
        equal(docker.load(self.holdfast.save(self.suite.path("out"), APP, form=form)), first)

    def chains(self):
        for form in ("hybrid", "docker-archive"):
            self.suite.run("docker, holdfast, podman, holdfast, docker by " + form, self.chain,
                           form)
        self.suite.run("podman keeps docker's short name by its full one", self.full_short)

    def full_short(self):
        path, want = self.saved(self.short_name, "hybrid")
        equal(list(want), [full_name("app:1")])
        equal(self.suite.podman.load(path), want)

    # --- wrapped ---------------------------------------------------------------------------------

    def wrapped(self):
        """A docker archive may be compressed as a whole, but not for every engine."""
        program = self.suite.sandbox.program("gzip")

        def gzipped(form):
            path, want = self.saved(self.plain, form, APP)
            self.suite.sandbox.run([program, path])
            return path + ".gz", want

        def reads(engine):
            path, want = gzipped("hybrid")
            equal(getattr(self.suite, engine).load(path), want)

        def refuses(engine):
            path, _ = gzipped("docker-archive")
            try:
                getattr(self.suite, engine).load(path)
            except subprocess.CalledProcessError:
                return
            raise AssertionError(engine + " reads it by now")

        self.suite.run("docker reads a gzip of a hybrid", reads, "docker")
        self.suite.run("podman 4.3 can't read a gzip of a docker-archive", refuses, "podman")
        self.suite.run("ctr 1.6 can't read a gzip of a docker-archive", refuses, "containerd")


main(Cases, ("docker", "podman", "containerd", "skopeo", "umoci", "chains", "wrapped"))

"""tests/interop/test_load.py - archives that the engines of Debian write of real images are loaded, and
give the image IDs and layers that the same engine shows after loading its own archive."""

import json
import os
import subprocess
import tarfile

import archives
from archives import Image, busybox_layer, small_layer
from suite import equal, main
from tap import Skip
from tools import NONE, Layout, full_name

APP = "example.org/team/app:1"
OTHER = "example.org/team/other:2"
CONTAINERFILE = """FROM scratch
ADD root.tar /
RUN ["/bin/busybox", "sh", "-c", "echo two > /two"]
COPY three /three
CMD ["/bin/sh"]
"""
FOUR_TIMES = "FROM scratch\n" + 4 * "COPY three /three\n" + 'CMD ["/bin/sh"]\n'


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        self.image = Image([busybox_layer(), small_layer(1)], APP)
        self.other = Image([busybox_layer(), small_layer(2)], OTHER)
        self.seed = suite.write("seed.tar", archives.docker_archive(self.image, self.other))

    def case(self, name, make, *arguments, load=()):
        """`make` writes an archive and returns its path, and the engine that is to say what is in
        it."""
        def body():
            path, engine = make(*arguments)
            want = engine.load(path)
            equal(self.holdfast.load(path, *load), want)
        self.suite.run_and_round_trip(name, body)

    def context(self, containerfile):
        folder = self.suite.path("context")
        os.mkdir(folder)
        archives.write(folder + "/root.tar", busybox_layer())
        archives.write(folder + "/three", b"three\n")
        archives.write(folder + "/Dockerfile", containerfile.encode())
        return folder

    # --- docker ------------------------------------------------------------------------------

    def docker_seeded(self):
        self.suite.docker.load(self.seed)
        return self.suite.docker

    def docker_save(self, *names):
        docker = self.docker_seeded()
        path = self.suite.path("docker.tar")
        docker.run("save", "-o", path, *names)
        return path, docker

    def docker_build(self):
        docker = self.docker_seeded()
        docker.run("build", "-q", "-t", APP, self.context(FOUR_TIMES))
        path = self.suite.path("docker.tar")
        docker.run("save", "-o", path, APP)
        return path, docker

    def docker_two_names(self):
        docker = self.docker_seeded()
        docker.run("tag", APP, "localhost:5000/again")
        docker.run("tag", APP, "short:3")
        path = self.suite.path("docker.tar")
        docker.run("save", "-o", path, APP, "short:3", "localhost:5000/again", OTHER)
        return path, docker

    def docker_import(self):
        docker = self.docker_seeded()
        docker.run("import", "-c", 'CMD ["/bin/sh"]', self.suite.write("r.tar", busybox_layer()),
                   APP)
        path = self.suite.path("docker.tar")
        docker.run("save", "-o", path, APP)
        return path, docker

    def docker(self):
        self.case("docker save of one image", self.docker_save, APP)
        self.case("docker save of two images that share a layer", self.docker_save, APP, OTHER)
        self.case("docker save of one image under several names", self.docker_two_names)
        self.case("docker build of the same layer four times", self.docker_build)
        self.case("docker import", self.docker_import)
        self.suite.run("docker save of an ID: refused without a name, given one it is the same",
                       self.docker_nameless)
        self.suite.run("docker save of an ID and a name: refused, naming the entry",
                       self.docker_mixed)
        self.suite.run("docker save through a pipe", self.docker_pipe)

    def nameless(self, path, image, says, name="given:7"):
        """Refused; loaded with each of the ways to give names."""
        self.holdfast.fresh().refuses("load", "-i", path, saying=says)
        given = full_name(name)
        for reference in (name, image.hex[:12] + "=" + name, image.id + "=" + name):
            equal(self.holdfast.load(path, "--ref", reference)[given], image.shown)
        loaded = self.holdfast.load(path, "--ref-digest")
        assert image.shown in loaded.values()
        return loaded

    def docker_nameless(self):
        path, docker = self.docker_save(self.image.hex)
        equal(docker.load(path), {NONE: self.image.shown})
        self.nameless(path, self.image, "without a name.*" + self.image.hex[:12])

    def docker_mixed(self):
        path, _ = self.docker_save(self.image.hex, OTHER)
        says = "without a name.*" + self.image.hex[:12]
        assert self.other.hex[:12] not in self.holdfast.fresh().refuses("load", "-i", path,
                                                                       saying=says)
        equal(self.holdfast.load(path, "--ref", self.image.hex[:12] + "=given:7"),
              {full_name("given:7"): self.image.shown, OTHER: self.other.shown})

    def docker_pipe(self):
        path, docker = self.docker_save(APP)
        want = docker.load(path)
        self.holdfast.fresh()
        with open(path, "rb") as file, \
                subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat:
            self.holdfast.run("load", stdin=cat.stdout)
        equal(self.holdfast.images(), want)

    # --- podman ------------------------------------------------------------------------------

    def podman_save(self, *arguments, name="podman.tar"):
        podman = self.suite.podman
        podman.load(self.seed)
        path = self.suite.path(name)
        podman.run("save", "-q", "-o", path, *arguments)
        return path, podman

    def podman_after_docker_build(self):
        podman = self.suite.podman
        podman.load(self.docker_build()[0])
        path = self.suite.path("podman.tar")
        podman.run("save", "-q", "-o", path, APP)
        return path, podman

    def podman_nameless(self, form, says):
        path, podman = self.podman_save("--format", form, self.image.hex)
        shown = podman.load(path)[NONE]
        self.holdfast.fresh().refuses("load", "-i", path, saying=says)
        equal(self.holdfast.load(path, "--ref", "given:7"), {full_name("given:7"): shown})

    def podman_folder(self, form, *arguments):
        """podman names what it loads from a folder after the folder."""
        path, podman = self.podman_save("--format", form, *arguments, APP, name="folder")
        return path, Renamed(podman, APP)

    def podman_short_name(self):
        """podman's own short names are of localhost/."""
        podman = self.suite.podman
        podman.load(self.seed)
        podman.run("tag", APP, "short:3")
        path = self.suite.path("podman.tar")
        podman.run("save", "-q", "-o", path, "short:3")
        return path, podman

    def podman(self):
        self.case("podman save of one image", self.podman_save, APP)
        self.case("podman save of a short name", self.podman_short_name)
        self.case("podman save -m of two images", self.podman_save, "-m", APP, OTHER)
        self.case("podman save of a docker build with equal layers",
                  self.podman_after_docker_build)
        self.case("podman save as oci-archive", self.podman_save, "--format", "oci-archive", APP)
        self.case("podman save as oci-dir", self.podman_folder, "oci-dir")
        self.case("podman save as docker-dir", self.podman_folder, "docker-dir",
                  load=("--ref", APP))
        self.case("podman save as docker-dir, compressed", self.podman_folder, "docker-dir",
                  "--compress", load=("--ref", APP))
        for form in ("docker-archive", "oci-archive"):
            self.suite.run("podman save of an ID as %s: refused without a name" % form,
                           self.podman_nameless, form, "without a name")

    # --- buildah -----------------------------------------------------------------------------

    def built(self):
        """An image of three layers, one of them made by running something in it."""
        podman = self.suite.podman
        podman.clear()
        podman.buildah("bud", "--isolation", "chroot", "--layers", "--quiet", "--tag", APP,
                       self.context(CONTAINERFILE))
        return podman

    def buildah_push(self, transport, *arguments):
        podman = self.built()
        path = self.suite.path("pushed")
        podman.buildah("push", "--quiet", *arguments, APP, "%s:%s:%s" % (transport, path, APP))
        return path, Renamed(podman, APP) if transport == "oci" else podman

    def buildah_commit(self):
        """Made step by step, without a Containerfile."""
        podman = self.suite.podman
        podman.clear()
        container = podman.buildah("from", "scratch").strip()
        podman.buildah("add", "--quiet", container, self.suite.write("r.tar", busybox_layer()),
                            "/")
        podman.buildah("config", "--cmd", "/bin/sh", "--label", "made=by hand", container)
        podman.buildah("commit", "--quiet", "--rm", container, APP)
        path = self.suite.path("pushed")
        podman.buildah("push", "--quiet", APP, "docker-archive:%s:%s" % (path, APP))
        return path, podman

    def buildah(self):
        self.case("buildah bud, pushed to a docker archive", self.buildah_push, "docker-archive")
        self.case("buildah bud, pushed to an OCI archive (gzip)", self.buildah_push, "oci-archive")
        self.case("buildah bud, pushed to an OCI folder (gzip)", self.buildah_push, "oci")
        self.case("buildah bud, pushed to an OCI archive (zstd)", self.buildah_push, "oci-archive",
                  "--compression-format", "zstd")
        self.case("buildah from, add, commit, push", self.buildah_commit)
        self.suite.run("buildah manifest of two platforms, pushed whole", self.buildah_manifest)

    def buildah_manifest(self):
        podman = self.suite.podman
        podman.clear()
        images = {}
        for architecture in ("amd64", "arm64"):
            image = Image([busybox_layer(), small_layer(architecture)], "made:" + architecture,
                          architecture=architecture)
            images[architecture] = image
            podman.run("load", "-q", "-i",
                        self.suite.write("one.tar", archives.docker_archive(image)))
        podman.buildah("manifest", "create", APP, "made:amd64")
        podman.buildah("manifest", "add", APP, "made:arm64")
        path = self.suite.path("layout")
        podman.buildah("manifest", "push", "--all", APP, "oci:%s:%s" % (path, APP))
        self.two_platforms(path, {name: image.shown for name, image in images.items()})

    def two_platforms(self, path, shown, layers_only=True):
        """The index is the name's target; each platform is there, and comes back."""
        layout = Layout(path)
        root = layout.index()["manifests"][0]["digest"]
        children = {child["platform"]["architecture"]: child
                    for child in json.loads(layout.blob(root))["manifests"]}
        loaded = self.holdfast.load(path)
        equal(self.holdfast.digests(), {APP: root})
        for name, want in shown.items():
            document = json.loads(self.holdfast.run("inspect", "--platform", "linux/" + name, APP))
            equal(document[0]["Id"], layout.shown(children[name]).id, name)
            equal(tuple(document[0]["RootFS"]["Layers"]), want.layers, name)
        equal(loaded[APP].layers, shown["amd64"].layers)
        self.suite.round_trip()
        for name, want in shown.items():
            one = self.holdfast.load(path, "--platform", "linux/" + name)
            equal(one[APP].layers, want.layers, name)

    # --- skopeo ------------------------------------------------------------------------------

    def skopeo_copy(self, target, *arguments):
        """skopeo rewrites the config where the format changes: it says itself what it wrote."""
        skopeo = self.suite.skopeo
        path = self.suite.path("copied")
        source = "docker-archive:%s:%s" % (self.seed, APP)
        skopeo.copy(source, target % path, *arguments)
        return path, Told({APP: skopeo.read(target % path)})

    def skopeo_two_in_one(self, *names, as_tar):
        skopeo = self.suite.skopeo
        folder = self.suite.path("layout")
        told = {}
        for image, name in zip((self.image, self.other), names):
            target = "oci:%s:%s" % (folder, name)
            skopeo.copy("docker-archive:%s:%s" % (self.seed, image.tags[0]), target)
            told[name] = skopeo.read(target)
        if not as_tar:
            return folder, Told(told)
        path = folder + ".tar"
        self.suite.sandbox.run(["tar", "-C", folder, "-cf", path, "."])
        return path, Told(told)

    def skopeo_bare_tags(self):
        path, engine = self.skopeo_two_in_one("1", "2", as_tar=False)
        self.holdfast.fresh().refuses("load", "-i", path, saying="without a name.*only tagged")
        shown = engine.load(path)
        equal(self.holdfast.load(path, "--ref", "example.org/team/app"),
              {"example.org/team/app:" + tag: shown[tag] for tag in "12"})

    def skopeo_chunked(self):
        """skopeo 1.9 names another diff ID in the config than its zstd:chunked layers have."""
        path, _ = self.skopeo_copy("oci:%s:" + APP, "--dest-compress",
                                   "--dest-compress-format", "zstd:chunked")
        layout = Layout(path)
        manifest = json.loads(layout.blob(layout.index()["manifests"][0]["digest"]))
        config = json.loads(layout.blob(manifest["config"]["digest"]))
        plain = [archives.digest(self.suite.sandbox.run(
            ["zstd", "-dqc", os.path.join(path, "blobs/sha256", item["digest"][7:])], text=False))
                 for item in manifest["layers"]]
        if plain == config["rootfs"]["diff_ids"]:
            equal(self.holdfast.load(path)[APP].layers, tuple(plain))
        else:
            self.holdfast.fresh().refuses("load", "-i", path, saying="diff ID|diff_id")

    def skopeo(self):
        for form, target in (("a docker archive", "docker-archive:%s:" + APP),
                             ("an OCI archive", "oci-archive:%s:" + APP),
                             ("an OCI folder", "oci:%s:" + APP)):
            self.case("skopeo copy to " + form, self.skopeo_copy, target)
        for compression in ("gzip", "zstd"):
            self.case("skopeo copy to an OCI archive, " + compression, self.skopeo_copy,
                      "oci-archive:%s:" + APP, "--dest-compress", "--dest-compress-format",
                      compression)
        self.case("skopeo copy to a dir", self.skopeo_copy, "dir:%s", load=("--ref", APP))
        self.case("skopeo copy of two images into one OCI folder",
                  lambda: self.skopeo_two_in_one(APP, OTHER, as_tar=False))
        self.case("skopeo copy of two images into one OCI folder, in a tar (paths with ./)",
                  lambda: self.skopeo_two_in_one(APP, OTHER, as_tar=True))
        self.suite.run("skopeo copy under bare tags: refused without a repository",
                       self.skopeo_bare_tags)
        self.suite.run("skopeo copy as zstd:chunked", self.skopeo_chunked)
        self.suite.run("skopeo copy --all of two platforms", self.skopeo_all)

    def layout_of_two_platforms(self):
        tar = archives.OciTar()
        images = {name: Image([busybox_layer(), small_layer(name)], architecture=name)
                  for name in ("amd64", "arm64")}
        children = [archives.platform(
            tar.manifest(image, archives.squeezed, archives.GZIP), name)
                    for name, image in images.items()]
        path = self.suite.write("index.tar", tar.end(
            [archives.named(tar.index(children), APP, APP)]))
        return path, {name: image.shown for name, image in images.items()}

    def skopeo_all(self):
        source, shown = self.layout_of_two_platforms()
        path = self.suite.path("layout")
        self.suite.skopeo.copy("oci-archive:" + source, "oci:%s:%s" % (path, APP), "--all")
        self.two_platforms(path, shown)

    # --- umoci -------------------------------------------------------------------------------

    def umoci_layout(self):
        umoci = self.suite.umoci
        folder = self.suite.path("layout")
        umoci.run("init", "--layout", folder)
        umoci.run("new", "--image", folder + ":1")
        return umoci, folder

    def umoci_new(self):
        """An image without layers."""
        _, folder = self.umoci_layout()
        return folder, Told({APP: Layout(folder).images()["1"]})

    def umoci_repack(self, as_tar=False):
        umoci, folder = self.umoci_layout()
        bundle = self.suite.path("bundle")
        umoci.run("unpack", "--image", folder + ":1", bundle)
        archives.write(bundle + "/rootfs/new", b"new\n")
        umoci.run("repack", "--image", folder + ":2", bundle)
        umoci.run("insert", "--image", folder + ":2", "/bin/busybox", "/bin/busybox")
        umoci.run("tag", "--image", folder + ":2", "3")
        umoci.run("gc", "--layout", folder)
        told = {"example.org/team/app:" + tag: shown
                for tag, shown in Layout(folder).images().items()}
        equal(sorted(told), ["example.org/team/app:%d" % i for i in (1, 2, 3)])
        if not as_tar:
            return folder, Told(told)
        self.suite.sandbox.run(["tar", "-C", folder, "-cf", folder + ".tar",
                                *sorted(os.listdir(folder))])
        return folder + ".tar", Told(told)

    def umoci(self):
        repository = ("--ref", "example.org/team/app")
        self.case("umoci new: no layers", self.umoci_new, load=repository)
        self.case("umoci repack, insert, tag", self.umoci_repack, load=repository)
        self.case("umoci repack, insert, tag, in a tar", lambda: self.umoci_repack(True),
                  load=repository)

    # --- containerd --------------------------------------------------------------------------

    def containerd_export(self, *names, source=None, arguments=()):
        containerd = self.suite.containerd
        containerd.load(source or self.seed, *(["--all-platforms"] if arguments else []))
        path = self.suite.path("exported.tar")
        containerd.run("images", "export", *arguments, path, *names)
        return path, containerd

    def containerd_gzip(self, pack, media_type):
        tar = archives.OciTar()
        path = self.suite.write("oci.tar", tar.end([
            archives.named(tar.manifest(self.image, pack, media_type), APP, "1")]))
        return self.containerd_export(APP, source=path)

    def zstd(self, data):
        return self.suite.sandbox.run([self.suite.sandbox.program("zstd"), "-qc"], input=data,
                                      stdin=None, text=False)

    def containerd_all_platforms(self):
        source, shown = self.layout_of_two_platforms()
        path, _ = self.containerd_export(APP, source=source, arguments=("--all-platforms",))
        self.two_platforms(archives.unpack(path, self.suite.path("layout")), shown)
        equal(self.holdfast.load(path)[APP].layers, shown["amd64"].layers)

    def containerd_pull(self):
        """Of an index, only one platform was pulled: the other one is absent in what is exported."""
        containerd, registry = self.suite.containerd, self.suite.registry
        source, shown = self.layout_of_two_platforms()
        name = registry.address + "/team/app:1"
        self.suite.skopeo.copy("oci-archive:" + source, "docker://" + name, "--all",
                               "--dest-tls-verify=false")
        containerd.clear()
        containerd.run("images", "pull", "--plain-http", "--platform", "linux/amd64", name)
        path = self.suite.path("exported.tar")
        containerd.run("images", "export", path, name)
        with tarfile.open(path) as tar:
            root = json.load(tar.extractfile("index.json"))["manifests"][0]
            members = tar.getnames()
        loaded = self.holdfast.load(path)
        equal(loaded, {name: shown["amd64"]})
        equal(self.holdfast.digests(), {name: root["digest"]})
        self.suite.round_trip()
        children = self.suite.containerd.content(root["digest"]).get("manifests")
        if not children or all("blobs/sha256/" + child["digest"][7:] in members
                               for child in children):
            raise Skip("this containerd exports one platform without its index")
        self.holdfast.refuses("load", "--platform", "linux/arm64", "-i", path,
                              saying="linux/arm64")

    def containerd(self):
        self.case("ctr images export", self.containerd_export, APP)
        self.case("ctr images export of two images", self.containerd_export, APP, OTHER)
        self.case("ctr images export, gzip layers", self.containerd_gzip, archives.squeezed,
                  archives.GZIP)
        self.case("ctr images export, zstd layers", self.containerd_gzip, self.zstd, archives.ZSTD)
        self.suite.run("ctr images export --all-platforms", self.containerd_all_platforms)
        self.suite.run("ctr images export of one pulled platform", self.containerd_pull)

    # --- the same archives in other clothes --------------------------------------------------

    def wrapped(self, *command):
        """Compressed as a whole; the engine says what is in the plain one."""
        path, engine = self.docker_save(APP, OTHER)
        program = self.suite.sandbox.program(command[0])
        data = self.suite.sandbox.run([program, *command[1:], path], text=False)
        want = engine.load(path)
        return self.suite.write("docker.tar." + command[0], data), Told(want)

    def repacked(self, *order):
        """Unpacked and packed again: paths begin with ./ and come in another order."""
        path, engine = self.docker_save(APP, OTHER)
        want = engine.load(path)
        folder = archives.unpack(path, self.suite.path("unpacked"))
        self.suite.sandbox.run(["tar", "-C", folder, *order, "-cf", folder + ".tar", "."])
        return folder + ".tar", Told(want)

    def clothes(self):
        for command in (("gzip", "-c"), ("bzip2", "-c"), ("xz", "-c0"), ("zstd", "-qc")):
            self.case("docker save, compressed by " + command[0], self.wrapped, *command)
        self.case("docker save, packed again with paths that begin with ./", self.repacked,
                  "--sort=name")
        self.case("docker save, packed again as pax", self.repacked, "--format=pax")
        self.case("docker save, packed again as old GNU", self.repacked, "--format=oldgnu")


class Told:
    """Stands for an engine whose answer is known."""

    def __init__(self, images):
        self.images = images

    def load(self, _):
        return self.images


class Renamed:
    """An engine that does not keep the one name."""

    def __init__(self, engine, name):
        self.engine, self.name = engine, name

    def load(self, path):
        (shown,) = self.engine.load(path).values()
        return {self.name: shown}


main(Cases, ("docker", "podman", "buildah", "skopeo", "umoci", "containerd", "clothes"))

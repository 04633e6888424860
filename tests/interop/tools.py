"""tests/interop/tools.py - the other engines, each with a store of its own in the sandbox, and what
they show of an image: Shown(id, layers), its config digest and diff IDs.

`load` takes an archive into an emptied store and returns {name: Shown}; images without a name are
listed as "<none>"."""

import collections
import hashlib
import json
import os
import re
import subprocess
import urllib.request

from sandbox import free_port
from tap import Skip

Shown = collections.namedtuple("Shown", "id layers")

NONE = "<none>"


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def shown_by(document):
    """Of what `inspect` of docker, podman or holdfast prints."""
    digest = document["Id"] if ":" in document["Id"] else "sha256:" + document["Id"]
    return Shown(digest, tuple(document["RootFS"].get("Layers") or ()))


def by_name(documents):
    return {name if name == NONE else full_name(name): shown_by(document)
            for document in documents for name in document.get("RepoTags") or [NONE]}


class Holdfast:
    name = "holdfast"

    def __init__(self, sandbox, command, check):
        self.sandbox, self.command, self.check = sandbox, command, check
        self.root = None

    def fresh(self):
        self.root = self.sandbox.path("store")
        return self

    def try_it(self, *arguments, **options):
        return subprocess.run([self.command, "--root", self.root, *arguments], check=False,
                              **{"env": self.sandbox.environment, "capture_output": True,
                                 "text": True, "stdin": subprocess.DEVNULL, "timeout": 300,
                                 **options})

    def run(self, *arguments, **options):
        done = self.try_it(*arguments, **options)
        done.check_returncode()
        return done.stdout

    def refuses(self, *arguments, saying, **options):
        """Exit 1 and one sentence, which must match; nothing else has changed."""
        before = self.images()
        done = self.try_it(*arguments, **options)
        assert done.returncode == 1, "exit %d: %s%s" % (done.returncode, done.stdout, done.stderr)
        assert re.fullmatch(r"holdfast: [^\n]+\n", done.stderr), done.stderr
        assert re.search(saying, done.stderr), "%r does not say %r" % (done.stderr, saying)
        assert self.images() == before
        return done.stderr

    def images(self):
        if not os.path.exists(self.root):
            return {}
        names = self.run("images", "--format", "{{.Name}}").split()
        documents = json.loads(self.run("inspect", *names)) if names else []
        return {name: shown_by(document) for name, document in zip(names, documents)}

    def digests(self):
        """{name: digest of the manifest or index}"""
        rows = self.run("images", "--format", "{{.Name}} {{.Digest}}").splitlines()
        return dict(row.split() for row in rows)

    def is_whole(self):
        """The independent checker has nothing to complain about."""
        subprocess.run([self.check, self.root, "--live"], capture_output=True, text=True,
                       check=True)

    def load(self, path, *arguments):
        self.fresh()
        self.run("load", "-q", "-i", path, *arguments)
        self.is_whole()
        return self.images()

    def save(self, path, *names, form="hybrid"):
        self.run("save", "-q", "--format", form, "-o", path, *names)
        return path


def full_name(name):
    """docker.io/library/app:1 for app:1."""
    head, slash, _ = name.partition("/")
    if not slash:
        return "docker.io/library/" + name
    if "." in head or ":" in head or head == "localhost":
        return name
    return "docker.io/" + name


class Podman:
    """With buildah on the same store."""

    name = "podman"

    def __init__(self, sandbox):
        need_root()
        self.sandbox = sandbox
        self.program = sandbox.program("podman")
        # podman wants a --runroot of at most 50 characters.
        self.places = ["--root", sandbox.path("podman"), "--runroot", sandbox.sockets + "/run",
                       "--storage-driver", "overlay"]
        try:
            self.run("info")
        except subprocess.CalledProcessError as why:
            raise Skip("podman does not run here: " + why.stderr.strip().splitlines()[-1])

    def command(self, *arguments):
        return [self.program, *self.places, "--log-level", "error", *arguments]

    def run(self, *arguments):
        return self.sandbox.run(self.command(*arguments))

    def buildah(self, *arguments):
        program = self.sandbox.program("buildah")
        return self.sandbox.run([program, *self.places, "--log-level", "error", *arguments])

    def clear(self):
        self.run("rmi", "--all", "--force")

    def images(self):
        listed = json.loads(self.run("images", "--format", "json"))
        ids = sorted({image["Id"] for image in listed})
        documents = json.loads(self.run("inspect", "--type", "image", *ids)) if ids else []
        return by_name(documents)

    def load(self, path):
        self.clear()
        self.run("load", "-q", "-i", path)
        return self.images()


class Docker:
    name = "docker"

    def __init__(self, sandbox):
        need_root()
        self.sandbox = sandbox
        # The client that fits the daemon stands beside it; another may come first on PATH.
        daemon = sandbox.program("dockerd")
        self.program = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else \
            sandbox.program("docker")
        folder, self.socket = sandbox.path("docker"), sandbox.sockets + "/docker"
        sandbox.start([daemon, "--data-root", folder + "/root",
                       "--exec-root", sandbox.sockets + "/exec", "-H", "unix://" + self.socket,
                       "--pidfile", folder + ".pid", "--iptables=false", "--bridge=none",
                       "--storage-driver", "overlay2"], self.is_ready, "dockerd")

    def is_ready(self):
        try:
            self.run("version")
            return True
        except subprocess.CalledProcessError:
            return False

    def command(self, *arguments):
        return [self.program, "-H", "unix://" + self.socket, *arguments]

    def run(self, *arguments, **options):
        environment = {**self.sandbox.environment, "DOCKER_BUILDKIT": "0"}
        return self.sandbox.run(self.command(*arguments), env=environment, **options)

    def clear(self):
        self.run("image", "prune", "--all", "--force")

    def images(self):
        ids = set(self.run("images", "--quiet", "--no-trunc").split())
        documents = json.loads(self.run("inspect", *ids)) if ids else []
        return by_name(documents)

    def load(self, path):
        self.clear()
        self.run("load", "-q", "-i", path)
        return self.images()


class Containerd:
    name = "containerd"

    def __init__(self, sandbox):
        need_root()
        self.sandbox = sandbox
        daemon = sandbox.program("containerd")
        self.program = sandbox.program("ctr")
        folder, self.socket = sandbox.path("containerd"), sandbox.sockets + "/containerd"
        config = folder + ".toml"
        with open(config, "w", encoding="utf-8") as file:
            file.write('version = 2\nroot = "%s/root"\nstate = "%s/state"\n'
                       '[grpc]\naddress = "%s"\n' % (folder, sandbox.sockets, self.socket))
        sandbox.start([daemon, "--config", config], self.is_ready, "containerd")

    def is_ready(self):
        try:
            self.run("version")
            return True
        except subprocess.CalledProcessError:
            return False

    def command(self, *arguments):
        return [self.program, "-a", self.socket, *arguments]

    def run(self, *arguments):
        return self.sandbox.run(self.command(*arguments))

    def clear(self):
        names = self.run("images", "ls", "-q").split()
        if names:
            self.run("images", "rm", "--sync", *names)

    def content(self, digest):
        return json.loads(self.run("content", "get", digest))

    def manifest(self, digest, platform=("linux", "amd64")):
        document = self.content(digest)
        for child in document.get("manifests", ()):
            have = child.get("platform", {})
            if (have.get("os"), have.get("architecture")) == platform:
                return self.content(child["digest"])
        return document

    def targets(self):
        lines = [line.split() for line in self.run("images", "ls").splitlines()[1:]]
        return {line[0]: line[2] for line in lines}

    def images(self):
        shown = {}
        for name, digest in self.targets().items():
            manifest = self.manifest(digest)
            config = self.content(manifest["config"]["digest"])
            shown[name] = Shown(manifest["config"]["digest"],
                                tuple(config["rootfs"].get("diff_ids") or ()))
        return shown

    def load(self, path, *arguments):
        self.clear()
        self.run("images", "import", *arguments, path)
        return self.images()


class Layout:
    """An OCI layout in a folder, read by hand."""

    def __init__(self, path):
        self.path = path

    def read(self, *parts):
        with open(os.path.join(self.path, *parts), "rb") as file:
            return file.read()

    def blob(self, digest):
        data = self.read("blobs", *digest.split(":"))
        assert digest == "sha256:" + hashlib.sha256(data).hexdigest(), digest + " is damaged"
        return data

    def index(self):
        return json.loads(self.read("index.json"))

    def manifests(self):
        """{ref name: descriptor}"""
        return {item.get("annotations", {}).get("org.opencontainers.image.ref.name", NONE): item
                for item in self.index()["manifests"]}

    def shown(self, descriptor):
        manifest = json.loads(self.blob(descriptor["digest"]))
        config = json.loads(self.blob(manifest["config"]["digest"]))
        return Shown(manifest["config"]["digest"], tuple(config["rootfs"].get("diff_ids") or ()))

    def images(self):
        return {name: self.shown(item) for name, item in self.manifests().items()}


class Skopeo:
    """Has no store; it copies. An image that came through whole shows what it read."""

    name = "skopeo"

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.program = sandbox.program("skopeo")
        self.policy = sandbox.path("policy.json")
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write('{"default": [{"type": "insecureAcceptAnything"}]}')

    def run(self, command, *arguments):
        return self.sandbox.run([self.program, "--policy", self.policy, command, *arguments])

    def copy(self, source, target, *arguments):
        return self.run("copy", "--quiet", *arguments, source, target)

    def read(self, source):
        """Shown of one image, all of whose bytes were read and checked."""
        target = self.sandbox.path("dir")
        self.copy(source, "dir:" + target)
        with open(target + "/manifest.json", encoding="utf-8") as file:
            manifest = json.load(file)
        with open(os.path.join(target, manifest["config"]["digest"][7:]), "rb") as file:
            data = file.read()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == manifest["config"]["digest"]
        return Shown(manifest["config"]["digest"],
                     tuple(json.loads(data)["rootfs"].get("diff_ids") or ()))


class Umoci:
    """Works on OCI layouts in place."""

    name = "umoci"

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.program = sandbox.program("umoci")

    def run(self, *arguments):
        return self.sandbox.run([self.program, *arguments])


class Registry:
    """docker-registry, empty."""

    def __init__(self, sandbox):
        program = sandbox.program("docker-registry")
        self.address = "127.0.0.1:%d" % free_port()
        config = sandbox.path("registry.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s\n"
                       "http:\n  addr: %s\n" % (config + ".d", self.address))
        sandbox.start([program, "serve", config], self.is_ready, "docker-registry")

    def is_ready(self):
        try:
            urllib.request.urlopen("http://%s/v2/" % self.address, timeout=5).close()
            return True
        except OSError:
            return False

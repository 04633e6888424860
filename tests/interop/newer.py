"""tests/interop/newer.py - newer engines than Debian 12 has, from a trixie in a folder."""

import json
import os
import subprocess

from tap import Skip
from tools import Docker, Podman, need_root

PACKAGES = "docker.io,docker-cli,podman,netavark,crun,ca-certificates,erofs-utils"

# In a mount namespace of its own, so that all of it is gone with the process. docker wants its root
# to be a mount point.
ENTER = r"""
set -e
root=$1 folder=$2 sockets=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
for point in proc sys dev; do mount --rbind /$point "$root/$point"; done
mount -t tmpfs tmpfs "$root/run"
for point in "$folder" "$sockets"; do mkdir -p "$root$point"; mount --bind "$point" "$root$point"; done
exec chroot "$root" "$@"
"""


class Trixie:
    """Made by debootstrap, which takes minutes; HOLDFAST_TRIXIE names one that was made before."""

    def __init__(self, sandbox):
        need_root()
        self.sandbox = sandbox
        self.root = os.environ.get("HOLDFAST_TRIXIE") or sandbox.path("trixie")
        if not os.path.exists(self.root):
            program = sandbox.program("debootstrap")
            try:
                sandbox.run([program, "--variant=minbase", "--include=" + PACKAGES, "trixie",
                             self.root], timeout=1800)
            except subprocess.CalledProcessError as why:
                last = (why.stdout + why.stderr).strip().splitlines()[-1:]
                raise Skip("no trixie can be made here: %s" % last) from why

    def enter(self, *command):
        return ["unshare", "--mount", "sh", "-c", ENTER, "sh", self.root, self.sandbox.folder,
                self.sandbox.sockets, *command]


class NewerDocker(Docker):
    """With its own image store, or with containerd's: there an ID is the digest of a manifest."""

    def __init__(self, sandbox, trixie, with_containerd=False):
        self.sandbox = sandbox
        self.program = sandbox.program("docker")
        if os.path.exists("/usr/bin/docker"):
            self.program = "/usr/bin/docker"
        name = "docker-containerd" if with_containerd else "docker-newer"
        folder, self.socket = sandbox.path(name), "%s/%s" % (sandbox.sockets, name)
        config = folder + ".json"
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"features": {"containerd-snapshotter": with_containerd}}, file)
        sandbox.start(trixie.enter(
            "dockerd", "--config-file", config, "--data-root", folder,
            "--exec-root", self.socket + ".exec", "-H", "unix://" + self.socket,
            "--pidfile", folder + ".pid", "--iptables=false", "--ip6tables=false",
            "--bridge=none"), self.is_ready, name)

    def version(self):
        return self.run("version", "--format", "{{.Server.Version}}").strip()


class NewerPodman(Podman):
    def __init__(self, sandbox, trixie):
        self.sandbox, self.trixie = sandbox, trixie
        self.places = ["--root", sandbox.path("podman"), "--runroot", sandbox.sockets + "/newer",
                       "--storage-driver", "overlay"]
        self.run("info")

    def run(self, *arguments):
        return self.sandbox.run(self.trixie.enter("podman", *self.places, "--log-level", "error",
                                                  *arguments))

    def version(self):
        return self.run("version", "--format", "{{.Client.Version}}").strip()

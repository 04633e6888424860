#!/usr/bin/env python3
"""fault-injection/peers.py - the harness on the stores of others: podman, docker and containerd load an
image, tell that they did, and the disk loses power. Every cut after that is looked at: is the image
there, and are its files what they were?

None of them promises that. They are here because a harness that finds nothing in Holdfast has to show
that it finds something.

    peers.py PEER EXPECTED PLACE FOLDER    what disk-replay runs on each state, mounted on FOLDER: prints
                                           "image STATE", and appends STATE to the file $SEEN"""

import contextlib
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time

sys.dont_write_bytecode = True
import rig  # noqa: E402
from commands import Image, docker_archive  # noqa: E402

NAME = "localhost/app:1"
FILES = 30
# A daemon that does not come up on what a cut has left serves nobody: that is told apart.
STATES = ABSENT, CORRUPT, WHOLE, DEAD = "absent", "corrupt", "whole", "dead"
START_SECONDS, CALL_SECONDS = 40, 120


def run(*words, data=False):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=not data,
                          timeout=CALL_SECONDS, check=False)


def digest_of_folder(top):
    digest = hashlib.sha256()
    for path, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            with open(os.path.join(path, name), "rb") as file:
                digest.update(name.encode() + file.read())
    return digest.hexdigest()


def digest_of_tar(data):
    """Of what is below data/: the others are the peer's own."""
    digest = hashlib.sha256()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {os.path.basename(member.name): tar.extractfile(member).read() for member in tar
                 if member.isfile() and member.name.startswith("data/")}
    for name in sorted(files):
        digest.update(name.encode() + files[name])
    return digest.hexdigest()


class Podman:
    programs = ("podman",)

    def __init__(self, place, private):
        self.base = ["podman", "--root", place + "/root", "--runroot", private + "/run", "--storage-driver",
                     "overlay"]

    def serving(self):
        return contextlib.nullcontext(True)

    def load(self, archive):
        return run(*self.base, "load", "-q", "-i", archive)

    def has(self):
        return run(*self.base, "image", "exists", NAME).returncode == 0

    def digest(self):
        mounted = run(*self.base, "image", "mount", NAME)
        if mounted.returncode != 0:
            return None
        found = digest_of_folder(mounted.stdout.strip())
        run(*self.base, "image", "unmount", NAME)
        return found


class Daemon:
    """Started for as long as it is needed, and ended by its process."""

    def __init__(self, place, private):
        self.place, self.private = place, private

    @contextlib.contextmanager
    def serving(self):
        with open(self.private + "/log", "ab") as log:
            daemon = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield self.comes_up(daemon)
        finally:
            daemon.terminate()
            try:
                daemon.wait(timeout=START_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def comes_up(self, daemon):
        deadline = time.monotonic() + START_SECONDS
        while daemon.poll() is None and time.monotonic() < deadline:
            if run(*self.client, *self.question).returncode == 0:
                return True
            time.sleep(0.1)
        return False


class Docker(Daemon):
    programs = ("dockerd", "docker")
    question = ("version",)

    def __init__(self, place, private):
        super().__init__(place, private)
        self.client = ["docker", "-H", "unix://%s/d.sock" % private]

    def command(self):
        return ["dockerd", "--data-root", self.place + "/root", "--exec-root", self.private + "/exec", "-H",
                "unix://%s/d.sock" % self.private, "--pidfile", self.private + "/pid", "--iptables=false",
                "--bridge=none", "--storage-driver", "overlay2"]

    def load(self, archive):
        return run(*self.client, "load", "-q", "-i", archive)

    def has(self):
        return run(*self.client, "image", "inspect", NAME).returncode == 0

    def digest(self):
        made = run(*self.client, "create", NAME, "nothing")
        out = run(*self.client, "export", made.stdout.strip(), data=True)
        return digest_of_tar(out.stdout) if made.returncode == 0 == out.returncode else None


class Containerd(Daemon):
    programs = ("containerd", "ctr")
    question = ("namespaces", "ls")  # its version it does not tell when a cut has emptied its UUID

    def __init__(self, place, private):
        super().__init__(place, private)
        self.client = ["ctr", "-a", private + "/c.sock"]

    def command(self):
        config = self.private + "/config.toml"
        with open(config, "w", encoding="ascii") as file:
            file.write('version = 2\nroot = "%s/root"\nstate = "%s/state"\n'
                       'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s/c.sock"\n'
                       % (self.place, self.private, self.private))
        return ["containerd", "--config", config]

    def load(self, archive):
        return run(*self.client, "images", "import", archive)

    def has(self):
        return NAME in run(*self.client, "images", "ls", "-q").stdout.split()

    def digest(self):
        top = self.private + "/view"
        os.makedirs(top, exist_ok=True)
        if run(*self.client, "images", "mount", NAME, top).returncode != 0:
            return None
        found = digest_of_folder(top)
        run(*self.client, "images", "unmount", top)
        return found


PEERS = {"podman": Podman, "docker": Docker, "containerd": Containerd}


def unmount_below(place):
    """What a peer has left mounted, the innermost first."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split()[1] for line in file]
    for point in reversed(points):
        if point.startswith(place + "/"):
            run("umount", point)


# --- one state -------------------------------------------------------------------------------------


def look(peer, expected):
    with peer.serving() as is_up:
        if not is_up:
            return DEAD
        if not peer.has():
            return ABSENT
        try:
            return WHOLE if peer.digest() == expected else CORRUPT
        except (OSError, tarfile.TarError):
            return CORRUPT


def look_at_state(name, expected, place, folder):
    """Where the store was: some refuse one that has moved."""
    private = os.path.dirname(place) + "/peer"
    shutil.rmtree(private, ignore_errors=True)
    os.makedirs(private)
    rig.call("mount", "--bind", folder, place)
    state = look(PEERS[name](place, private), expected)
    unmount_below(place)
    unmount_below(private)
    rig.unmount(place)
    with open(os.environ.get("SEEN", "/dev/null"), "a", encoding="ascii") as seen:
        seen.write(state + "\n")
    print("image", state)


# --- all of them -----------------------------------------------------------------------------------


def make_archive(path):
    """The digest of its files, as a look makes it."""
    chance, data, digest = random.Random(7), io.BytesIO(), hashlib.sha256()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(FILES):
            info, content = tarfile.TarInfo("data/%02d" % i), chance.randbytes(20_000)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            digest.update(b"%02d" % i + content)
    docker_archive(path, [Image(7, [data.getvalue()], [NAME])])
    return digest.hexdigest()


def record(work, kind, peer_class, archive):
    """The recording begins when the load is acknowledged, with all that the disk was given by then."""
    image, log = work.workplace.file("image"), work.workplace.file("log")
    rig.make_image(image, kind)
    disk = rig.CrashDisk(work.programs.crash_disk, work.workplace, image, kind, log)
    disk.mount()
    private = work.workplace.folder("peer")
    peer = peer_class(disk.mount_point, private)
    with peer.serving() as is_up:
        done = peer.load(archive) if is_up else None
        if done is None or done.returncode != 0:
            raise OSError("no image can be loaded: %s" % (done.stderr if done else "the daemon does not start"))
        disk.tell("record")
        disk.tell("mark fs %s %s" % (rig.KINDS[kind].fs_type, rig.KINDS[kind].options))
        disk.tell("mark begin peer\nimage ?")  # whatever is found is only counted
        time.sleep(work.options.wait)
    unmount_below(disk.mount_point)
    unmount_below(private)
    disk.close()


def judge(work, kind, name, expected):
    seen = work.workplace.file("seen-%s-%s" % (name, kind))
    command = "%s %s %s %s %s" % (sys.executable, os.path.abspath(__file__), name, expected,
                                  work.workplace.mount_point)
    done = subprocess.run([work.programs.replay, "--states", str(work.options.states), "--command", command,
                           work.workplace.file("log")], env={**os.environ, "SEEN": seen},
                          stdout=subprocess.PIPE, text=True, check=False)
    if not os.path.exists(seen):
        print(done.stdout)
        return []
    with open(seen, encoding="ascii") as file:
        return file.read().split()


def compare(work):
    archive = work.workplace.file("app.tar")
    expected = make_archive(archive)
    some = False
    for name, peer_class in PEERS.items():
        lack = [program for program in peer_class.programs if shutil.which(program) is None]
        if name not in work.options.peers or lack:
            print("%s: left out%s" % (name, ", needs " + lack[0] if lack else ""))
            continue
        for kind in work.options.fs:
            record(work, kind, peer_class, archive)
            states = judge(work, kind, name, expected)
            some = some or bool(states)
            print("%s on %s: %d states after the acknowledgement: %s" % (name, kind, len(states), ", ".join(
                "%d %s" % (states.count(state), state) for state in STATES)), flush=True)
    return 0 if some else rig.SKIPPED


if __name__ == "__main__":
    look_at_state(*sys.argv[1:])

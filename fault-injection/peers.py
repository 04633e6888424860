"""fault-injection/peers.py - the harness on somebody else's store: podman loads an image, tells that it
did, and the disk loses power. Every cut after that is looked at: is the image there, and are its files
what they were?

podman does not promise that they are. It is here because a harness that finds nothing in Holdfast
has to show that it finds something."""

import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile

import rig
from commands import Image, docker_archive

NAME = "localhost/app:1"
FILES = 30

# Run by disk-replay on each mounted state: it prints a name and what has become of it.
LOOK = r"""
import hashlib, os, shutil, subprocess, sys
expected, place, mounted_at = sys.argv[1:]
# podman refuses a store that has moved.
subprocess.run(["mount", "--bind", mounted_at, place], check=True)
base = ["podman", "--root", place + "/root", "--runroot", place + "/run", "--storage-driver", "overlay"]
def run(*words):
    return subprocess.run(base + list(words), capture_output=True, text=True, timeout=60)
state = "absent"
if run("image", "exists", "%s").returncode == 0:
    state = "corrupt"
    mounted = run("image", "mount", "%s")
    if mounted.returncode == 0:
        digest, top = hashlib.sha256(), mounted.stdout.strip()
        for path, folders, names in sorted(os.walk(top)):
            for name in sorted(names):
                with open(os.path.join(path, name), "rb") as file:
                    digest.update(name.encode() + file.read())
        state = "whole" if digest.hexdigest() == expected else "corrupt"
        run("image", "unmount", "%s")
subprocess.run(["umount", place + "/root/overlay"], capture_output=True)
subprocess.run(["umount", place], check=True)
with open(os.environ.get("SEEN", "/dev/null"), "a") as seen:
    seen.write(state + "\n")
print("image", state)
""" % (NAME, NAME, NAME)


def make_archive(path):
    """The digest of its files, as LOOK makes it."""
    chance, data, digest = random.Random(7), io.BytesIO(), hashlib.sha256()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(FILES):
            info, content = tarfile.TarInfo("data/%02d" % i), chance.randbytes(20_000)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            digest.update(b"%02d" % i + content)
    docker_archive(path, [Image(7, [data.getvalue()], [NAME])])
    return digest.hexdigest()


def load(folder, archive):
    subprocess.run(["podman", "--root", folder + "/root", "--runroot", folder + "/run",
                    "--storage-driver", "overlay", "load", "-q", "-i", archive],
                   check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)


def record(run, kind, archive):
    """The recording begins when the load is acknowledged, with all that the disk was given by then."""
    image, log = run.workplace.file("image"), run.workplace.file("log")
    rig.make_image(image, kind)
    disk = rig.CrashDisk(run.programs.crash_disk, run.workplace, image, kind, log)
    disk.mount()
    load(disk.mount_point, archive)
    disk.tell("record")
    disk.tell("mark fs %s %s" % (rig.KINDS[kind].fs_type, rig.KINDS[kind].options))
    disk.tell("mark begin podman\nimage ?")  # whatever is found is only counted
    subprocess.run(["sleep", str(run.options.wait)], check=True)
    subprocess.run(["umount", disk.mount_point + "/root/overlay"], capture_output=True, check=False)
    disk.close()


def compare(run):
    if shutil.which("podman") is None:
        print("skipped: needs podman")
        return rig.SKIPPED
    archive, script = run.workplace.file("app.tar"), run.workplace.file("look.py")
    expected = make_archive(archive)
    with open(script, "w", encoding="ascii") as file:
        file.write(LOOK)
    for kind in run.options.fs:
        seen = run.workplace.file("seen-" + kind)
        record(run, kind, archive)
        done = subprocess.run([run.programs.replay, "--states", str(run.options.states),
                               "--command", "%s %s %s %s" % (sys.executable, script, expected,
                                                           run.workplace.mount_point),
                               run.workplace.file("log")], env={**os.environ, "SEEN": seen},
                              stdout=subprocess.PIPE, text=True, check=False)
        with open(seen, encoding="ascii") as file:
            states = file.read().split()
        print("%s: %d states after the acknowledgement: %d absent, %d corrupt, %d whole" % (
            kind, len(states), states.count("absent"), states.count("corrupt"),
            states.count("whole")))
        if not states:
            print(done.stdout)
    return 0

"""tests/interop/sandbox.py - a folder for everything that a test writes, and the processes that it
starts. Both are gone when the test ends; only what was started here is stopped."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from tap import Skip

# Nothing of the user's configuration, and no proxy: all connections are to this machine.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""),
               "TZ": "UTC", "LC_ALL": "C.UTF-8"}
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH"):
    if name in os.environ:
        ENVIRONMENT[name] = os.environ[name]


class Sandbox:
    def __init__(self):
        # In the build folder: /tmp may be on a file system that a store refuses. No name of
        # tempfile's: podman takes paths for references, which may have no "_/" and no "-_".
        self.folder = os.path.join(os.getcwd(), "interop-" + os.urandom(6).hex())
        os.mkdir(self.folder)
        self.sockets = tempfile.mkdtemp(prefix="hf-")  # the path of a socket has 107 bytes at most
        self.environment = {**ENVIRONMENT, "HOME": self.folder, "TMPDIR": self.folder}
        self.processes = []
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            stop(process)
        for folder in (self.folder, self.sockets):
            unmount_below(folder)
            shutil.rmtree(folder, ignore_errors=True)

    def path(self, name):
        """A path of that name that is not in use yet."""
        self.count += 1
        folder = os.path.join(self.folder, str(self.count))
        os.mkdir(folder)
        return os.path.join(folder, name)

    def program(self, name):
        found = shutil.which(name, path=self.environment["PATH"])
        if not found:
            raise Skip("%s is not installed" % name)
        return found

    def run(self, command, **options):
        """Standard output; CalledProcessError, with what was said, for another exit code than 0."""
        options = {"capture_output": True, "text": True, "check": True, "timeout": 300,
                   "stdin": subprocess.DEVNULL, "env": self.environment, **options}
        return subprocess.run(command, **options).stdout

    def start(self, command, is_ready, name):
        """A server; Skip when it does not come up."""
        log = open(os.path.join(self.folder, name + ".log"), "wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=self.environment)
        log.close()
        self.processes.append(process)
        deadline = time.monotonic() + 60
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                with open(log.name, encoding="utf-8", errors="replace") as file:
                    last = file.read().strip().splitlines()[-1:] or ["it says nothing"]
                raise Skip("%s does not run here: %s" % (name, last[0]))
            time.sleep(0.05)
        return process


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def unmount_below(folder):
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split()[1] for line in file]
    for point in sorted((p for p in points if p.startswith(folder + "/")), reverse=True):
        subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]

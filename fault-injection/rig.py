"""fault-injection/rig.py - a file system on a disk that remembers what it was told, and everything it
takes to have one: a mount namespace, loop devices, the disk's process.

All of it ends with the process: the namespaces are its own, the kernel ends the processes in them
and undoes the mounts, and a loop device detaches itself when nobody has it open any more."""

import ctypes
import fcntl
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time

SKIPPED = 77  # for meson
LOOP_CONFIGURE, LOOP_CTL_GET_FREE, LOOP_AUTOCLEAR = 0x4C0A, 0x4C82, 4
MEBIBYTE = 1 << 20
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Kind:
    """A file system: how it is made and mounted."""

    def __init__(self, fs_type, size, make, options):
        self.fs_type, self.size, self.make, self.options = fs_type, size, make, options


def ext4(options, *make):
    return Kind("ext4", 64 * MEBIBYTE, ["mkfs.ext4", "-q", "-F", *make], "nodiscard," + options)


KINDS = {
    "ext4": ext4("data=ordered"),
    "ext4-writeback": ext4("data=writeback"),
    "ext4-journal": ext4("data=journal"),
    "ext4-fast-commit": ext4("data=ordered", "-O", "fast_commit"),
    "ext4-nodelalloc": ext4("nodelalloc"),
    "ext4-1k": ext4("data=ordered", "-b", "1024"),
    "xfs": Kind("xfs", 320 * MEBIBYTE, ["mkfs.xfs", "-q", "-f", "-K"], "nodiscard,nouuid"),
    "btrfs": Kind("btrfs", 128 * MEBIBYTE, ["mkfs.btrfs", "-q", "-f", "-K"], "nodiscard"),
}


def missing(kinds):
    """What this machine lacks for it, or None."""
    if os.geteuid() != 0:
        return "root"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(path):
            return path
    for kind in kinds:
        if shutil.which(KINDS[kind].make[0]) is None:
            return KINDS[kind].make[0]
    return None


def enter_namespaces():
    """Starts this program again where its mounts and processes are its own."""
    if os.getpid() != 1:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                              "--kill-child", "--mount-proc", sys.executable, *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(1))


def call(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise OSError("%s: %s" % (" ".join(command), done.stderr.strip()))


class Workplace:
    """A folder in memory."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="holdfast-disk-")
        call("mount", "-t", "tmpfs", "-o", "mode=0700", "holdfast-disk", self.path)
        self.mount_point = self.folder("mnt")

    def folder(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        return path

    def file(self, name):
        return os.path.join(self.path, name)

    def close(self):
        call("umount", "-l", self.path)
        os.rmdir(self.path)


class Loop:
    """A loop device over a file, for as long as it is open."""

    def __init__(self, path):
        backing = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        config = bytearray(304)
        struct.pack_into("II", config, 0, backing, 512)
        struct.pack_into("I", config, 8 + 52, LOOP_AUTOCLEAR)
        try:
            for _ in range(200):
                if self.attach(fcntl.ioctl(control, LOOP_CTL_GET_FREE), bytes(config)):
                    return
                time.sleep(0.005)
            raise OSError("no loop device is free")
        finally:
            os.close(control)
            os.close(backing)

    def attach(self, number, config):
        self.path = "/dev/loop%d" % number
        if not os.path.exists(self.path):
            os.mknod(self.path, stat.S_IFBLK | 0o600, os.makedev(7, number))
        self.fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self.fd, LOOP_CONFIGURE, config)
            return True
        except OSError:  # somebody else was faster
            os.close(self.fd)
            return False

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


def make_image(path, kind):
    """A disk of that kind, still nowhere mounted."""
    with open(path, "wb") as file:
        file.truncate(KINDS[kind].size)
    call(*KINDS[kind].make, path)


def mount(device, folder, kind):
    call("mount", "-t", KINDS[kind].fs_type, "-o", "noatime," + KINDS[kind].options, device, folder)


def unmount(folder):
    """Also a file system that has seen errors; a while, for what was killed goes on for a moment."""
    for _ in range(100):
        if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise OSError("%s can't be unmounted" % folder)


def sync_file_system(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    ctypes.CDLL(None, use_errno=True).syncfs(fd)
    os.close(fd)


class CrashDisk:
    """crash-disk with a mounted file system on it; `ctl` takes its commands."""

    def __init__(self, program, workplace, image, kind, log):
        self.kind, self.log, self.mount_point = kind, log, workplace.mount_point
        self.fuse = workplace.folder("fuse")
        self.process = subprocess.Popen([program, self.fuse, image, log], stdin=subprocess.DEVNULL)
        self.loop = self.ctl = None
        self.is_mounted = False
        deadline = time.monotonic() + 10
        while not os.path.exists(self.fuse + "/ctl"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise OSError("crash-disk does not start")
            time.sleep(0.005)
        self.ctl = os.open(self.fuse + "/ctl", os.O_RDWR | os.O_CLOEXEC)
        self.loop = Loop(self.fuse + "/disk")

    def mount(self):
        mount(self.loop.path, self.mount_point, self.kind)
        self.is_mounted = True

    def tell(self, text):
        os.write(self.ctl, text.encode())

    def record(self):
        sync_file_system(self.mount_point)
        self.tell("record")
        self.tell("mark fs %s %s" % (KINDS[self.kind].fs_type, KINDS[self.kind].options))

    def counts(self):
        """{"writes": n, "flushes": n, "failed": n}"""
        words = os.pread(self.ctl, 200, 0).decode().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def close(self):
        if self.is_mounted:
            unmount(self.mount_point)
            self.is_mounted = False
        if self.loop is not None:
            self.loop.close()
        if self.ctl is not None:
            os.close(self.ctl)
        self.process.terminate()
        if self.process.wait() != 0:
            raise OSError("crash-disk failed")


class Boot:
    """The kernel's boot ID, as far as the processes in here can see."""

    def __init__(self, workplace):
        self.path = workplace.file("boot-id")
        with open(BOOT_ID, encoding="ascii") as file:
            self.set(file.read())
        call("mount", "--bind", self.path, BOOT_ID)

    def set(self, text):
        with open(self.path, "w", encoding="ascii") as file:
            file.write(text)

    def again(self, chance):
        """As a machine does that boots."""
        digits = "%032x" % chance.getrandbits(128)
        self.set("-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])) + "\n")

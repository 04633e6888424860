"""tests/erofs/mounting.py - mounts images as an engine does, in a mount namespace of our own."""

import ctypes
import os
import re
import subprocess

MS_RDONLY, MS_REC, MS_PRIVATE = 1, 1 << 14, 1 << 18
CLONE_NEWNS = 0x20000
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, what + ": " + os.strerror(number))


def enter_namespace():
    """Mounts made from now on are seen by nobody else, and end with the process."""
    check(LIBC.unshare(CLONE_NEWNS), "unshare")
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")


def mount(source, target, options="", kind="erofs", flags=MS_RDONLY):
    check(LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()),
          "mount %s with %r" % (source, options))


def unmount(target):
    check(LIBC.umount2(target.encode(), 0), "umount " + target)


class Loop:
    """A loop device over a file, read-only; losetup so that a busy number is not ours to handle."""

    def __init__(self, path):
        self.device = subprocess.run(["losetup", "--find", "--show", "--read-only", path],
                                     check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def __enter__(self):
        return self.device

    def __exit__(self, *_):
        subprocess.run(["losetup", "--detach", self.device], check=True)


def kernel_can_mount_files():
    """EROFS over plain files came with Linux 6.12."""
    numbers = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(numbers[1]), int(numbers[2])) >= (6, 12)


def kernel_errors():
    """What the kernel says about EROFS since the start."""
    log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         check=False).stdout
    return [line for line in log.splitlines() if "erofs" in line and "mounted with" not in line]

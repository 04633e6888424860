#!/usr/bin/env python3
"""tests/erofs/test_mount.py MAKE-IMAGE [TAR...] - what the kernel shows of an image is what its tar says, in
every type, mode, owner, time, link, attribute and byte; fsck.erofs finds no fault.

Needs root, EROFS in the kernel, and loop devices; exit 77 without. With TARs, those instead of its own."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import mounting  # noqa: E402
import tars  # noqa: E402
import trees  # noqa: E402

SKIPPED = 77


def own_tars(top):
    def path(name):
        return os.path.join(top, name + ".tar")
    for name in ("every_type", "xattrs", "crowded"):
        getattr(tars, name)(path(name))
        yield path(name)
    tars.holes(os.path.join(top, "holes"))
    for options in (("--format=gnu",), ("--format=posix", "--sparse-version=0.0"),
                    ("--format=posix", "--sparse-version=0.1"),
                    ("--format=posix", "--sparse-version=1.0")):
        name = path("holes" + "-".join(options))
        tars.gnu_tar(name, os.path.join(top, "holes"), "--sparse", *options)
        yield name
    some = os.path.join(top, "some")
    os.mkdir(some)
    for folder in ("/usr/share/doc/base-files", "/usr/share/zoneinfo", "/etc/alternatives", "/bin/busybox"):
        if os.path.isdir(folder):
            shutil.copytree(folder, os.path.join(some, os.path.basename(folder)), symlinks=True)
        elif os.path.exists(folder):
            shutil.copy(folder, some)
    for form in ("gnu", "posix", "ustar"):
        tars.gnu_tar(path("some-" + form), some, "--format=" + form)
        yield path("some-" + form)


class Test:
    def __init__(self, make_image, top):
        self.make_image = make_image
        self.top = top
        self.folder = os.path.join(top, "mounted")
        self.image = {form: os.path.join(top, form) for form in ("index", "full")}
        self.failures = 0
        self.comparisons = 0
        os.mkdir(self.folder)

    def compare(self, what, expected, source, options=""):
        try:
            mounting.mount(source, self.folder, options)
        except OSError as error:
            if error.errno != errno.ENOTBLK:  # tmpfs, for one, cannot be read by EROFS
                raise
            print("not done:", what, error)
            return
        try:
            differences = trees.differences(expected, trees.of_folder(self.folder))
        finally:
            mounting.unmount(self.folder)
        self.comparisons += 1
        self.failures += bool(differences)
        print("%s %s: %d entries" % ("FAIL" if differences else "ok", what, len(expected)))
        print("".join("  %s\n" % line[:600] for line in differences[:5]), end="")

    def fsck(self, what, image):
        result = subprocess.run(["fsck.erofs", image], stdout=subprocess.PIPE, text=True,
                                stderr=subprocess.STDOUT, check=False)
        if result.returncode != 0:
            self.failures += 1
            print("FAIL fsck.erofs %s: %s" % (what, result.stdout))

    def run(self, tar):
        name = os.path.basename(tar)
        for form, image in self.image.items():
            print(name, form, subprocess.run([self.make_image, form, tar, image], check=True,
                                             stdout=subprocess.PIPE, text=True).stdout, end="")
        expected = trees.of_tar(tar)
        index, full = self.image["index"], self.image["full"]
        if mounting.kernel_can_mount_files():
            self.compare(name + " index, from files", expected, index, "device=" + tar)
            self.compare(name + " full, from a file", expected, full)
        with mounting.Loop(index) as first, mounting.Loop(tar) as second:
            self.compare(name + " index, from loop devices", expected, first, "device=" + second)
        with mounting.Loop(full) as only:
            self.compare(name + " full, from a loop device", expected, only)
        # fsck.erofs of erofs-utils 1.5 knows no blocks of 512 bytes; the full form has the same tree.
        # A newer one checks the index in tests/interop/test_newer.py.
        if shutil.which("fsck.erofs"):
            self.fsck(name, full)

    def stack(self):
        """Two layers under overlayfs: whiteouts and opaque directories do their work."""
        def path(name):
            return os.path.join(self.top, name)
        expected = tars.layers(path("lower.tar"), path("upper.tar"))
        for name in ("lower", "upper"):
            subprocess.run([self.make_image, "full", path(name + ".tar"), path(name)], check=True,
                           stdout=subprocess.DEVNULL)
            os.mkdir(path("on-" + name))
        with mounting.Loop(path("lower")) as lower, mounting.Loop(path("upper")) as upper:
            mounting.mount(lower, path("on-lower"))
            mounting.mount(upper, path("on-upper"))
            mounting.mount("overlay", self.folder, "lowerdir=%s:%s" % (path("on-upper"),
                                                                       path("on-lower")), "overlay")
            actual = {}
            for folder, _, files in os.walk(self.folder):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as file:
                        actual[os.path.relpath(file.name, self.folder)] = file.read()
            for folder in (self.folder, path("on-upper"), path("on-lower")):
                mounting.unmount(folder)
        self.comparisons += 1
        self.failures += actual != expected
        print("ok" if actual == expected else "FAIL", "two layers:", sorted(actual))


def main():
    try:
        mounting.enter_namespace()
    except OSError as error:
        print("skipped:", error)
        return SKIPPED
    with open("/proc/filesystems", encoding="ascii") as file:
        if "erofs" not in file.read() or not os.path.exists("/dev/loop-control"):
            print("skipped: no EROFS or no loop devices")
            return SKIPPED
    before = mounting.kernel_errors()
    with tempfile.TemporaryDirectory() as top:
        test = Test(sys.argv[1], top)
        for tar in sys.argv[2:] or own_tars(top):
            test.run(os.path.abspath(tar))
        test.stack()
        told = mounting.kernel_errors()[len(before):]
        if told:
            test.failures += 1
            print("FAIL the kernel says:", *told, sep="\n  ")
        print("%d comparisons, %d failures" % (test.comparisons, test.failures))
        return 1 if test.failures or not test.comparisons else 0


if __name__ == "__main__":
    sys.exit(main())

"""tests/interop/test_older_kernel.py - Linux 6.1, which can't mount plain files, mounts images all the
same, and 6.12 mounts them directly; and a machine that is reset keeps what was acknowledged.

Only with HOLDFAST_TEST_LONG, because the kernels are fetched for it."""

import os
import re
import sys

import archives
from archives import GZIP, Image, OciTar, busybox_layer, named, small_layer, squeezed
from guest import Guest
from suite import equal, main
from tap import Skip
from tools import need_root

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "erofs"))
import tars  # noqa: E402

APP = "example.org/app:1"
PACKED = "example.org/packed:1"
MADE = "example.org/made:1"
DEBIAN_12, BACKPORT = "linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64"

# All that both busyboxes can tell of a tree; a folder's size and links are the file system's affair.
TREE = r"""
tree() {
    (cd "$1" && find . -print0 | sort -z | xargs -0 stat -c '%N %f %u %g %t:%T %Y' &&
        find . -type f -print0 | sort -z | xargs -0 sha256sum)
}
"""
HERE = "== tree\n"


class Cases:
    def __init__(self, suite):
        self.suite, self.holdfast = suite, suite.holdfast
        self.guest = None
        need_root()

    def ready(self, kernel=DEBIAN_12):
        """A machine with the archives of two images on its disk: plain layers and compressed ones."""
        if not os.environ.get("HOLDFAST_TEST_LONG"):
            raise Skip("only with HOLDFAST_TEST_LONG")
        odd = self.suite.path("odd.tar")
        tars.every_type(odd)
        with open(odd, "rb") as file:
            layers = [busybox_layer(), file.read(), small_layer(3)]
        app = self.suite.write("app.tar", archives.docker_archive(Image(layers, APP)))
        tar = OciTar()
        packed = self.suite.write("packed.tar", tar.end([named(
            tar.manifest(Image(layers[::2]), squeezed, GZIP), PACKED, "1")]))
        self.guest = Guest(self.suite.sandbox, self.holdfast.command, kernel)
        self.guest.make_disk({"app.tar": app, "packed.tar": packed})
        self.holdfast.fresh()
        for path in app, packed:
            self.holdfast.run("load", "-q", "-i", path)

    def tree_here(self, name):
        point = self.suite.path("point")
        os.mkdir(point)
        self.holdfast.run("mount", name, point)
        try:
            return self.suite.sandbox.run(["/bin/busybox", "sh", "-c", TREE + 'tree "$0"', point])
        finally:
            self.holdfast.run("umount", point)

    def mounts(self, kernel, version, works):
        """In the ways that work there, the first of which the command finds by itself."""
        self.ready(kernel)
        said = self.guest.run(TREE + """
            uname -r
            holdfast load -q -i /disk/app.tar
            holdfast load -q -i /disk/packed.tar
            for how in direct loop; do
                holdfast mount --how $how %(app)s /point || continue
                echo "it is mounted: $how, $(losetup -a | wc -l) loop devices"
                holdfast umount /point
            done
            for how in "" "--how full"; do
                for name in %(app)s %(packed)s; do
                    holdfast mount $how $name /point
                    echo "== tree"
                    tree /point
                    echo "== tree"
                    holdfast umount /point
                done
            done
            holdfast fsck --full
            """ % {"app": APP, "packed": PACKED})
        assert said.startswith(version), said[:100]
        equal(re.findall(r"it is mounted: (.*) loop devices", said), works, said[:2000])
        equal(said.split(HERE)[1::2], [self.tree_here(APP), self.tree_here(PACKED)] * 2)

    def reset(self):
        """In the middle of all that a boot ends: an image is mounted twice, a load has begun."""
        self.ready()
        self.guest.run("""
            holdfast load -q -i /disk/app.tar
            mkdir /space
            holdfast mount %(app)s /point
            holdfast mount --rw work %(app)s /space
            echo kept >/space/etc/kept
            sync -f /space/etc/kept
            holdfast commit work %(made)s
            (head -c 1000000 /disk/packed.tar; sleep 1000) | holdfast load -q -i - &
            sleep 2
            """ % {"app": APP, "made": MADE})
        said = self.guest.run("""
            holdfast images --format '{{.Repository}}:{{.Tag}}'
            holdfast recover
            holdfast mounts
            holdfast hold ls
            echo "== kept"
            mkdir /space
            holdfast mount --rw work %(app)s /space
            cat /space/etc/kept
            holdfast umount /space
            holdfast mount %(made)s /point
            cat /point/etc/kept
            holdfast umount /point
            holdfast fsck --full
            """ % {"app": APP, "made": MADE})
        before, after = said.split("== kept\n")
        equal(sorted(re.findall(r"^\S+:\S+$", before, re.M)), [APP, MADE], before)
        assert "2 mounts ended with an earlier boot" in before, before
        equal(re.findall(r" (mount|workspace) ", before), ["workspace"], before)
        equal(after.splitlines()[:2], ["kept", "kept"], said)

    def older(self):
        run = self.suite.run
        run("Linux 6.1 mounts images through loop devices", self.mounts, DEBIAN_12, "6.1.", ["loop, 6"])
        run("Linux 6.12 mounts images directly", self.mounts, BACKPORT, "6.12.", ["direct, 0", "loop, 6"])
        run("a reset ends mounts, and loses nothing acknowledged", self.reset)


main(Cases, ("older",))

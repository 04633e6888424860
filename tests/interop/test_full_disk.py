"""tests/interop/test_full_disk.py - a small file system that gets full in every operation: a clear
error, nothing left behind, and a store that is usable at once.

After each attempt names, objects and files are as before or as after a success, the independent
checker has no complaint, and what is free has not shrunk by more than the log's next segments."""

import os
import re
import subprocess

import archives
from archives import Image, layer, small_layer
from suite import equal, main
from tap import Skip
from tools import full_name, need_root

MIB = 1 << 20
SIZE = 48 * MIB
LOG_MAX = 4 * MIB  # segments that a failed attempt may have made
FULL = r"[Nn]o space left|disk is full|file system is full|quota"
LONG = bool(os.environ.get("HOLDFAST_TEST_LONG"))


def zipped(image):
    tar = archives.OciTar()
    made = tar.manifest(image, archives.squeezed, archives.GZIP)
    return tar.end([archives.named(made, full_name(image.tags[0]))])


class Disk:
    """A mounted file system of SIZE bytes."""

    def __init__(self, sandbox, kind, inodes=None):
        need_root()
        self.point = sandbox.path("mnt")
        os.mkdir(self.point)
        if kind == "tmpfs":
            command = ["mount", "-t", "tmpfs", "-o", "size=%d" % SIZE, "tmpfs", self.point]
        else:
            image = sandbox.path("disk")
            with open(image, "wb") as file:
                file.truncate(SIZE)
            more = ["-N", str(inodes)] if inodes else []
            sandbox.run([sandbox.program("mkfs.ext4"), "-q", "-m", "0", "-J", "size=4", *more, image])
            command = ["mount", "-o", "loop", image, self.point]
        try:
            sandbox.run(command)
        except subprocess.CalledProcessError as why:
            raise Skip("no %s can be mounted here: %s" % (kind, why.stderr.strip())) from why
        self.sandbox = sandbox
        self.ballast = self.point + "/ballast"

    def free(self):
        found = os.statvfs(self.point)
        return found.f_bavail * found.f_bsize

    def fill(self, leave=0):
        """Until `leave` bytes are free, and not one when that is 0."""
        os.sync()
        with open(self.ballast, "ab", buffering=0) as file:
            size = MIB
            while size >= 512:
                if self.free() - leave < size and leave:
                    size //= 2
                    continue
                try:
                    if file.write(bytes(size)) < size:
                        size //= 2
                except OSError:
                    size //= 2
            os.fsync(file.fileno())

    def empty(self):
        os.unlink(self.ballast)
        os.sync()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sandbox.run(["umount", self.point])


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        self.disk = None
        self.one = Image([small_layer(1, 2 * MIB)], "app:1")
        self.two = Image([small_layer(1, 2 * MIB), small_layer(2, MIB)], "app:2")
        self.many = Image([small_layer(i, 100) for i in range(40)], "app:many")
        self.kept = {full_name(tag): image.shown
                     for image in (self.one, self.two) for tag in image.tags}
        self.archives = {image: suite.write(image.tags[0].replace(":", "-"),
                                            archives.docker_archive(image))
                         for image in (self.one, self.two, self.many)}
        self.new = suite.write("new", archives.docker_archive(
            Image([small_layer(3, 2 * MIB)], "new:1")))
        self.large = suite.write("large", archives.docker_archive(
            Image([small_layer(4, SIZE)], "large:1")))
        self.zipped = suite.write("zipped", zipped(Image([small_layer(5, MIB)], "zipped:1")))
        self.root = suite.write("root", small_layer(6, 2 * MIB))
        self.large_root = suite.write("large-root", layer({"f": bytes(SIZE)}))
        self.small_root = suite.write("small-root", layer({"f": b"f" * 100_000}))

    # --- what holds after every attempt --------------------------------------------------------

    def files(self):
        """{path: size} of what a user has paid for, and what must not be left over."""
        found = {}
        for folder, _, names in os.walk(self.holdfast.root):
            place = os.path.relpath(folder, self.holdfast.root)
            for name in names:
                if place not in ("wal", "catalog"):
                    found[os.path.join(place, name)] = os.path.getsize(os.path.join(folder, name))
        return found

    def contents(self):
        return self.suite.sandbox.run([self.holdfast.check, self.holdfast.root, "--live", "--print"])

    def fails(self, *arguments, **options):
        """For want of space, in one sentence, and nothing has changed."""
        files, contents, free = self.files(), self.contents(), self.disk.free()
        done = self.holdfast.try_it(*arguments, **options)
        said = "%s: exit %d: %s%s" % (arguments, done.returncode, done.stdout, done.stderr)
        assert done.returncode == 1, said
        assert re.fullmatch(r"holdfast: [^\n]+\n", done.stderr), said
        assert re.search(FULL, done.stderr), said
        equal(self.files(), files, said)
        equal(self.contents(), contents, said)
        assert self.disk.free() >= free - LOG_MAX, "%d bytes are gone" % (free - self.disk.free())

    def works(self, *arguments):
        out = self.holdfast.run(*arguments)
        self.holdfast.is_whole()
        return out

    def works_or_fails(self, *arguments):
        """Did it work?"""
        files, contents = self.files(), self.contents()
        done = self.holdfast.try_it(*arguments)
        if done.returncode == 0:
            self.holdfast.is_whole()
            return True
        assert done.returncode == 1 and re.search(FULL, done.stderr), done.stderr
        equal(self.files(), files, done.stderr)
        equal(self.contents(), contents, done.stderr)
        return False

    def with_store(self, kind, body, *arguments, inodes=None):
        with Disk(self.suite.sandbox, kind, inodes) as self.disk:
            self.holdfast.root = self.disk.point + "/store"
            for image in (self.one, self.two):
                self.works("load", "-q", "-i", self.archives[image])
            body(*arguments)
            # Whatever has happened: it is whole after a recovery too, and goes on.
            if os.path.exists(self.disk.ballast):
                self.disk.empty()
            self.works("recover")
            self.suite.sandbox.run([self.holdfast.check, self.holdfast.root, "--after-recovery"])
            self.works("load", "-q", "-i", self.new)
            assert full_name("new:1") in self.holdfast.images()

    # --- operations that are too large -----------------------------------------------------------

    def too_large(self, *arguments):
        for _ in range(2):
            self.fails(*arguments)
        equal(self.holdfast.images(), self.kept)
        self.works("tag", "app:1", "usable:1")

    def too_large_save(self):
        """Neither the file nor a part of it is left, and an older one of that name stays."""
        target = self.disk.point + "/out.tar"
        self.disk.fill(leave=MIB)
        for form in ("hybrid", "docker-archive", "oci-archive", "oci-dir"):
            before = sorted(os.listdir(self.disk.point))
            self.fails("save", "--format", form, "-o", target, "app:1")
            equal(sorted(os.listdir(self.disk.point)), before, form)
        archives.write(target, b"older")
        self.fails("save", "-o", target, "app:1")
        with open(target, "rb") as file:
            equal(file.read(), b"older")
        with open("/dev/full", "wb") as full:
            done = self.holdfast.try_it("save", "app:1", capture_output=False, stdout=full,
                                        stderr=subprocess.PIPE)
        assert done.returncode == 1 and re.search(FULL, done.stderr), done.stderr

    # --- a disk with no byte left ------------------------------------------------------------------

    def full(self):
        self.disk.fill()
        self.fails("load", "-i", self.new)
        self.fails("import", self.small_root, "imported:1")
        self.fails("save", "-o", self.disk.point + "/out.tar", "app:1")
        self.works("images")
        self.works("inspect", "app:1")
        self.works("rmi", "app:2")
        equal(list(self.holdfast.images()), [full_name("app:1")])
        assert self.disk.free() >= MIB, "rmi gave back no space"
        self.disk.empty()
        self.works("load", "-q", "-i", self.archives[self.two])
        equal(self.holdfast.images(), self.kept)

    def full_then_load(self):
        """What rmi gives back is enough to load that image again."""
        self.disk.fill()
        self.works("rmi", "app:1", "app:2")
        equal(self.holdfast.images(), {})
        self.works("load", "-q", "-i", self.archives[self.one])

    def full_of_names(self):
        """Names until the log has no room: then an error, and names can still be dropped."""
        self.disk.fill()
        count = 0
        while count < 1200 and self.works_or_fails("tag", "app:1", "tag:%d" % count):
            count += 1
        self.works("rmi", "app:2")
        self.works("untag", *["tag:%d" % i for i in range(min(count, 20))])
        self.works("rmi", "-f", self.one.id)
        equal(self.holdfast.images(), {})

    def full_of_holds(self):
        self.disk.fill()
        if self.works_or_fails("hold", "add", "--owner", "me", "app:1"):
            assert "me" in self.works("hold", "ls")

    def full_prune(self):
        self.disk.fill()
        self.works("prune", "-a", "-f")
        equal(self.holdfast.images(), {})
        self.works("load", "-q", "-i", self.archives[self.one])

    def removals_when_full(self):
        """Many removals, each on a disk that is filled again."""
        for i in range(40 if LONG else 12):
            self.works("tag", "app:1", "removed:%d" % i)
        for i in range(40 if LONG else 12):
            self.disk.fill()
            self.works("rmi", "removed:%d" % i)
        self.disk.fill()
        self.works("rmi", "app:1")
        self.works("rmi", "app:2")

    # --- every amount of space ---------------------------------------------------------------------

    def sweep(self, command, *back):
        """Space runs out at each step: in the log, in the staging, in the folders. `back` undoes it."""
        worked, failed, kept = 0, 0, self.holdfast.images()
        step = 64 << 10 if LONG else 256 << 10
        for leave in [0, 512, 4096, 8192, 16384, 32768, *range(step, 6 * MIB, step)]:
            self.disk.fill(leave)
            if self.works_or_fails(*command):
                worked += 1
                for undo in back:
                    self.works(*undo)
            else:
                failed += 1
            self.disk.empty()
        assert worked and failed, "%s worked %d times and failed %d" % (command, worked, failed)
        equal(self.holdfast.images(), kept)

    def sweep_load(self):
        self.sweep(("load", "-q", "-i", self.new), ("rmi", "new:1"))

    def sweep_deriving_load(self):
        """A compressed layer, its plain form and its index."""
        self.sweep(("load", "-q", "-i", self.zipped), ("rmi", "zipped:1"))

    def sweep_commit(self):
        self.sweep(("commit", "-q", "--diff", self.root, "--parent", "app:1", "new:1"),
                   ("rmi", "new:1"))

    def sweep_mount(self):
        """The first one, which derives what --lazy has left out."""
        self.works("load", "-q", "--lazy", "-i", self.zipped)
        point = self.suite.sandbox.path("point")
        os.mkdir(point)
        self.sweep(("mount", "zipped:1", point), ("umount", point), ("prune", "--derived", "-f"))

    def sweep_workspace(self):
        point = self.suite.sandbox.path("point")
        os.mkdir(point)
        self.sweep(("mount", "--rw", "work", "app:1", point), ("umount", point),
                   ("workspace", "rm", "work"))

    def full_unpack(self):
        """What was unpacked of it stays, as of tar; what is in the store is as it was."""
        target = self.disk.point + "/tree"
        self.disk.fill(leave=MIB)
        files, contents = self.files(), self.contents()
        done = self.holdfast.try_it("unpack", "app:1", target)
        assert done.returncode == 1 and re.search(FULL, done.stderr), done.stderr
        equal((self.files(), self.contents()), (files, contents))

    def no_inodes(self):
        self.fails("load", "-i", self.archives[self.many])
        self.works("rmi", "app:2")
        equal(list(self.holdfast.images()), [full_name("app:1")])

    # --- a store that can't be made ------------------------------------------------------------------

    def not_made(self, kind):
        with Disk(self.suite.sandbox, kind) as self.disk:
            self.holdfast.root = self.disk.point + "/store"
            for leave in (0, 4096, 65536, MIB, 3 * MIB // 2, 2 * MIB):  # the image alone has 2
                self.disk.fill(leave)
                done = self.holdfast.try_it("load", "-q", "-i", self.new)
                assert done.returncode == 1 and re.search(FULL, done.stderr), \
                    "%d: %s" % (leave, done.stderr)
                self.holdfast.is_whole()
                equal(self.holdfast.images() if os.path.exists(self.holdfast.root + "/FORMAT")
                      else {}, {})
                self.disk.empty()
            self.works("load", "-q", "-i", self.new)
            equal(list(self.holdfast.images()), [full_name("new:1")])

    def on(self, kind):
        for name, body, *arguments in (
                ("a load that is too large", self.too_large, "load", "-i", self.large),
                ("an import that is too large", self.too_large, "import", self.large_root, "x:1"),
                ("a save that is too large", self.too_large_save),
                ("full: load, import and save fail, rmi works, load works", self.full),
                ("full: rmi of all, then a load", self.full_then_load),
                ("full: tag until the log is full, then rmi and untag", self.full_of_names),
                ("full: hold", self.full_of_holds),
                ("full: prune -a", self.full_prune),
                ("full: removal after removal", self.removals_when_full),
                ("unpack", self.full_unpack),
                ("load, with more and more space", self.sweep_load),
                ("load that derives, with more and more space", self.sweep_deriving_load),
                ("commit, with more and more space", self.sweep_commit),
                ("first mount, with more and more space", self.sweep_mount)):
            self.suite.run("%s: %s" % (kind, name), self.with_store, kind, body, *arguments)
        self.suite.run("%s: no space to make a store" % kind, self.not_made, kind)

    def ext4(self):
        self.on("ext4")
        self.suite.run("ext4: mount with a workspace, with more and more space", self.with_store,
                       "ext4", self.sweep_workspace)
        self.suite.run("ext4: no inodes", lambda: self.with_store("ext4", self.no_inodes, inodes=60))

    def tmpfs(self):
        self.on("tmpfs")


main(Cases, ("ext4", "tmpfs"))

"""tests/interop/test_unpack.py - what `holdfast mount` shows of an image and what `holdfast unpack`
makes of it is what podman and docker show of it, in every path; and runc and crun start it, mounted
and as a bundle.

docker and podman differ from each other and from themselves in what they show for folders without
an entry of their own; the images here have none of these where a time or mode is compared. A
whiteout and a folder of the same name in one layer, which no engine writes, is left out: on overlayfs
both forget the whiteout, while the specification, our index and their own other drivers heed it."""

import hashlib
import io
import json
import os
import stat
import subprocess
import tarfile

import archives
from archives import Image
from suite import equal, main
from tools import need_root

APP = "example.org/app:1"
LONG = bool(os.environ.get("HOLDFAST_TEST_LONG"))
TIME = 1700000000
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep


def entry(name, kind=tarfile.REGTYPE, data=b"", link="", mode=0o644, owner=(0, 0), time=TIME,
          device=(0, 0), xattrs=()):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime, info.size = kind, link, time, len(data)
    info.mode, (info.uid, info.gid), (info.devmajor, info.devminor) = mode, owner, device
    for key, value in xattrs:
        info.pax_headers["SCHILY.xattr." + key] = value.decode("utf-8", "surrogateescape")
    return info, data


def folder(name, mode=0o755, **more):
    return entry(name, tarfile.DIRTYPE, mode=mode, **more)


def layer(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8",
                      errors="surrogateescape") as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def busybox():
    with open("/bin/busybox", "rb") as file:
        return file.read()


# All that the ways of showing a tree keep. Entries that several layers have, each as layers of
# engines have them: with the folders above.
LOWER = (
    folder("bin"), entry("bin/busybox", data=busybox(), mode=0o4755),
    entry("bin/sh", tarfile.SYMTYPE, link="busybox"), entry("bin/hard", tarfile.LNKTYPE, link="bin/busybox", mode=0o4755),
    folder("etc", 0o751, owner=(0, 42)), entry("etc/passwd", data=b"root:x:0:0::/:/bin/sh\n", time=TIME - 9),
    folder("tmp", 0o1777), folder("usr"), folder("usr/lib"), entry("usr/lib/a", data=b"a", time=TIME + .25),
    entry("lib", tarfile.SYMTYPE, link="usr/lib"), entry("lib64", tarfile.SYMTYPE, link="usr/lib"),
    folder("gone"), entry("gone/x"), folder("gone/d"), entry("gone/d/y"), entry("dropped", data=b"1"),
    folder("opaque"), entry("opaque/low"), folder("opaque/sub"), entry("opaque/sub/low"),
    folder("replaced"), entry("replaced/x"), entry("becomes-folder", data=b"file"),
    entry("fifo", tarfile.FIFOTYPE, mode=0o620, owner=(3, 4)),
    entry("null", tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
    entry("cap", data=b"cap", mode=0o755, xattrs=[("security.capability", CAPABILITY)]),
    entry("owned", data=b"o" * 5000, owner=(1234, 567), mode=0o6711),
    entry("n" * 200, data=b"long"), entry("\u00e4\u00f6", data=b"utf-8"))
UPPER = (
    entry(".wh.gone"), entry(".wh.dropped"), folder("opaque", 0o700, time=TIME + 3),
    entry("opaque/.wh..wh..opq"), entry("opaque/new", data=b"new"),
    entry("replaced", data=b"a file now"), folder("becomes-folder", time=TIME + 4),
    entry("becomes-folder/x", data=b"x"), folder("usr", time=TIME + 6), folder("usr/lib", time=TIME + 7),
    entry("usr/lib/b", data=b"b"), folder("lib", time=TIME + 8), entry("lib/only", data=b"only"),
    folder("same", time=TIME + 10), entry("same/target", data=b"t"),
    entry("way", tarfile.SYMTYPE, link="/same"), entry("way/through", data=b"through"))
# Here a folder has no entry of its own: only types and bytes can be compared.
IMPLICIT = (entry("lib64/through", data=b"?"), entry("etc/deep/er/file", data=b"deep"))


def seen(top):
    """{path: all that can be known of it}"""
    found, links = {}, {}
    for where, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(where, name)
            info = os.lstat(path)
            what = [stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid,
                    info.st_mtime_ns]
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    what.append(hashlib.sha256(file.read()).hexdigest())
            elif stat.S_ISLNK(info.st_mode):
                what.append(os.readlink(path))
            elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
                what.append(info.st_rdev)
            what.append(sorted((key, os.getxattr(path, key, follow_symlinks=False))
                               for key in os.listxattr(path, follow_symlinks=False)
                               if not key.startswith("trusted.overlay.")))
            name = os.path.relpath(path, top)
            if not stat.S_ISDIR(info.st_mode):
                links.setdefault((info.st_dev, info.st_ino), []).append(name)
            found[name] = what
    for names in links.values():
        for name in names:
            found[name].append(sorted(names))
    return found


def without(found, *fields):
    return {name: [value for i, value in enumerate(what) if i not in fields]
            for name, what in found.items()}


class Cases:
    def __init__(self, suite):
        self.suite = suite
        self.holdfast = suite.holdfast
        need_root()

    def image(self, *layers):
        return self.suite.write("in.tar", archives.docker_archive(Image(list(layers), APP)))

    def unpacked(self, path, cut=lambda found: found):
        """Mounted it is the same."""
        self.holdfast.load(path)
        out, point = self.suite.path("out"), self.suite.path("point")
        self.holdfast.run("unpack", APP, out)
        found = seen(out)
        os.mkdir(point)
        self.holdfast.run("mount", APP, point)
        try:
            self.differences(cut(seen(point)), cut(found))
        finally:
            self.holdfast.run("umount", point)
        return found

    def differences(self, have, want):
        """Readable, where thousands of paths are compared."""
        equal({name: have.get(name) for name in have.keys() | want if have.get(name) != want.get(name)},
              {name: want.get(name) for name in have.keys() | want if have.get(name) != want.get(name)})
        assert len(have) > 10

    # --- podman ----------------------------------------------------------------------------------

    def mounted_by_podman(self, path):
        podman = self.suite.podman
        podman.load(path)
        point = podman.run("image", "mount", APP).strip()
        try:
            return seen(point)
        finally:
            podman.run("image", "umount", APP)

    def podman_shows(self, path):
        self.differences(self.unpacked(path), self.mounted_by_podman(path))

    def podman(self):
        self.suite.run("podman mounts what is unpacked: one layer",
                       lambda: self.podman_shows(self.image(layer(*LOWER))))
        self.suite.run("podman mounts what is unpacked: whiteouts, opaque folders, replacements",
                       lambda: self.podman_shows(self.image(layer(*LOWER), layer(*UPPER))))
        self.suite.run("podman mounts the same paths and bytes: folders without entries",
                       self.implicit)
        self.suite.run("podman mounts what is unpacked: built by buildah", self.built)
        if LONG:
            self.suite.run("podman mounts what is unpacked: 200 layers",
                           lambda: self.podman_shows(self.image(*self.many_layers())))
            self.suite.run("podman mounts what is unpacked: minbase, and python3 with git",
                           lambda: self.podman_shows(self.distribution()))

    def many_layers(self):
        """Each adds a file and takes one away that the tenth before it added."""
        yield layer(*LOWER)
        for i in range(200):
            more = [entry(".wh.many-%d" % (i - 10))] if i >= 10 else []
            yield layer(entry("many-%d" % i, data=b"%d" % i, time=TIME + i), *more)

    def distribution(self):
        """A Debian root file system, and what its package manager adds in a layer of its own."""
        sandbox = self.suite.sandbox
        debootstrap, root = sandbox.program("debootstrap"), self.suite.path("root")
        lower, upper = self.suite.path("lower.tar"), self.suite.path("upper.tar")
        sandbox.run([debootstrap, "--variant=minbase", "bookworm", root], timeout=900)
        sandbox.run(["tar", "--numeric-owner", "--xattrs", "-C", root, "-cf", lower, "."])
        sandbox.run(["chroot", root, "apt-get", "install", "-y", "-qq", "--no-install-recommends",
                     "python3", "git"], timeout=900)
        sandbox.run(["tar", "--numeric-owner", "--xattrs", "-N", lower, "-C", root, "-cf", upper, "."])
        return self.suite.write("in.tar", archives.docker_archive(
            Image([open(path, "rb").read() for path in (lower, upper)], APP)))

    def implicit(self):
        path = self.image(layer(*LOWER), layer(*IMPLICIT))

        def cut(found):
            return {name: (what[0], what[5:6]) for name, what in found.items()}

        self.differences(cut(self.unpacked(path, cut)), cut(self.mounted_by_podman(path)))

    def built(self):
        """Layers as an engine writes them: RUN with removals, renames, links."""
        podman = self.suite.podman
        podman.load(self.image(layer(*LOWER[:9])))
        context = self.suite.path("context")
        os.mkdir(context)
        with open(context + "/Dockerfile", "w", encoding="ascii") as file:
            file.write("FROM %s\nENV PATH=/bin\n" % APP +
                       "RUN busybox mkdir -p /a/b && echo 1 > /a/b/f && busybox ln /a/b/f /a/h\n"
                       "RUN busybox rm -r /a/b && busybox mv /usr/lib /usr/moved && busybox rm /etc/passwd\n"
                       "RUN busybox rm -r /a && busybox mkdir /a && echo 2 > /a/g && busybox ln -s g /a/s"
                       " && busybox chmod 4711 /a/g && busybox chown 7:8 /a/g\n")
        podman.buildah("bud", "--isolation", "chroot", "--layers", "-q", "-t", APP, context)
        path = self.suite.path("built.tar")
        podman.run("save", "-q", "-o", path, APP)
        self.podman_shows(path)

    # --- docker ----------------------------------------------------------------------------------

    def exported_by_docker(self, path):
        """docker's tar of a container, unpacked by tar; docker itself adds files to it."""
        docker = self.suite.docker
        docker.load(path)
        docker.run("create", "--name", "shown", APP, "sh")
        exported = self.suite.path("export.tar")
        try:
            docker.run("export", "-o", exported, "shown")
        finally:
            docker.run("rm", "shown")
        out = self.suite.path("exported")
        os.mkdir(out)
        self.suite.sandbox.run(["tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-C", out,
                                "-xpf", exported])
        return seen(out)

    ADDED = ("dev", "proc", "sys", ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf",
             "etc/mtab")

    def docker_shows(self, path):
        """Seconds only: docker's export has no fractions."""
        def cut(found):
            return {name: what[:4] + [what[4] // 10**9] + what[5:] for name, what in found.items()
                    if name not in self.ADDED and not name.startswith("dev/") and name != "etc"}
        self.differences(cut(self.unpacked(path)), cut(self.exported_by_docker(path)))

    def docker(self):
        self.suite.run("docker exports what is unpacked: one layer",
                       lambda: self.docker_shows(self.image(layer(*LOWER))))
        self.suite.run("docker exports what is unpacked: whiteouts, opaque folders, replacements",
                       lambda: self.docker_shows(self.image(layer(*LOWER), layer(*UPPER))))

    # --- runtimes --------------------------------------------------------------------------------

    def start(self, is_mounted, *command):
        image = Image([layer(*LOWER[:6], folder("proc"), folder("sys"), folder("dev"))], APP)
        config = json.loads(image.config)
        config["config"] = {"Entrypoint": ["/bin/sh", "-c"], "WorkingDir": "/etc", "User": "app",
                            "Env": ["PATH=/bin", "WORD=hello"],
                            "Cmd": ["echo $WORD; pwd; busybox id -u; busybox id -G; busybox cat passwd"]}
        more = layer(folder("etc"), entry("etc/passwd", data=b"app:x:12:34::/:/bin/sh\n"),
                     entry("etc/group", data=b"app:x:34:\nmore:x:56:app\n"))
        image.layers.append(more)
        config["rootfs"]["diff_ids"].append(archives.digest(more))
        image.config = json.dumps(config).encode()
        self.holdfast.load(self.suite.write("in.tar", archives.docker_archive(image)))
        bundle = self.suite.path("bundle")
        self.holdfast.run("unpack", "--bundle", APP, bundle)
        if is_mounted:
            self.holdfast.run("mount", "--rw", "container", APP, bundle + "/rootfs")
        try:
            self.run_bundle(bundle, *command)
        finally:
            if is_mounted:
                self.holdfast.run("umount", bundle + "/rootfs")

    def run_bundle(self, bundle, *command):
        state = self.suite.path("state")
        program = self.suite.sandbox.program(command[0])
        # crun refuses a machine with both versions of cgroups mounted; here it sees one.
        alone = ["unshare", "--mount", "sh", "-c",
                 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"', "sh"]
        said = self.suite.sandbox.run([*alone, program, "--root", state, *command[1:], "run",
                                       "--bundle", bundle, "hf%d" % os.getpid()], cwd=bundle)
        equal(said, "hello\n/etc\n12\n34 56\napp:x:12:34::/:/bin/sh\n")

    def runtimes(self):
        for what, is_mounted in ("a bundle", False), ("a mounted image", True):
            self.suite.run("runc starts " + what, self.start, is_mounted, "runc")
            self.suite.run("crun starts " + what, self.start, is_mounted, "crun",
                           "--cgroup-manager=disabled")


main(Cases, ("podman", "docker", "runtimes"))

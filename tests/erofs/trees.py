"""tests/erofs/trees.py - what a tar says, as tarfile reads it, and what a mounted folder is."""

import hashlib
import os
import stat
import tarfile


def digest(file):
    total = hashlib.sha256()
    while piece := file.read(1 << 20):
        total.update(piece)
    return total.hexdigest()


KINDS = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b",
         tarfile.FIFOTYPE: "p"}


def nanoseconds(member):
    """The time as the pax header wrote it: a float would lose digits."""
    text = member.pax_headers.get("mtime")
    if text is None:
        return int(member.mtime) * 10**9
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("-").partition(".")
    return sign * (int(whole) * 10**9 + int((fraction + "0" * 9)[:9]))


def of_tar(path):
    """A dictionary from path to facts. Good for tars without surprises: no whiteouts, nothing twice, no
    symlinks on the way."""
    tree = {"": implicit()}
    with tarfile.open(path) as tar:
        for member in tar:
            name = os.path.normpath("/" + member.name).lstrip("/")
            up = os.path.dirname(name)
            while up and up not in tree:
                tree[up] = implicit()
                up = os.path.dirname(up)
            if member.islnk():
                tree[name] = tree[os.path.normpath("/" + member.linkname).lstrip("/")]
                tree[name]["names"] += 1
                continue
            kind = KINDS.get(member.type, "f")
            tree[name] = {
                "kind": kind, "mode": 0o777 if kind == "l" else member.mode & 0o7777, "uid": member.uid, "gid": member.gid,
                "mtime": nanoseconds(member), "names": 1,
                "xattrs": {key[len("SCHILY.xattr."):]: value.encode("utf-8", "surrogateescape")
                           for key, value in member.pax_headers.items()
                           if key.startswith("SCHILY.xattr.")},
                "link": member.linkname if kind == "l" else None,
                "device": (member.devmajor, member.devminor) if kind in "cb" else None,
                "size": member.size if kind == "f" else None,
                "sha256": digest(tar.extractfile(member)) if kind == "f" else None,
            }
    return tree


def implicit():
    return {"kind": "d", "mode": 0o755, "uid": 0, "gid": 0, "mtime": 0, "names": 1, "xattrs": {},
            "link": None, "device": None, "size": None, "sha256": None}


def of_path(path):
    status = os.lstat(path)
    kind = {stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
            stat.S_IFIFO: "p", stat.S_IFREG: "f"}[stat.S_IFMT(status.st_mode)]
    facts = {
        "kind": kind, "mode": stat.S_IMODE(status.st_mode), "uid": status.st_uid,
        "gid": status.st_gid, "mtime": status.st_mtime_ns,
        "names": 1 if kind == "d" else status.st_nlink,
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False)
                   for name in os.listxattr(path, follow_symlinks=False)},
        "link": os.readlink(path) if kind == "l" else None,
        "device": (os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in "cb" else None,
        "size": status.st_size if kind == "f" else None, "sha256": None}
    if kind == "f":
        with open(path, "rb") as file:
            facts["sha256"] = digest(file)
    return facts, (status.st_ino, status.st_nlink)


def of_folder(top):
    """The same of what is mounted; also the links between names, and the link counts of directories."""
    tree, same, folders = {}, {}, 0
    for folder, names, files in os.walk(top):
        for path in [folder] + [os.path.join(folder, name) for name in files] + [
                os.path.join(folder, name) for name in names
                if os.path.islink(os.path.join(folder, name))]:
            relative = os.path.relpath(path, top)
            relative = "" if relative == "." else relative
            facts, (inode, links) = of_path(path)
            tree[relative] = facts
            if facts["kind"] == "d":
                real = [name for name in names if not os.path.islink(os.path.join(path, name))]
                assert links == 2 + len(real), (relative, links, real)
                folders += 1
            elif links > 1:
                same.setdefault(inode, []).append(relative)
                assert facts == tree[same[inode][0]]
    for inode, paths in same.items():
        assert len(paths) == tree[paths[0]]["names"], (inode, paths)
    assert folders > 0
    return tree


def differences(expected, actual):
    lines = []
    for name in sorted(expected.keys() | actual.keys()):
        left, right = expected.get(name), actual.get(name)
        if left != right:
            lines.append("%r: tar %r\n    image %r" % (name, left, right))
    return lines

"""What a file system of layers looks like when OCI's rules are applied to their tars, by hand: the
independent reading that commits are compared with. And the same picture of a real folder."""

import io
import os
import stat
import tarfile

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
KINDS = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link",
         tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}


class Node:
    """One inode; several paths may lead to it."""

    def __init__(self, **fields):
        self.fields = fields
        self.paths = []

    def shown(self):
        return {**self.fields, "paths": sorted(self.paths)}


def nanoseconds(member):
    text = member.pax_headers.get("mtime", str(int(member.mtime)))
    whole, _, part = text.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0")[:9] or 0)


def xattrs_of(member):
    prefix = "SCHILY.xattr."
    return {name[len(prefix):]: value.encode("utf-8", "surrogateescape")
            for name, value in member.pax_headers.items() if name.startswith(prefix)}


def node_of(tar, member):
    kind = KINDS[member.type]
    return Node(kind=kind, uid=member.uid, gid=member.gid, xattrs=xattrs_of(member),
                mtime=nanoseconds(member), mode=0o777 if kind == "link" else member.mode,
                data=tar.extractfile(member).read() if kind == "file" else b"",
                target=member.linkname if kind == "link" else "",
                device=(member.devmajor, member.devminor) if kind in ("char", "block") else None)


def below(tree, path):
    return [name for name in tree if name.startswith(path + "/") or path == ""]


def apply(tree, data):
    """Put a layer on {path: node}."""
    new = set()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            path = os.path.normpath(member.name).lstrip("/")
            folder, name = os.path.split(path)
            if path == ".":
                continue
            if name == OPAQUE:
                for old in [old for old in below(tree, folder) if old not in new]:
                    del tree[old]
            elif name.startswith(WHITEOUT):
                gone = os.path.join(folder, name[len(WHITEOUT):])
                for old in [gone, *below(tree, gone)]:
                    if old in tree and old not in new:
                        del tree[old]
            else:
                node = tree[member.linkname] if member.islnk() else node_of(tar, member)
                if path not in tree or tree[path].fields["kind"] != "dir" or \
                        node.fields["kind"] != "dir":
                    for old in [path, *below(tree, path)]:
                        tree.pop(old, None)
                tree[path] = node
                new.add(path)


def picture_of_layers(layers):
    tree = {}
    for data in layers:
        apply(tree, data)
    for path, node in tree.items():
        node.paths.append(path)
    return {path: node.shown() for path, node in tree.items()}


def xattrs_in(path):
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False)}


def picture_of_folder(root):
    """Sockets are left out, as from layers."""
    nodes, tree = {}, {}
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link",
             stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo"}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            full = os.path.join(folder, name)
            found = os.lstat(full)
            if stat.S_ISSOCK(found.st_mode):
                continue
            kind = kinds[stat.S_IFMT(found.st_mode)]
            key = (found.st_dev, found.st_ino) if kind != "dir" else full
            if key not in nodes:
                data = b""
                if kind == "file":
                    with open(full, "rb") as file:
                        data = file.read()
                nodes[key] = Node(
                    kind=kind, uid=found.st_uid, gid=found.st_gid, xattrs=xattrs_in(full),
                    mtime=found.st_mtime_ns, mode=stat.S_IMODE(found.st_mode), data=data,
                    target=os.readlink(full) if kind == "link" else "",
                    device=(os.major(found.st_rdev), os.minor(found.st_rdev))
                    if kind in ("char", "block") else None)
            path = os.path.relpath(full, root)
            nodes[key].paths.append(path)
            tree[path] = nodes[key]
    return {path: node.shown() for path, node in tree.items()}

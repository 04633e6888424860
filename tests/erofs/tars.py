"""tests/erofs/tars.py - tars of every kind whose trees tarfile can tell."""

import io
import os
import subprocess
import tarfile


def add(tar, name, kind=tarfile.REGTYPE, data=b"", **facts):
    member = tarfile.TarInfo(name)
    member.type = kind
    member.size = len(data)
    for key, value in facts.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(data))


def every_type(path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "./", tarfile.DIRTYPE, mode=0o1777, uid=1, gid=2, mtime=5)
        add(tar, "./empty", mode=0o4755, uid=70000, gid=2**32 - 2)
        add(tar, "./one", data=b"x")
        add(tar, "./block", data=b"b" * 512)
        add(tar, "./page", data=os.urandom(4096))
        add(tar, "./more", data=os.urandom(100001), mtime=1700000000.25)
        add(tar, "./old", data=b"before 1970", pax_headers={"mtime": "-1.5"})
        add(tar, "./exact", data=b"ns", pax_headers={"mtime": "1712345678.123456789"})
        add(tar, "./far", data=b"later", pax_headers={"mtime": "9999999999.000000001"})
        add(tar, "./fifo", tarfile.FIFOTYPE, mode=0o600)
        add(tar, "./null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
        add(tar, "./disk", tarfile.BLKTYPE, devmajor=259, devminor=70000, mode=0o660)
        add(tar, "./short-link", tarfile.SYMTYPE, linkname="one", mode=0o777)
        add(tar, "./long-link", tarfile.SYMTYPE, linkname="x" * 450, mode=0o777)
        add(tar, "./longest-link", tarfile.SYMTYPE, linkname=("y" * 200 + "/") * 20 + "z" * 75)
        add(tar, "./made/without/entry", data=b"implicit")
        add(tar, "./late/file", data=b"1")
        add(tar, "./late", tarfile.DIRTYPE, mode=0o700, uid=3, mtime=7)
        add(tar, "./hard", tarfile.LNKTYPE, linkname="./one")
        add(tar, "/late/hard", tarfile.LNKTYPE, linkname="/one")
        add(tar, "./hard-link-of-symlink", tarfile.LNKTYPE, linkname="./short-link")
        add(tar, "./" + "n" * 255, data=b"long")
        for odd in ("-", "!", " ", "..a", ".-", ".", "\u00e4", "a\nb", "..."):
            add(tar, "odd/" + odd, tarfile.DIRTYPE if odd == "." else tarfile.REGTYPE, mode=0o644
                if odd != "." else 0o755)


def xattrs(path):
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        def headers(**more):
            return {"SCHILY.xattr." + key.replace("_", "."): value.decode("utf-8")
                    if isinstance(value, bytes) else value for key, value in more.items()}
        add(tar, "ping", data=b"elf", pax_headers=headers(security_capability=capability))
        add(tar, "user", data=b"1", pax_headers=headers(user_a="1", user_bb="", user_c="v" * 700))
        add(tar, "folder", tarfile.DIRTYPE, pax_headers=headers(user_on="folder", trusted_t="x"))
        add(tar, "link", tarfile.SYMTYPE, linkname="t" * 100,
            pax_headers=headers(trusted_on_link="y" * 450))
        add(tar, "big", pax_headers=headers(user_big="z" * 60000))
        for number in range(40):
            add(tar, "folder/f%d" % number, data=b"d" * number,
                pax_headers=headers(user_number="%d" % number * number))


def layers(lower, upper):
    """Two layers, and what overlayfs must make of them."""
    with tarfile.open(lower, "w") as tar:
        for name in ("dir/gone", "dir/kept", "opaque/old", "tree/below", "file", "replaced"):
            add(tar, name, data=b"lower")
    with tarfile.open(upper, "w") as tar:
        for name in (".wh.file", "dir/.wh.gone", "opaque/.wh..wh..opq", ".wh.tree", ".wh.replaced",
                     ".wh.never"):
            add(tar, name)
        for name in ("dir/added", "opaque/new", "tree/above", "replaced"):
            add(tar, name, data=b"upper")
    return {"dir/kept": b"lower", "dir/added": b"upper", "opaque/new": b"upper",
            "tree/above": b"upper", "replaced": b"upper"}


def crowded(path):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(5000):
            add(tar, "many/name-%d" % (number * 7919 % 100000), data=b"%d" % number)
        for number in range(300):
            add(tar, "long/%03d%s" % (number, "l" * 252), tarfile.DIRTYPE)
        add(tar, "d/" * 300 + "deep", data=b"deep")


def holes(folder):
    """Files with holes, for GNU tar to find."""
    os.makedirs(folder)
    for name, size, pieces in (
            ("all-hole", 1 << 26, ()), ("begin", 1 << 20, ((0, 4096),)),
            ("end", (1 << 20) + 5, ((1 << 20, 5),)), ("middle", 1 << 22, ((1 << 21, 70000),)),
            ("comb", 1 << 20, tuple((n * 16384, 4096) for n in range(40))),
            ("ragged", 3 * 4096 + 100, ((4096, 4096), (3 * 4096, 100)))):
        with open(os.path.join(folder, name), "wb") as file:
            for offset, length in pieces:
                file.seek(offset)
                file.write(os.urandom(length))
            file.truncate(size)


def gnu_tar(path, folder, *options):
    subprocess.run(["tar", "--create", "--file", path, "--numeric-owner", *options, "-C", folder,
                    "."], check=True)

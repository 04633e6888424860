"""tests/checker/wrong_files.py - files that are lost, wrong or left over."""

import os

from cases import *  # noqa: F403
from legal import committed_and_still_staged, things_in_the_making

@wrong(r"the bytes of sha256:\w+ are nowhere")
def lost_blob(store):
    del store.blobs[list(store.image(5))[0]]


@wrong(r"the bytes of sha256:\w+ are nowhere", LIVE, CUT)
def lost_staged_file(store):
    committed_and_still_staged(store)
    store.files.popitem()


@wrong(r"does not hash to its name")
def blob_with_rot(store):
    digest = list(store.image(5))[0]
    store.blobs[digest] = store.blobs[digest][:-1] + b"!"


@wrong(r"staging/\S+ does not hash to its name", LIVE, CUT)
def staged_file_with_rot(store):
    committed_and_still_staged(store)
    path = list(store.files)[0]
    store.files[path] = store.files[path][:-1] + b"!"


@wrong(r"has \d+ bytes, its object \d+")
def blob_cut_short(store):
    digest = list(store.image(5))[0]
    store.blobs[digest] = store.blobs[digest][:-1]


@wrong(r"does not fit the checksum of its object")
def object_with_another_checksum(store):
    data = b"data"
    store.blobs[sha256(data)] = data
    change(store, Changes().put(b"O" + sha256(data), value_O(4, 1)).put(
        b"Nx", value_N(sha256(data))).put(edge_N(sha256(data), "x")))


@wrong(r"blobs/sha256/\w+ \(7 bytes\) is accounted for by nothing")
def blob_of_nobody(store):
    store.blobs[sha256(b"residue")] = b"residue"


@wrong(r"blobs/sha256/\w+ \(7 bytes\) is accounted for by nothing")
def blob_of_an_absent_object(store):
    digest = sha256(b"absent!")
    store.blobs[digest] = b"absent!"
    image = list(store.image(5))[-1]
    references = [digest, *list(store.image(5))[:2]]
    change(store, Changes().put(b"O" + digest, value_O(7, 0, state=ABSENT)).put(
        edge_O(digest, image)).put(b"O" + image, object_of(b'{"manifest":5}', references)))


@wrong(r"blobs/sha256/tmp is no name")
def temporary_file_among_blobs(store):
    store.files["blobs/sha256/tmp"] = b""


@wrong(r"blobs/md5 is no name")
def unknown_algorithm(store):
    store.files["blobs/md5/1234"] = b""


@wrong(r"staging/0/\S+ \(4 bytes\) is accounted for by nothing", LIVE)
def staged_file_of_nobody(store):
    store.files["staging/0/%016x-0" % 4096000] = b"half"


@wrong(r"staging/1/\S+ \(4 bytes\) is accounted for by nothing", LIVE)
def staged_file_in_another_slot(store):
    txn = store.intent()
    store.files["staging/1/%016x-0" % txn] = b"half"


@wrong(r"staging/0/\S+ \(4 bytes\) is still there", RECOVERED)
def staged_file_after_recovery(store):
    store.files["staging/0/%016x-0" % 4096000] = b"half"


@wrong(r"staging/0/what is no name")
def strange_file_in_staging(store):
    store.files["staging/0/what"] = b"half"


@wrong(r"staging/00 is no name")
def strange_slot(store):
    store.files["staging/00/%016x-0" % 4096] = b"half"


@wrong(r"trash/\S+ \(3 bytes\) is still there", RECOVERED)
def trash_after_recovery(store):
    store.files["trash/%s.%016x" % ("ab" * 32, 4096)] = b"old"


@wrong(r"trash/old is no name")
def strange_file_in_trash(store):
    store.files["trash/old"] = b"old"


@wrong(r"is still there", RECOVERED)
def open_transaction_after_recovery(store):
    store.intent()


@wrong(r"the entry X sha256:\w+ is still there", RECOVERED)
def removal_after_recovery(store):
    store.remove("app:5", store.image(5), done=False)


@wrong(r"(wal|catalog|FORMAT).new is left over", RECOVERED)
def things_in_the_making_after_recovery(store):
    things_in_the_making(store)


@wrong(r"wal/extra is no name")
def strange_file_in_wal(store):
    store.files["wal/extra"] = b""


@wrong(r"catalog/extra is no name")
def strange_file_in_catalog(store):
    store.files["catalog/extra"] = b""


@wrong(r"readers does not belong into a store")
def strange_file_in_the_root(store):
    store.files["readers"] = b""


@wrong(r"lock has 1 bytes and mode 0600")
def lock_with_bytes(store):
    store.files["lock"] = b"x"


@wrong(r"lock has 0 bytes and mode 0644")
def lock_for_everybody(store):
    return lambda root: os.chmod(os.path.join(root, "lock"), 0o644)


@wrong(r"catalog is missing")
def missing_folder(store):
    store.__init__()
    return lambda root: os.rmdir(os.path.join(root, "catalog"))


@wrong(r"wal/spare has 4096 bytes")
def short_spare(store):
    store.spare = bytes(4096)


@wrong(r"is no regular file")
def symbolic_link_for_a_blob(store):
    digest = list(store.image(5))[0]

    def write(root):
        path = os.path.join(root, "blobs", digest_path(digest))
        os.rename(path, os.path.join(root, "../elsewhere"))
        os.symlink("../../../elsewhere", path)
    del store.blobs[digest]
    store.files["blobs/" + digest_path(digest)] = store.image(5)[digest][0]
    return write

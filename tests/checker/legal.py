"""tests/checker/legal.py - stores that are as they should be."""

import os
import shutil
import struct

from cases import *  # noqa: F403

@legal()
def empty_store(store):
    store.__init__()


@legal()
def rich_store(store):
    pass


@legal()
def checkpoints_of_many_levels(store):
    store.__dict__ = rich(leaf_entries=2, fanout=2).__dict__


@legal()
def log_deleted_up_to_the_older_checkpoint(store):
    store.__init__()
    store.load("app:1", store.image(1))
    store.checkpoint()
    store.switch()
    store.load("app:2", store.image(2))
    store.checkpoint()
    store.load("app:3", store.image(3))
    store.sync()
    del store.segments[0]


@legal(LIVE, CUT)
def open_transaction_with_staged_files(store):
    image = store.image(9)
    txn = store.intent()
    store.stage(image, txn)
    store.record(CLAIM, Changes().put(b"C" + list(image)[0] + struct.pack(">Q", txn)), txn)


@legal(LIVE, CUT)
def committed_and_still_staged(store):
    image = store.image(9)
    txn = store.intent(3)
    store.stage(image, txn, 3)
    store.commit_image(txn, "app:9", image, 3)


@legal(LIVE, CUT)
def committed_and_linked(store):
    committed_and_still_staged(store)
    store.publish(store.image(9))


@legal(LIVE, CUT)
def committed_and_linked_beside_a_wrong_blob(store):
    committed_and_still_staged(store)
    store.blobs[list(store.image(9))[0]] = b"what was there before"


@legal(LIVE, CUT)
def committed_and_staging_cleared(store):
    committed_and_still_staged(store)
    store.publish(store.image(9))
    store.files = {}


@legal(LIVE, CUT)
def removed_before_it_was_published(store):
    committed_and_still_staged(store)
    store.remove("app:9", store.image(9), done=False)


@legal(LIVE, CUT)
def removal_before_the_bytes_left(store):
    store.remove("app:5", store.image(5), done=False)


@legal(LIVE, CUT)
def removal_with_bytes_in_trash(store):
    txn = store.remove("app:5", store.image(5), done=False)
    for digest in store.image(5):
        store.files["trash/%s.%016x" % (digest[1:].hex(), txn)] = store.blobs.pop(digest)


@legal(CUT)
def staged_file_of_an_unknown_intent(store):
    store.files["staging/0/%016x-0" % 4096000] = b"half"


@legal()
def empty_slot_and_quarantine(store):
    store.files["quarantine/%s.%016x" % ("ab" * 32, 4096)] = b"rot"
    return lambda root: os.mkdir(os.path.join(root, "staging/0"))


@legal()
def folder_of_the_file_system(store):
    return lambda root: os.mkdir(os.path.join(root, "lost+found"))


@legal(LIVE, CUT)
def bytes_that_leave_beside_an_absent_object(store):
    digest = sha256(b"absent!")
    store.blobs[digest] = b"absent!"
    image = list(store.image(5))[-1]
    references = [digest, *list(store.image(5))[:2]]
    change(store, Changes().put(b"O" + digest, value_O(7, 0, state=ABSENT)).put(
        b"X" + digest, struct.pack("<Q", 4096)).put(edge_O(digest, image)).put(
            b"O" + image, object_of(b'{"manifest":5}', references)))


@legal(LIVE, CUT)
def torn_tail(store):
    store.log.junk.append((store.log.position, b"\x40" * 500))


@legal(LIVE, CUT)
def valid_records_behind_a_torn_one(store):
    gap = store.log.position
    payload = Changes().payload()
    store.log.append(CLAIM, payload, durable=gap, transaction=gap)
    store.log.append(CLAIM, payload, durable=gap, transaction=gap)
    store.log.junk.append((gap, bytes(64)))


@legal(LIVE, CUT)
def torn_commit_whose_copy_is_whole(store):
    at = store.record(COMMIT, Changes().put(b"Mkeep-old", b"0"))
    store.log.junk.append((at, bytes(72)))


@legal(LIVE, CUT)
def torn_long_commit_whose_pad_and_copy_are_whole(store):
    at = store.record(COMMIT, Changes().put(b"Mkeep-old", b"0" * 6000))
    store.log.junk.append((at, bytes(72)))


@legal(LIVE, CUT)
def commit_whose_copy_is_torn(store):
    store.record(COMMIT, Changes().put(b"Mkeep-old", b"0"))
    last = store.log.parts[-1]
    store.log.junk.append((last[0], bytes(16)))


@legal(LIVE, CUT)
def commit_whose_pad_is_torn(store):
    store.record(COMMIT, Changes().put(b"Mkeep-old", b"0"))
    last = store.log.parts[-2]
    store.log.junk.append((last[0], bytes(16)))


@legal()
def taken_over_in_the_middle(store):
    store.load("app:7", store.image(7))
    store.durable = records(store, -1, COMMIT)[-1][0]
    old = store.log
    store.take_over()
    # What was torn in the old segment is nobody's business any more.
    old.junk.append((store.log.first + 640, b"junk" * 8))


@legal()
def commit_that_ends_a_block(store):
    room = -(store.log.position + 64 + len(Changes().put(b"Mx", b"").payload())) % BLOCK
    store.record(COMMIT, Changes().put(b"Mx", b"x" * room))
    assert store.log.parts[-1][0] == records(store, -1, COMMIT)[-1][0] + len(store.log.parts[-2][1])
    store.sync()


@legal()
def commit_that_leaves_no_room_for_a_pad(store):
    room = -(store.log.position + 64 + 32 + len(Changes().put(b"Mx", b"").payload())) % BLOCK
    store.record(COMMIT, Changes().put(b"Mx", b"x" * room))
    assert len(store.log.parts[-2][1]) == BLOCK + 32
    store.sync()


@legal()
def record_in_a_segment_longer_than_ordinary(store):
    store.switch()
    store.log.size = 5 << 20
    for i in range(4):
        store.record(COMMIT, Changes().put(b"Mx", bytes([i]) * 500000))
    store.sync()


@legal()
def sha512_absent_and_damaged(store):
    data, other = b"a blob named by SHA-512", b"another"
    index = sha512(b"index")
    kinds = [(sha512(data), object_of(data)), (sha256(other), value_O(7, 0, state=ABSENT)),
             (sha256(b"lost"), value_O(4, 99, state=DAMAGED))]
    changes = Changes().put(b"O" + index, object_of(b"index", [kind[0] for kind in kinds]))
    for digest, value in kinds:
        changes.put(b"O" + digest, value).put(edge_O(digest, index))
    changes.put(b"Nr@sha512", value_N(index, 1)).put(edge_N(index, "r@sha512"))
    store.record(COMMIT, changes)
    store.sync()
    store.blobs.update({index: b"index", sha512(data): data})


@legal()
def spare_with_what_an_unfinished_takeover_wrote(store):
    store.spare = b"\x55" * 3 * BLOCK + bytes(SEGMENT_BYTES - 3 * BLOCK)


@legal()
def no_spare(store):
    store.spare = None


@legal(LIVE, CUT)
def things_in_the_making(store):
    store.files.update({"wal/new": b"half", "catalog/new": b"half", "FORMAT.new": b"half"})


@legal()
def making_of_a_store_interrupted(store):
    store.__init__()
    return lambda root: os.unlink(os.path.join(root, "FORMAT"))


@legal()
def nothing_at_all(store):
    return lambda root: shutil.rmtree(root)


@legal()
def shared_of_this_boot(store):
    return lambda root: shared_bytes(root, store)


@legal()
def shared_of_another_boot_says_nothing(store):
    return lambda root: shared_bytes(root, store, durable=1 << 40, boot=b"another boot's ID"[:16])


@legal(LIVE, CUT)
def shared_behind_the_log(store):
    return lambda root: shared_bytes(root, store, tail=4096, durable=4096, state=1)

"""tests/checker/wrong_log.py - damage in the log and in `shared`."""

import os
import struct

from cases import *  # noqa: F403
from legal import commit_whose_copy_is_torn, torn_commit_whose_copy_is_whole, torn_tail

@wrong(r"shared tells segment \d+, tail", RECOVERED)
def shared_with_another_tail(store):
    return lambda root: shared_bytes(root, store, tail=4096)


@wrong(r"shared tells segment \d+ durable", RECOVERED)
def shared_that_failed(store):
    return lambda root: shared_bytes(root, store, state=3)


@wrong(r"shared has state 4")
def shared_with_an_unknown_state(store):
    return lambda root: shared_bytes(root, store, state=4)


@wrong(r"no valid record at position \d+, but the log was durable up to")
def shared_calls_durable_what_is_gone(store):
    return lambda root: shared_bytes(root, store, durable=store.log.position + 64)


@wrong(r"there are bytes behind the last record", RECOVERED)
def torn_tail_after_recovery(store):
    torn_tail(store)


@wrong(r"only its COPY is valid", RECOVERED)
def torn_commit_after_recovery(store):
    torn_commit_whose_copy_is_whole(store)


@wrong(r"only its COPY is valid")
def rot_in_a_commit_that_was_durable(store):
    at = records(store, -1, COMMIT)[0][0]
    store.log.junk.append((at + 70, b"\xff"))


@wrong(r"is not repeated as it should be", RECOVERED)
def commit_without_its_copy_at_the_end(store):
    commit_whose_copy_is_torn(store)
    store.log.parts.pop()
    store.log.junk.clear()


@wrong(r"the COMMIT at \d+ is not repeated")
def commit_without_its_copy_in_the_middle(store):
    at = store.log.commit(Changes().payload(), copy=False, durable=store.durable,
                          transaction=store.log.position)
    store.log.append(CLAIM, Changes().payload(), durable=at, transaction=at)


@wrong(r"the COMMIT at \d+ is not repeated")
def copy_that_says_something_else(store):
    at = store.log.append(COMMIT, Changes().payload("a"), durable=store.durable,
                          transaction=store.log.position)
    store.log.repeat(at, Changes().payload("b"), durable=store.durable, transaction=at)


@wrong(r"the PAD at \d+ does not follow a COMMIT")
def pad_out_of_place(store):
    store.log.append(PAD, bytes(64), durable=store.durable)


@wrong(r"the COPY at \d+ does not follow a COMMIT")
def copy_out_of_place(store):
    store.log.append(COMMIT, Changes().payload(), flags=COPY, original=4096, durable=store.durable,
                     transaction=4096)


@wrong(r"has an original and is no COPY")
def original_without_copy(store):
    at = store.log.position
    store.log.append(CLAIM, Changes().payload(), original=4096, durable=store.durable,
                     transaction=at)


@wrong(r"has transaction \d+, which is none")
def record_of_a_later_transaction(store):
    at = store.log.position
    store.log.append(CLAIM, Changes().payload(), durable=store.durable, transaction=at + 64)


@wrong(r"the INTENT at \d+ is not the first record")
def intent_in_the_middle_of_a_transaction(store):
    txn = store.intent()
    store.record(INTENT, Changes().put(key_T(txn), value_T(OPEN, 0)), txn)


@wrong(r"no valid record at position \d+, though the next segment begins at")
def rot_in_a_middle_segment(store):
    at = records(store, 1, DONE)[0][0]
    store.segments[1].junk.append((at + 40, b"\xff"))


@wrong(r"no valid record at position \d+, but the record at \d+ calls it durable")
def rot_in_the_newest_segment(store):
    store.load("app:8", store.image(8))
    at = records(store, -1, DONE)[0][0]
    store.log.junk.append((at + 70, b"\xff"))


@wrong(r"no valid record at position \d+, but the log was durable up to")
def log_that_ends_before_the_newest_checkpoint(store):
    store.segments = store.segments[:1]


@wrong(r"a segment is missing between")
def missing_segment(store):
    del store.segments[1]


@wrong(r"not as far back as the older checkpoint")
def missing_first_segment(store):
    del store.segments[0]


@wrong(r"no usable checkpoint lies within the log")
def missing_first_segment_without_checkpoints(store):
    store.checkpoints = []
    del store.segments[0]


@wrong(r"segments count from 1")
def segment_number_0(store):
    store.__init__()
    store.segments[0].sequence = 0


@wrong(r"is the first and does not begin at 4096")
def first_segment_that_begins_later(store):
    store.__init__()
    store.log.first = store.log.position = 8192


@wrong(r"is no regular file of at most")
def folder_in_place_of_a_segment(store):
    def write(root):
        os.unlink(os.path.join(root, seg(2)))
        os.mkdir(os.path.join(root, seg(2)))
    return write


@wrong(r"there is no log segment")
def no_segment(store):
    store.segments = []


@wrong(r"copy 2 of the header does not fit its checksum")
def rot_in_a_copy_of_a_header(store):
    return flip(seg(2), BLOCK + 50)


@wrong(r"copy 1 of the header has no magic")
def rot_in_both_copies_of_a_header(store):
    def write(root):
        flip(seg(2), 0)(root)
        flip(seg(2), BLOCK)(root)
    return write


@wrong(r"the two copies of the header differ")
def copies_of_a_header_that_differ(store):
    return bytes_at(seg(2), BLOCK, store.segments[1].header(created=5))


def both_headers(number, header):
    return bytes_at(seg(number), 0, header + header)


@wrong(r"has reserved bytes that are not zero")
def reserved_bytes_in_a_header(store):
    return both_headers(2, store.segments[1].header(reserved=b"x" + bytes(3999)))


@wrong(r"copy 1 of the header has another version")
def version_2_of_a_header(store):
    return both_headers(2, store.segments[1].header(version=2))


@wrong(r"has an unknown incompatible feature")
def incompatible_feature(store):
    return both_headers(2, store.segments[1].header(incompatible=1))


@wrong(r"has an unknown reason")
def unknown_reason(store):
    return both_headers(2, store.segments[1].header(reason=5))


@wrong(r"reason 1 does not fit its number")
def reason_that_does_not_fit(store):
    return both_headers(2, store.segments[1].header(reason=1))


@wrong(r"has another sequence than the file's name")
def header_of_another_segment(store):
    return both_headers(2, store.segments[1].header(sequence=9))


@wrong(r"has another size than the file")
def segment_of_another_size(store):
    return lambda root: os.truncate(os.path.join(root, seg(1)), SEGMENT_BYTES - BLOCK)


@wrong(r"is shorter than a header")
def segment_of_no_bytes(store):
    return lambda root: os.truncate(os.path.join(root, seg(1)), 100)


@wrong(r"has another UUID than FORMAT")
def segment_of_another_store(store):
    store.segments[1].uuid = b"another's UUID.."


@wrong(r"has the same salt as")
def salt_used_twice(store):
    store.__init__()
    store.switch()
    store.log.salt = store.segments[0].salt


@wrong(r"`previous` is not the checksum of the last record before it")
def chain_broken_between_segments(store):
    store.__init__()
    store.load("app:1", store.image(1))
    store.switch()
    store.log.previous = store.log.last = 77


@wrong(r"nothing is before it, but `previous` is not 0")
def chain_that_begins_with_something(store):
    store.__init__()
    store.log.previous = store.log.last = 77


@wrong(r"begins outside of the segment before it")
def segment_that_begins_before_the_last(store):
    store.__init__()
    store.load("app:1", store.image(1))
    store.switch()
    store.log.first = store.log.position = FIRST + (1 << 22)


@wrong(r"reaches beyond the first position of the next segment")
def segment_that_begins_inside_a_record(store):
    store.__init__()
    store.load("app:1", store.image(1))
    at = records(store, 0, DONE)[0][0]
    store.switch()
    store.log.first = store.log.position = at + 8


@wrong(r"the payload of the record at \d+ is malformed")
def payload_of_another_form(store):
    at = store.log.position
    store.log.append(CLAIM, b"", durable=store.durable, transaction=at)


@wrong(r"the payload of the record at \d+ is malformed")
def payload_with_something_behind(store):
    at = store.log.position
    store.log.append(CLAIM, Changes().payload() + b"x", durable=store.durable, transaction=at)


@wrong(r"an INTENT leaves no OPEN transaction", LIVE, CUT)
def intent_without_transaction(store):
    store.record(INTENT, Changes())


@wrong(r"a COMMIT leaves its transaction OPEN", LIVE, CUT)
def commit_that_leaves_its_transaction_open(store):
    txn = store.intent()
    store.record(COMMIT, Changes(), txn)


@wrong(r"a COMMIT with files to move leaves no transaction", LIVE, CUT)
def removal_without_transaction(store):
    txn = store.remove("app:5", store.image(5), done=False)
    _, part = records(store, -1, COMMIT)[-1]
    del store.catalog[key_T(txn)]
    del store.log.parts[-3:]
    store.log.position, store.log.last = txn, struct.unpack_from("<Q", part, 24)[0]
    changes = Changes()
    for digest in store.image(5):
        changes.delete(b"O" + digest).put(b"X" + digest, struct.pack("<Q", txn))
    store.log.commit(changes.payload(), durable=txn, transaction=txn)


@wrong(r"its transaction is still there after its end", LIVE, CUT)
def done_that_leaves_its_transaction(store):
    txn = store.intent()
    store.record(DONE, Changes(), txn)

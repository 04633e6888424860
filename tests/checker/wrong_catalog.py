"""tests/checker/wrong_catalog.py - entries that contradict each other."""

import struct

from cases import *  # noqa: F403

@wrong(r"has nothing that it stands for")
def edge_without_reference(store):
    image = list(store.image(5))
    change(store, Changes().put(edge_O(image[0], image[1])))


@wrong(r"has nothing that it stands for")
def edge_without_name(store):
    change(store, Changes().put(edge_N(list(store.image(5))[-1], "nobody:1")))


@wrong(r"which has no B entry for it")
def reference_without_edge(store):
    image = list(store.image(5))
    change(store, Changes().delete(edge_O(image[0], image[2])).put(
        edge_N(image[0], "x")).put(b"Nx", value_N(image[0])))


@wrong(r"the name N app:5 has no B entry at its target")
def name_without_edge(store):
    top = list(store.image(5))[-1]
    change(store, Changes().delete(edge_N(top, "app:5")).put(edge_N(top, "x")).put(
        b"Nx", value_N(top)))


@wrong(r"refers to sha256:\w+, which is no object")
def reference_to_no_object(store):
    target, source = sha256(b"nothing"), list(store.image(5))[-1]
    change(store, Changes().put(b"O" + source, object_of(b'{"manifest":5}', [target])).put(
        edge_O(target, source)))


@wrong(r"is referred to and is no object")
def edge_to_no_object(store):
    target, source = sha256(b"nothing"), list(store.image(5))[-1]
    change(store, Changes().put(edge_O(target, source)))


@wrong(r"the name N x points to what is no object")
def name_of_no_object(store):
    change(store, Changes().put(b"Nx", value_N(sha256(b"nothing"))))


@wrong(r"the name N x points to an ABSENT object")
def name_of_an_absent_object(store):
    target = sha256(b"nothing")
    change(store, Changes().put(b"O" + target, value_O(7, 0, state=ABSENT)).put(
        b"Nx", value_N(target)).put(edge_N(target, "x")))


@wrong(r"is there and nothing refers to it")
def object_without_edge(store):
    data = b"nobody's"
    store.blobs[sha256(data)] = data
    change(store, Changes().put(b"O" + sha256(data), object_of(data)))


@wrong(r"is there and nothing refers to it")
def image_that_lost_its_name(store):
    top = list(store.image(5))[-1]
    change(store, Changes().delete(b"Napp:5").delete(edge_N(top, "app:5")))


@wrong(r"no name reaches O sha256")
def ring_of_objects(store):
    one, two = b"one", b"two"
    change(store, Changes().put(b"O" + sha256(one), object_of(one, [sha256(two)])).put(
        b"O" + sha256(two), object_of(two, [sha256(one)])).put(
            edge_O(sha256(one), sha256(two))).put(edge_O(sha256(two), sha256(one))))
    store.blobs.update({sha256(one): one, sha256(two): two})


@wrong(r"after the record at \d+: object \S+ is there and nothing refers to it")
def object_without_edge_for_one_record_only(store):
    data = b"nobody's"
    change(store, Changes().put(b"O" + sha256(data), object_of(data)))
    change(store, Changes().delete(b"O" + sha256(data)))


@wrong(r"is an object and may be removed at once")
def removal_of_an_object(store):
    change(store, Changes().put(b"X" + list(store.image(5))[0], struct.pack("<Q", 4096)))


@wrong(r"is staged \(S\), is no object and may not be removed")
def staged_and_no_object(store):
    txn = store.intent()
    store.record(COMMIT, Changes().put(key_T(txn), value_T(COMMITTED, 0)).put(
        b"S" + sha256(b"x"), struct.pack("<QII", txn, 0, 0)), txn)


@wrong(r"is staged \(S\) by \d+, which is not COMMITTED")
def staged_by_an_open_transaction(store):
    image = store.image(9)
    txn = store.intent()
    store.stage(image, txn)
    store.record(CLAIM, store.put_image(Changes(), "app:9", image, txn), txn)


@wrong(r"is staged \(S\) in slot 1, its transaction has slot 0")
def staged_in_another_slot(store):
    image = store.image(9)
    txn = store.intent()
    store.stage(image, txn, 1)
    changes = store.put_image(Changes(), "app:9", image, txn, 1)
    store.record(COMMIT, changes.put(key_T(txn), value_T(COMMITTED, 0)), txn)


@wrong(r"is by \d+, which is OPEN")
def removal_by_an_open_transaction(store):
    txn = store.intent()
    store.record(CLAIM, Changes().put(b"X" + sha256(b"x"), struct.pack("<Q", txn)), txn)


@wrong(r"share slot 0")
def two_transactions_in_one_slot(store):
    store.intent()
    store.intent()


@wrong(r"there is a hold on sha256:\w+, which no name points to")
def hold_on_an_object_without_name(store):
    change(store, Changes().put(b"H" + list(store.image(5))[0] + struct.pack(">Q", 1), value_H()))


MALFORMED = {
    "kind": (b"Q", b""),
    "object_without_summary": (b"O" + sha256(b"x"), object_of(b"x")[:-4]),
    "object_of_no_state": (b"O" + sha256(b"x"), value_O(1, 1, state=4)),
    "absent_with_checksum": (b"O" + sha256(b"x"), value_O(1, 1, state=ABSENT)),
    "references_out_of_order": (b"O" + sha256(b"x"), value_O(
        1, 1, [b"\x01" + b"b" * 32, b"\x01" + b"a" * 32], sort=False)),
    "reference_twice": (b"O" + sha256(b"x"), value_O(1, 1, [sha256(b"y")] * 2)),
    "digest_of_no_algorithm": (b"O\x03" + bytes(32), object_of(b"x")),
    "summary_too_long": (b"O" + sha256(b"x"), object_of(b"x", (), b"s" * 65537)),
    "name_flags": (b"Nx", value_N(sha256(b"x"), 4)),
    "empty_name": (b"N", value_N(sha256(b"x"))),
    "name_too_long": (b"N" + b"n" * 513, value_N(sha256(b"x"))),
    "edge_with_a_value": (edge_N(sha256(b"x"), "x"), b"v"),
    "edge_of_no_kind": (b"B" + sha256(b"x") + b"Z", b""),
    "claim_by_nobody": (b"C" + sha256(b"x") + bytes(8), b""),
    "hold_cut_short": (b"H" + sha256(b"x") + bytes(8), value_H()[:-1]),
    "transaction_of_no_state": (key_T(4096), value_T(3)),
    "staged_without_slot": (b"S" + sha256(b"x"), struct.pack("<QII", 4096, NO_SLOT, 0)),
    "removal_with_more": (b"X" + sha256(b"x"), bytes(9)),
}


def add_malformed(name, key, value):
    def case(store):
        change(store, Changes().put(key, value))
    case.__name__ = "malformed_" + name
    wrong(r"the entry .* is malformed")(case)


for malformed, (malformed_key, malformed_value) in MALFORMED.items():
    add_malformed(malformed, malformed_key, malformed_value)

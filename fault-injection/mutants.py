"""fault-injection/mutants.py - the lines that keep the promises, and what fails without them.

SYNCS names every call of a sync in the sources by its file and function (#2: the second in that
function). mutate.py finds them by itself, so a sync that is not on the list fails the build.
CHANGES are other steps: an order, a check, a claim. COMMIT_PATH are the files that a load, a tag or
a removal runs through, with the checkpoint that it may have to take. What kills a mutant is the
explorer, CUT, a program of tests/, or a test of the command."""

EXPLORER = "fault-injection/power-cut"
CUT = (EXPLORER, "--length", "2", "--stop")
CUT_CLAIMS = (EXPLORER, "--scenarios", "--stop", "--only", "claimed-bytes-are-removed-and-come-back")
CUT_CHECKPOINTS = (EXPLORER, "--scenarios", "--stop", "--only", "two-checkpoints-trim-the-log")

COMMIT_PATH = (
    "src/catalog/catalog.c", "src/catalog/checkpoint_write.c", "src/io/io.c",
    "src/store/finish_sync.c", "src/store/removal.c", "src/store/stage.c", "wal/append.c",
    "wal/lock.c", "wal/segment.c", "wal/takeover.c",
)

# What the explorer finds late, and a test at once: for who is in a hurry.
SOONER = {
    "src/store/finish_sync.c hf_finish_sync_folders": ("tests/test_order",),
    "wal/segment.c hf_wal_spare_make": ("tests/test_order_log",),
}


def test(name):
    return ("tests/test_" + name,)


def cli(name, test_name):
    return ("tests/cli/test_%s.py" % name, "-k", test_name)


SYNCS = {
    "wal/append.c sync_to": CUT,
    "wal/takeover.c switch_locked": test("wal_failed_syncs"),
    "wal/segment.c hf_wal_spare_make": CUT,
    "wal/segment.c hf_wal_spare_make #2": test("order_log"),
    "wal/segment.c write_segment": CUT,
    "wal/segment.c hf_wal_segment_make": test("wal_segment"),
    "wal/open.c hf_wal_trim": test("order_checkpoint"),
    "src/store/stage.c make_slot": CUT,
    "src/store/stage.c sync_blob": CUT,
    "src/store/stage.c hf_txn_sync_staged": CUT,
    "src/store/finish_sync.c hf_finish_sync_folders": CUT,
    "src/catalog/format_file.c hf_format_write": CUT,
    "src/catalog/format_file.c hf_format_write #2": CUT,
    "src/catalog/layout.c make_empty_file": test("order_create"),
    "src/catalog/layout.c make_contents": test("order_create"),
    "src/catalog/layout.c make_contents #2": test("order_create"),
    "src/catalog/layout.c make_root": test("order_create"),
    "src/catalog/checkpoint_write.c hf_checkpoint_write": CUT_CHECKPOINTS,
    "src/catalog/checkpoint_write.c hf_checkpoint_write #2": test("checkpoint"),
    "src/store/open.c open_catalog": test("order_create"),
    "src/fsck/quarantine.c set_aside": test("check_order"),
    "src/fsck/quarantine.c set_aside #2": test("check_order"),
    "src/fsck/files.c hf_check_folders": test("check_order"),
    "src/fsck/files.c hf_check_folders #2": test("check_order"),
    "src/transfer/save_dir.c dir_end": test("save_output"),
    "src/transfer/save_dir.c dir_finish": test("save_output"),
    "src/transfer/save_dir.c dir_finish #2": test("save_output"),
    "src/transfer/save_output.c close_file": test("save_output"),
    "src/transfer/save_output.c hf_save_output_keep": test("save_output"),
    "src/rootfs/target.c hf_target_keep": cli("unpack", "test_all_is_synced"),
    "src/rootfs/target.c hf_target_keep #2": cli("unpack", "test_all_is_synced"),
    "src/rootfs/workspace.c make_folder": test("workspace"),
    "src/rootfs/workspace.c hf_space_folder": test("workspace"),
    "src/rootfs/workspace.c remove_folder": test("workspace"),
}

# file, text (once in the file), what stands in its place, what kills it
CHANGES = [
    ("wal/segment.c", "if (is_unused(io, fd) && ", "if (", test("wal_segment")),
    ("src/io/io.c", "int rc = hf_io_unlink(io, dir, path, &why);\n    if (rc != 0 && rc != "
     "HF_ERR_NOT_FOUND) {", "int rc = 0;\n    if (rc != 0) {", CUT),
    ("src/store/recover.c", "    if (rc == 0)\n        rc = hf_sweep_trash(&sweep);\n", "", CUT),
    ("src/store/removal.c", "rc = is_claimed(store, view, digest, err);", "rc = HF_ERR_NOT_FOUND;",
     test("txn_removal")),
    ("src/store/removal.c", "if (rc == 0 && object.state == HF_OBJECT_ABSENT)",
     "if (false)", test("txn_removal")),
    ("wal/lock.c", "if (rc == 0 && !wal->has_seen_end)", "if (false)", test("wal_shared")),
    ("wal/lock.c", "if (rc == HF_ERR_CORRUPT && wal->reader.position >= shared->durable) {",
     "if (false) {", test("wal_shared")),
    ("src/transfer/save_write.c", "hf_checksummer_value(copy->checksum) != file->checksum", "false",
     test("save_output")),
    ("src/transfer/load_blob.c", "    if (member->is_inflated)\n",
     "    if (member->is_inflated || hf_txn_has_staged(load->txn, diff_id, NULL))\n", test("derive")),
    ("src/transfer/load_derive.c", "if (derived->problem == HF_ERR_UNSUPPORTED)", "if (false)",
     test("derive")),
    ("src/image/prune_derived.c", " || hf_digest_set_has(&dropping->held, &object->digest)", "",
     test("derive")),
    ("src/rootfs/mounts.c", "if (!mounted->is_gone)", "if (false)", test("workspace")),
    ("src/rootfs/workspace.c", "rc = hf_sys_lock(fd);", "rc = 0;", test("workspace")),
    ("wal/scan.c", "reader.skips_unreadable = true;", "", test("check_cut")),
    ("wal/scan.c", "if (hf_error_is_damage(rc, &why)) {",
     "if (rc == HF_ERR_CORRUPT || rc == HF_ERR_IO) {", test("check_cut")),
    ("wal/open.c", "if (hf_error_is_damage(rc, &why))", "if (rc == HF_ERR_CORRUPT)",
     test("retention")),
    ("wal/segment.c", " &&\n        stat.size_bytes >= HF_WAL_SEGMENT_BYTES)", ")", test("rot")),
    ("src/catalog/retention.c", "kept == 2 ? list->count - kept : 0", "list->count - kept",
     test("faults")),
    ("src/catalog/base.c", "rc != 0 && rc != HF_ERR_NOT_FOUND && !hf_error_is_damage(rc, &why)",
     "false", test("view_damage")),
    ("src/base/error.c", "    if (code != HF_ERR_IO)\n        return code == HF_ERR_CORRUPT;\n",
     "    return code == HF_ERR_CORRUPT || code == HF_ERR_IO;\n", test("view_damage")),
    ("src/catalog/catalog.c", "since > CHECKPOINT_LOG_BYTES && since > size / 2", "false",
     test("retention")),
    ("src/catalog/catalog.c",
     "    wants = wants || (since > 0 && hf_base_is_damaged(catalog->base, NULL));\n", "",
     test("retention")),
    ("src/catalog/catalog.c",
     "    wants = wants || (since > 0 && segments >= CHECKPOINT_SEGMENTS);\n", "",
     test("retention")),
]

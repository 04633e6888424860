"""Names and lives of images: tag, untag, rmi, prune, holds, and names that move."""

import json

import support

A = support.Image("a", ["app:1"])
B = support.Image("b", ["app:2"])


class Names(support.CliTest):
    def setUp(self):
        super().setUp()
        self.load(A, B)

    def test_tag_adds_a_name_and_prints_nothing(self):
        self.assertEqual(self.holdfast("tag", "app:1", "other"), "")
        self.assertEqual(self.holdfast("tag", A.short, "quay.io/x/y:3"), "")
        self.assertEqual(sorted(self.names()), ["app:1", "app:2", "other:latest", "quay.io/x/y:3"])

    def test_tag_does_not_take_a_last_name_unless_forced(self):
        self.assertIn("app:2", self.fails("tag", "app:1", "app:2"))
        self.assertEqual(sorted(self.names()), ["app:1", "app:2"])
        process = self.run_it("tag", "-f", "app:1", "app:2")
        self.assertEqual((process.returncode, process.out), (0, ""))
        self.assertIn(f"Replaced app:2 (was sha256:{B.short}, removed)", process.err)
        self.holdfast("image", "exists", B.short, code=1)

    def test_tag_can_keep_the_old_image(self):
        self.holdfast("tag", "--keep-old", "app:1", "app:2")
        self.assertRegex(self.holdfast("images"), rf"app +@[0-9a-f]{{12}} +{B.short} ")

    def test_tag_of_nothing_fails(self):
        self.fails("tag", "nothing", "x")
        self.fails("tag", "app:1", "UPPER", code=2)

    def test_untag_keeps_the_last_name(self):
        self.holdfast("tag", "app:1", "x:1")
        self.assertEqual(self.holdfast("untag", "x:1"), "Untagged: x:1\n")
        self.fails("untag", "app:1")
        out = self.holdfast("untag", "-f", "app:1")
        self.assertTrue(out.startswith("Untagged: app:1\nDeleted: sha256:"))
        self.assertEqual(self.names(), ["app:2"])

    def test_rmi_by_name_says_what_went(self):
        out = self.holdfast("rmi", "app:1")
        self.assertTrue(out.startswith("Untagged: app:1\n"))
        self.assertIn(f"Deleted: {A.id}\n", out)
        self.assertIn("Deleted: sha256:" + support.sha256(A.layers[0]), out)

    def test_rmi_by_name_leaves_other_names(self):
        self.holdfast("tag", "app:1", "x:1")
        self.assertEqual(self.holdfast("rmi", "app:1"), "Untagged: app:1\n")

    def test_rmi_by_id_of_many_names_needs_force(self):
        self.holdfast("tag", "app:1", "x:1")
        words = self.fails("rmi", A.short)
        self.assertIn("app:1", words)
        self.assertIn("x:1", words)
        self.holdfast("rmi", "-f", A.short)
        self.assertEqual(self.names(), ["app:2"])

    def test_rmi_refuses_all_or_keeps_going(self):
        self.fails("rmi", "app:1", "nothing")
        self.assertEqual(sorted(self.names()), ["app:1", "app:2"])
        process = self.run_it("rmi", "--keep-going", "app:1", "nothing")
        self.assertEqual(process.returncode, 1)
        self.assertEqual(self.names(), ["app:2"])

    def test_rmi_force_of_what_is_missing_is_no_failure(self):
        process = self.run_it("rmi", "-f", "nothing")
        self.assertEqual((process.returncode, process.out), (0, ""))

    def test_rmi_of_all_ids_leaves_an_empty_store(self):
        self.holdfast("rmi", *self.holdfast("images", "-q").split())
        self.assertEqual(self.names(), [])
        self.assertEqual(json.loads(self.holdfast("df", "--json"))["imagesBytes"], 0)

    def test_rmi_tells_json(self):
        events = json.loads(self.holdfast("rmi", "--json", "app:1"))
        self.assertEqual(events[0]["event"], "untagged")
        self.assertEqual(events[0]["name"], "docker.io/library/app:1")
        self.assertIn(A.id, [event["id"] for event in events if event["event"] == "deleted"])

    def test_a_name_that_moves_by_load_tells_what_left(self):
        moved = support.Image("c", ["app:2"])
        self.assertEqual(self.load(moved), f"Loaded image: app:2\n"
                         f"Replaced app:2 (was sha256:{B.short}, removed)\n")

    def test_keep_old_keeps_what_loses_its_name_until_prune(self):
        out = self.load(support.Image("c", ["app:2"]), arguments=["--keep-old"])
        self.assertRegex(out, rf"Replaced app:2 \(was sha256:{B.short}, kept as app@sha256:")
        self.assertRegex(self.holdfast("images", "-f", "dangling=true"), r"\AREPOSITORY.*\n\Z")
        self.holdfast("image", "exists", B.short)
        dry = self.holdfast("prune", "--dry-run")
        self.assertIn("Would untag: app@sha256:", dry)
        self.holdfast("image", "exists", B.short)
        self.assertRegex(self.holdfast("prune"), r"Untagged: app@sha256:[^$]*"
                                                 r"Total reclaimed space: \d[\d.]*k?B\n\Z")
        self.holdfast("image", "exists", B.short, code=1)
        self.assertEqual(sorted(self.names()), ["app:1", "app:2"])

    def test_keep_old_is_a_setting_too(self):
        self.assertEqual(self.holdfast("config"), "keep-old off\n")
        self.assertEqual(self.holdfast("config", "keep-old", "on"), "")
        self.assertEqual(self.holdfast("config", "keep-old"), "on\n")
        self.load(support.Image("c", ["app:2"]))
        self.holdfast("image", "exists", B.short)
        self.holdfast("config", "keep-old", "off")
        self.assertEqual(self.holdfast("config", "keep-old"), "off\n")

    def test_prune_all_removes_what_is_not_held(self):
        self.holdfast("hold", "add", "app:1", "--owner", "me")
        self.holdfast("prune", "-a", "-f")
        self.assertEqual(self.names(), ["app:1"])

    def test_a_hold_keeps_an_image_and_is_named(self):
        number = self.holdfast("hold", "add", "app:1", "--owner", "containerd", "--reason",
                               "container 12").strip()
        table = self.holdfast("hold", "ls").splitlines()
        self.assertEqual(table[0].split(),
                         ["ID", "IMAGE", "OWNER", "REASON", "SINCE", "EXPIRES"])
        self.assertRegex(table[1], rf"\A{number} +app:1 +containerd +container 12 .* never\Z")
        for force in ([], ["-f"]):
            self.assertIn("containerd", self.fails("rmi", *force, "app:1"))
        self.assertEqual(json.loads(self.holdfast("hold", "ls", "--json"))[0]["owner"],
                         "containerd")
        self.holdfast("hold", "rm", number)
        self.assertEqual(self.holdfast("hold", "ls", "-q"), "")
        self.holdfast("rmi", "app:1")
        self.fails("hold", "rm", number)

    def test_an_expired_hold_ends_with_prune(self):
        self.holdfast("hold", "add", "app:1", "--owner", "me", "--expires", "1s")
        self.holdfast("hold", "add", "app:2", "--owner", "me", "--expires", "1w2d")
        rows = json.loads(self.holdfast("hold", "ls", "--json"))
        self.assertTrue(all(row["expires"] > row["since"] for row in rows))
        self.wait_until_expired()
        self.holdfast("prune")
        rows = json.loads(self.holdfast("hold", "ls", "--json"))
        self.assertEqual([row["name"] for row in rows], ["docker.io/library/app:2"])

    def wait_until_expired(self):
        # The command has no other clock than the system's, so this one test waits for it.
        import time
        while "expired" not in self.holdfast("hold", "ls"):
            time.sleep(0.1)


support.main()

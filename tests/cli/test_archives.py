"""load, save and import: what they take, what they give, what they say."""

import io
import json
import os
import pty
import subprocess
import tarfile

import support


class Archives(support.CliTest):
    def setUp(self):
        super().setUp()
        self.image = support.Image("hello", ["app:1"], size=50_000)
        self.archive = support.docker_archive([self.image])

    def test_load_reads_a_file_or_standard_input(self):
        self.assertEqual(self.load(self.image), "Loaded image: app:1\n")
        self.assertEqual(self.holdfast("load", stdin=self.archive), "Loaded image: app:1\n")
        self.assertEqual(self.holdfast("load", "-i", "-", "-q", stdin=self.archive),
                         "Loaded image: app:1\n")
        self.assertEqual(self.names(), ["app:1"])

    def test_load_says_nothing_else_in_a_pipe(self):
        process = self.run_it("load", stdin=self.archive)
        self.assertEqual(process.err, "")

    def test_load_tells_json(self):
        events = json.loads(self.holdfast("load", "--json", stdin=self.archive))
        self.assertEqual(events, [{"event": "loaded", "name": "docker.io/library/app:1",
                                   "id": self.image.id}])

    def test_load_of_nothing_or_of_rubbish_fails_and_names_the_file(self):
        empty = self.write("empty.tar", b"")
        rubbish = self.write("rubbish.tar", b"rubbish" * 5000)
        cut = self.write("cut.tar", self.archive[:len(self.archive) // 2])
        for path in (empty, rubbish, cut, self.path("missing.tar")):
            with self.subTest(path=path):
                self.assertIn(os.path.basename(path), self.fails("load", "-i", path))
        self.assertIn("standard input", self.fails("load"))
        self.assertEqual(self.names(), [])

    def test_load_of_images_without_names_needs_one(self):
        nameless = support.docker_archive([support.Image("x", [])])
        self.fails("load", stdin=nameless)
        self.assertEqual(self.holdfast("load", "--ref", "mine:7", stdin=nameless),
                         "Loaded image: mine:7\n")
        self.holdfast("rmi", "mine:7")
        self.assertRegex(self.holdfast("load", "--ref-digest", stdin=nameless),
                         r"\ALoaded image: import-\d{8}@sha256:[0-9a-f]{64}\n\Z")

    def test_load_names_several_images_by_id(self):
        one, two = support.Image("one", []), support.Image("two", [])
        self.holdfast("load", "--ref", one.short + "=a:1", "--ref", two.short + "=b:2",
                      stdin=support.docker_archive([one, two]))
        self.assertEqual(sorted(self.names()), ["a:1", "b:2"])

    def test_save_by_name_says_nothing(self):
        self.load(self.image)
        process = self.run_it("save", "-o", self.path("out.tar"), "app:1")
        self.assertEqual((process.out, process.err), ("", ""))

    def terminal(self, *arguments, **streams):
        leader, follower = pty.openpty()
        try:
            process = self.start(*arguments, stderr=subprocess.PIPE,
                                 **{name: follower for name in streams})
            return process.communicate(timeout=60)[1].decode(), process.returncode
        finally:
            os.close(leader)
            os.close(follower)

    def test_archives_do_not_go_through_a_terminal(self):
        self.load(self.image)
        for words, stream in ((["load"], "stdin"), (["import", "-", "x"], "stdin"),
                              (["save", "app:1"], "stdout")):
            with self.subTest(words=words):
                err, code = self.terminal(*words, **{stream: True})
                self.assertIn("terminal", err)
                self.assertEqual(code, 2)

    def saved(self, *arguments):
        process = self.run_it("save", *arguments)
        self.assertEqual(process.returncode, 0, process.err)
        return tarfile.open(fileobj=io.BytesIO(process.stdout_bytes))

    def test_save_writes_the_hybrid_that_docker_writes(self):
        self.load(self.image)
        tar = self.saved("app:1")
        names = tar.getnames()
        for name in ("manifest.json", "index.json", "oci-layout"):
            self.assertIn(name, names)
        manifest = json.load(tar.extractfile("manifest.json"))
        self.assertEqual(manifest[0]["RepoTags"], ["docker.io/library/app:1"])
        self.assertEqual(tar.extractfile(manifest[0]["Layers"][0]).read(), self.image.layers[0])
        self.assertEqual(tar.extractfile(manifest[0]["Config"]).read(), self.image.config)

    def test_save_and_load_give_the_same_image(self):
        self.load(self.image)
        for number, words in enumerate((["--format", "hybrid"], ["--format", "docker-archive"],
                                        ["--format", "oci-archive"], ["--format", "oci-dir"])):
            with self.subTest(words=words):
                path = self.path(f"out{number}")
                self.holdfast("save", "-q", *words, "-o", path, "app:1")
                root = self.path(f"store{number}")
                self.assertEqual(self.holdfast("--root", root, "load", "-i", path),
                                 "Loaded image: app:1\n")
                self.assertEqual(self.holdfast("--root", root, "inspect", "-f", "{{.Id}}", "app:1"),
                                 self.image.id + "\n")

    def test_save_by_id_writes_all_names_and_lists_them(self):
        self.load(self.image)
        self.holdfast("tag", "app:1", "other:2")
        process = self.run_it("save", "-o", self.path("x.tar"), self.image.short)
        self.assertIn("app:1", process.err)
        self.assertIn("other:2", process.err)
        only = json.load(self.saved("--only", "other:2").extractfile("manifest.json"))
        self.assertEqual(only[0]["RepoTags"], ["docker.io/library/other:2"])
        none = json.load(self.saved("--no-names", "other:2").extractfile("manifest.json"))
        self.assertFalse(none[0]["RepoTags"])

    def test_save_of_what_is_missing_leaves_no_file(self):
        self.load(self.image)
        self.fails("save", "-o", self.path("x.tar"), "nothing")
        self.assertFalse(os.path.exists(self.path("x.tar")))

    def test_import_makes_an_image_and_prints_its_id(self):
        root_tar = support.layer({"bin/sh": b"#!"})
        path = self.write("root.tar", root_tar)
        out = self.holdfast("import", "-c", 'CMD ["/bin/sh"]', "-c", "ENV X=y", "-m", "by hand", path,
                            "mine:1")
        self.assertRegex(out, r"\Asha256:[0-9a-f]{64}\n\Z")
        document = json.loads(self.holdfast("inspect", "mine:1"))[0]
        self.assertEqual(document["Id"], out.strip())
        self.assertEqual(document["Config"]["Cmd"], ["/bin/sh"])
        self.assertEqual(document["Config"]["Env"], ["X=y"])
        self.assertIn("by hand", self.holdfast("history", "mine:1"))
        self.holdfast("import", "-", "mine:2", stdin=root_tar)
        self.assertEqual(sorted(self.names()), ["mine:1", "mine:2"])
        self.fails("import", path, "UPPER", code=2)
        self.fails("import", "-c", "FROM scratch", path, "mine:3", code=2)


support.main()

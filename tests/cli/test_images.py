"""What is printed about images: columns, formats, filters, inspect, history."""

import datetime
import json

import support

OLD = "2001-02-03T04:05:06Z"
NEW = "2023-11-14T22:13:20Z"


class Images(support.CliTest):
    def setUp(self):
        super().setUp()
        self.old = support.Image("old", ["app:1"], created=OLD, labels={"tier": "db"})
        self.new = support.Image("new", ["app:2", "quay.io/some/where:latest"], created=NEW,
                                 size=4_260_000)
        self.load(self.old, self.new)

    def years(self, created):
        then = datetime.datetime.fromisoformat(created[:-1])
        hours = (datetime.datetime.utcnow() - then).total_seconds() / 3600
        return f"{int(hours / 24 / 365)} years ago"

    def test_table_is_docker_s(self):
        size = len(self.new.layers[0])
        self.assertEqual(
            self.holdfast("images").splitlines(),
            [f"REPOSITORY           TAG       IMAGE ID       CREATED{' ' * 8}SIZE",
             f"app                  2         {self.new.short}   {self.years(NEW):<12}   "
             f"{size / 1e6:.3g}MB",
             f"quay.io/some/where   latest    {self.new.short}   {self.years(NEW):<12}   "
             f"{size / 1e6:.3g}MB",
             f"app                  1         {self.old.short}   {self.years(OLD):<12}   "
             f"{len(self.old.layers[0]) / 1e3:.3g}kB"])

    def test_aliases_are_the_same(self):
        for words in (["ls"], ["image", "ls"], ["image", "list"], ["images", "-a"]):
            self.assertEqual(self.holdfast(*words), self.holdfast("images"))

    def test_quiet_prints_each_id_once(self):
        self.assertEqual(self.holdfast("images", "-q").split(), [self.new.short, self.old.short])
        self.assertEqual(self.holdfast("images", "-q", "--no-trunc").split(),
                         [self.new.id, self.old.id])

    def test_digests_are_a_column(self):
        lines = self.holdfast("images", "--digests", "app:1").splitlines()
        self.assertEqual(lines[0].split(), ["REPOSITORY", "TAG", "DIGEST", "IMAGE", "ID", "CREATED",
                                            "SIZE"])
        digest = lines[1].split()[2]
        self.assertRegex(digest, r"\Asha256:[0-9a-f]{64}\Z")
        self.assertEqual(self.holdfast("inspect", "-f", "{{.Id}}", digest).strip(), self.old.id)

    def test_format_is_a_template_a_table_or_json(self):
        images = lambda text, *more: self.holdfast("images", "--format", text, *more)
        self.assertEqual(images("{{.Repository}}:{{.Tag}} {{upper .ID}}", "app:1"),
                         f"app:1 {self.old.short.upper()}\n")
        self.assertEqual(images(r"table {{.ID}}\t{{.Tag}}", "app").splitlines(),
                         ["IMAGE ID       TAG", f"{self.new.short}   2", f"{self.old.short}   1"])
        self.assertEqual(images(r"{{.Tag}}\n{{.Tag}}", "app:1"), "1\n1\n")
        self.assertEqual(json.loads(images("{{json .}}", "app:1"))["ID"], self.old.short)
        self.assertEqual(images("json"), self.holdfast("images", "--json"))
        self.assertEqual(images("table"), self.holdfast("images"))
        self.assertEqual(images("{{if .Tag}}yes{{else}}no{{end}}", "app:1"), "yes\n")

    def test_a_wrong_template_is_usage(self):
        for template in ("{{.Nothing}}", "{{.ID", "{{end}}", "{{if .ID}}", "{{nothing .ID}}",
                         "{{$x}}", "{{}}", "table {{.Nothing}}", "{{json}}"):
            with self.subTest(template=template):
                self.fails("images", "--format", template, code=2)

    def test_json_has_an_object_for_each_image_with_its_names(self):
        images = json.loads(self.holdfast("images", "--json"))
        self.assertEqual([image["Id"] for image in images], [self.new.hex, self.old.hex])
        self.assertEqual(images[0]["Names"],
                         ["docker.io/library/app:2", "quay.io/some/where:latest"])
        self.assertEqual(images[1]["Created"], 981173106)
        self.assertEqual(images[0]["Size"], len(self.new.layers[0]))

    def test_a_pattern_or_filters_choose(self):
        chosen = lambda *words: self.holdfast("images", "--format", "{{.Repository}}:{{.Tag}}",
                                              *words).split()
        self.assertEqual(chosen("app"), ["app:2", "app:1"])
        self.assertEqual(chosen("app:1"), ["app:1"])
        self.assertEqual(chosen("nothing"), [])
        self.assertEqual(chosen("-f", "reference=a*:2"), ["app:2"])
        self.assertEqual(chosen("-f", "label=tier"), ["app:1"])
        self.assertEqual(chosen("-f", "label=tier=db"), ["app:1"])
        self.assertEqual(chosen("-f", "label=tier=web"), [])
        self.assertEqual(chosen("-f", "before=app:2"), ["app:1"])
        self.assertEqual(chosen("-f", "since=app:1"), ["app:2", "quay.io/some/where:latest"])
        self.assertEqual(chosen("-f", "dangling=true"), [])
        self.fails("images", "-f", "nonsense=1", code=2)

    def test_exists_is_told_by_the_exit_code_alone(self):
        for name, code in (("app:1", 0), (self.old.short, 0), (self.old.id, 0), ("app:3", 1),
                           ("docker.io/library/app:2", 0), ("0" * 12, 1)):
            with self.subTest(name=name):
                process = self.run_it("image", "exists", name)
                self.assertEqual((process.returncode, process.out, process.err), (code, "", ""))

    def test_inspect_prints_one_array(self):
        documents = json.loads(self.holdfast("inspect", "app:1", self.new.short))
        self.assertEqual([document["Id"] for document in documents], [self.old.id, self.new.id])
        self.assertEqual(documents[0]["RepoTags"], ["app:1"])
        self.assertEqual(documents[0]["Config"]["Labels"], {"tier": "db"})
        self.assertEqual(documents[0]["Created"], OLD)
        self.assertTrue(self.holdfast("inspect", "app:1").startswith('[\n    {\n        "Id": '))

    def test_inspect_of_what_is_missing_prints_the_rest_and_fails(self):
        process = self.run_it("inspect", "nothing")
        self.assertEqual((process.returncode, process.out), (1, "[]\n"))
        self.assertIn("nothing", process.err)
        process = self.run_it("inspect", "nothing", "app:1")
        self.assertEqual(process.returncode, 1)
        self.assertEqual(len(json.loads(process.out)), 1)

    def test_inspect_takes_templates(self):
        inspect = lambda text: self.holdfast("inspect", "--format", text, "app:1")
        self.assertEqual(inspect("{{.Id}}"), self.old.id + "\n")
        self.assertEqual(inspect("{{json .Config.Env}}"), '["PATH=/bin","A=b"]\n')
        self.assertEqual(inspect("{{range .Config.Env}}{{println .}}{{end}}"), "PATH=/bin\nA=b\n\n")
        self.assertEqual(inspect('{{join .Config.Cmd " "}} {{index .RepoTags 0}}'), "sh app:1\n")
        self.assertEqual(inspect('{{.Config.Labels.tier}} {{.Config.Labels.none}}'),
                         "db <no value>\n")
        self.assertEqual(inspect("{{.Config.Env}}"), "[PATH=/bin A=b]\n")

    def test_history_is_docker_s(self):
        lines = self.holdfast("history", "app:1").splitlines()
        self.assertEqual(lines[0].split(), ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"])
        self.assertRegex(lines[1], rf'\A{self.old.short}   \d+ years ago   CMD \["sh"\] +0B +made')
        self.assertRegex(lines[2], r"\A<missing>      \d+ years ago   /bin/sh -c #\(nop\) ADD layer0")
        self.assertEqual(len(lines), 3)
        self.assertEqual(self.holdfast("history", "-q", "app:1").split(),
                         [self.old.short, "<missing>"])
        exact = self.holdfast("history", "--human=false", "app:1")
        self.assertIn(OLD, exact)
        self.assertIn(f" {len(self.old.layers[0])} ", exact)
        rows = json.loads(self.holdfast("history", "--json", "app:1"))
        self.assertEqual([row["emptyLayer"] for row in rows], [True, False])
        self.assertEqual(rows[1]["size"], len(self.old.layers[0]))

    def test_long_and_hostile_history_is_cut_and_shown_harmless(self):
        image = support.Image("x", ["evil:1"])
        document = json.loads(image.config)
        document["history"][0]["created_by"] = "\x1b]0;owned\x07" + "y" * 100
        image.config = json.dumps(document).encode()
        image.hex = support.sha256(image.config)
        self.load(image)
        out = self.holdfast("history", "evil:1")
        self.assertNotIn("\x1b", out)
        self.assertIn(r"\x1b]0;owned\x07yyy", out)
        self.assertIn("y…", out)
        self.assertIn("y" * 100, self.holdfast("history", "--no-trunc", "evil:1"))


support.main()

"""The command line itself: help, wrong usage, exit codes, where the store is."""

import os
import re

import support

OPTIONS = {
    "load": "-i --input --lazy --ref --ref-digest --keep-old --platform -q --quiet --json",
    "save": "-o --output --format --only --no-names --platform -q --quiet",
    "mount": "--rw --how --platform",
    "mounts": "--format --json",
    "umount": "",
    "unpack": "--bundle --platform -q --quiet",
    "import": "-c --change -m --message --platform --keep-old -q --quiet",
    "images": "-a --all -q --quiet --no-trunc --digests -f --filter --format --json",
    "image exists": "",
    "inspect": "-f --format --platform",
    "history": "-H --human -q --quiet --no-trunc --format --json --platform",
    "tag": "-f --force --keep-old",
    "untag": "-f --force --json",
    "rmi": "-f --force --keep-going --json",
    "prune": "-a --all --derived -f --force --filter --dry-run --json",
    "hold": "",
    "hold add": "--owner --reason --expires",
    "hold ls": "-q --quiet --format --json",
    "hold rm": "--json",
    "df": "-v --verbose --format --json",
    "fsck": "--quick --full --repair --from --json",
    "recover": "--dry-run --json",
    "wal": "-v --verbose --json",
    "config": "",
    "workspace": "",
    "workspace ls": "--format --json",
    "workspace rm": "",
}


class Usage(support.CliTest):
    def test_every_help_mentions_exactly_the_options_there_are(self):
        for command, options in OPTIONS.items():
            with self.subTest(command=command):
                text = self.holdfast(*command.split(), "--help")
                listed = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)", text, re.MULTILINE)
                listed = {word for pair in listed for word in pair if word}
                self.assertEqual(listed, {"--root", "-h", "--help", *options.split()})
                self.assertTrue(text.startswith(f"Usage: holdfast {command} "))
                self.assertLess(max(len(line) for line in text.splitlines()), 101)

    def test_top_help_lists_every_command(self):
        text = self.holdfast("--help")
        for command in OPTIONS:
            self.assertIn(f"  {command.split()[0]} ", text.replace("image exists", "  image "))
        self.assertEqual(self.holdfast("help"), text)
        self.assertEqual(self.holdfast("help", "rmi"), self.holdfast("rmi", "--help"))
        self.assertEqual(self.holdfast("image", "rm", "--help"), self.holdfast("rmi", "--help"))

    def test_version_tells_the_library_s_version(self):
        self.assertRegex(self.holdfast("--version"), r"\Aholdfast version \d+\.\d+\.\d+\n\Z")

    def test_no_command_is_usage_and_prints_help(self):
        self.assertIn("Commands:", self.holdfast(code=2))

    def test_wrong_usage_exits_with_2_and_one_sentence(self):
        for words in (["nonsense"], ["image", "nonsense"], ["--nonsense"], ["load", "--nonsense"],
                      ["load", "operand"], ["save"], ["tag", "a"], ["tag", "a", "b", "c"],
                      ["images", "a", "b"], ["load", "--ref"], ["images", "--quiet=perhaps"],
                      ["hold"], ["hold", "add", "a"], ["hold", "rm", "x"], ["hold", "rm", "-1"],
                      ["hold", "add", "a", "--owner", "o", "--expires", "3 days"],
                      ["save", "--format", "zip", "a"], ["save", "--format", "oci-dir", "a"],
                      ["save", "--only", "--no-names", "a"], ["prune", "-a"],
                      ["config", "nonsense"], ["config", "keep-old", "perhaps"]):
            with self.subTest(words=words):
                self.fails(*words, code=2)
        self.assertFalse(os.path.exists(self.root))

    def test_wrong_usage_of_fsck_exits_with_16(self):
        self.fails("fsck", "--nonsense", code=16)
        self.fails("fsck", "--quick", "--full", code=16)
        self.fails("fsck", "--from", "x", code=16)

    def test_flags_take_docker_s_values(self):
        self.load(support.Image())
        self.assertIn("REPOSITORY", self.holdfast("images", "--quiet=false"))
        self.assertNotIn("REPOSITORY", self.holdfast("images", "--quiet=true"))

    def test_options_may_follow_operands(self):
        image = support.Image()
        self.load(image)
        self.assertEqual(self.holdfast("inspect", "app:1", "--format", "{{.Id}}"), image.id + "\n")

    def test_root_is_an_option_or_the_environment(self):
        self.load(support.Image())
        os.rename(self.root, self.path("elsewhere"))
        self.assertEqual(self.names(), [])
        for words in (["--root", self.path("elsewhere"), "images", "-q"],
                      ["images", "-q", "--root", self.path("elsewhere")],
                      ["--root=" + self.path("elsewhere"), "images", "-q"]):
            self.assertNotEqual(self.holdfast(*words), "")
        home = {"HOLDFAST_ROOT": "", "HOME": self.folder, "XDG_DATA_HOME": ""}
        if os.geteuid() != 0:
            self.holdfast("load", environment=home,
                          stdin=support.docker_archive([support.Image()]))
            self.assertTrue(os.path.exists(self.path(".local/share/holdfast/FORMAT")))

    def test_reading_commands_never_make_a_store(self):
        self.assertEqual(self.holdfast("images").split(),
                         ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"])
        self.assertEqual(self.holdfast("images", "-q"), "")
        self.assertEqual(self.holdfast("images", "--json"), "[]\n")
        self.holdfast("image", "exists", "app", code=1)
        self.holdfast("rmi", "-f", "app")
        for words in (["history", "a"], ["save", "-o", "x.tar", "a"], ["tag", "a", "b"],
                      ["untag", "a"], ["rmi", "a"], ["prune"], ["hold", "add", "a", "--owner", "o"],
                      ["hold", "rm", "1"], ["df"], ["recover"], ["wal"]):
            with self.subTest(words=words):
                self.fails(*words)
        process = self.run_it("inspect", "a")
        self.assertEqual((process.returncode, process.out), (1, "[]\n"))
        self.fails("fsck", code=8)
        self.assertFalse(os.path.exists(self.root))

    def test_results_that_nobody_got_are_a_failure(self):
        self.load(support.Image())
        with open("/dev/full", "wb") as full:
            process = self.start("images", stdout=full, stderr=support.subprocess.PIPE)
            self.assertIn(b"standard output", process.communicate()[1])
            self.assertEqual(process.returncode, 1)


support.main()

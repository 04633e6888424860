"""tests/interop/suite.py - what the programs of this folder begin with, and what they have in common."""

import filecmp
import os
import signal
import sys

import archives
import tools
from sandbox import Sandbox
from tap import Report, Skip

FORMS = ("hybrid", "docker-archive", "oci-archive", "oci-dir")


class Suite:
    """A report, a sandbox, the command under test, and the other engines, started when needed."""

    def __init__(self, sandbox, command, check, only=""):
        self.sandbox = sandbox
        self.report = Report(only)
        self.holdfast = tools.Holdfast(sandbox, command, check)
        self.made = {}

    def tool(self, kind):
        """Raises Skip each time when it does not run here."""
        if kind not in self.made:
            try:
                self.made[kind] = kind(self.sandbox)
            except Skip as why:
                self.made[kind] = why
        if isinstance(self.made[kind], Skip):
            raise self.made[kind]
        return self.made[kind]

    podman = property(lambda self: self.tool(tools.Podman))
    docker = property(lambda self: self.tool(tools.Docker))
    containerd = property(lambda self: self.tool(tools.Containerd))
    skopeo = property(lambda self: self.tool(tools.Skopeo))
    umoci = property(lambda self: self.tool(tools.Umoci))
    registry = property(lambda self: self.tool(tools.Registry))

    def run(self, name, function, *arguments):
        """Did it pass?"""
        return self.report.run(name, function, *arguments)

    def run_and_round_trip(self, name, function, *arguments):
        if self.run(name, function, *arguments):
            self.run(name + ": saved and loaded again", self.round_trip)

    def path(self, name):
        return self.sandbox.path(name)

    def write(self, name, data):
        return archives.write(self.path(name), data)

    def round_trip(self):
        """What is in the store comes back from each format: IDs, layers and digests; from the OCI
        formats the same bytes; and a second save writes the same file."""
        store = self.holdfast
        images, digests, blobs = store.images(), store.digests(), self.blobs(store.root)
        for form in FORMS:
            saved = [store.save(self.path("saved"), *digests, form=form) for _ in range(2)]
            again = tools.Holdfast(self.sandbox, store.command, store.check)
            equal(again.load(saved[0]), images, form)
            if form.startswith("oci"):
                equal(again.digests(), digests, form)
                equal(self.blobs(again.root), blobs, form)
            if form != "oci-dir":
                assert filecmp.cmp(*saved, shallow=False), form + ": two saves differ"

    @staticmethod
    def blobs(root):
        """{digest: bytes}"""
        found = {}
        for folder, _, files in os.walk(os.path.join(root, "blobs")):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    found[name] = file.read()
                if os.path.basename(folder) == "sha256":
                    assert archives.hexa(found[name]) == name
        return found


def equal(have, want, what=""):
    assert have == want, "%s\nhave %s\nwant %s" % (what, have, want)


def main(make_cases, parts, after=0):
    """PROGRAM HOLDFAST HOLDFAST-CHECK [PART [WORDS OF A CASE'S NAME]]

    Parts are methods of what make_cases makes; all of them when none is named. `after` so many
    arguments of the program's own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and clean up
    command, check = map(os.path.abspath, sys.argv[1:3])
    part, words = sys.argv[3 + after:4 + after], sys.argv[4 + after:5 + after]
    with Sandbox() as sandbox:
        suite = Suite(sandbox, command, check, *words)
        cases = make_cases(suite)
        for name in part or parts:
            getattr(cases, name)()
        code = suite.report.end()
    sys.exit(code)

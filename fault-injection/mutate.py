#!/usr/bin/env python3
"""fault-injection/mutate.py - takes one line that keeps a promise out of the sources and sees
whether something fails; then the next.

    mutate.py SOURCES --list       is every sync of the sources on the list (mutants.py)?
    mutate.py SOURCES [WORDS...]   tries all mutants, or those whose name holds one of the WORDS

Works in a copy. Ends with "N killed, N survived", and exit code 1 if one survived."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import calls  # noqa: E402
import mutants  # noqa: E402


def syncs_of(root):
    return calls.calls_of(root, calls.SYNC)


def check_list(root):
    found, known = set(syncs_of(root)), set(mutants.SYNCS)
    for name in sorted(found - known):
        print("not in mutants.py: " + name)
    for name in sorted(known - found):
        print("no such sync any more: " + name)
    return found == known


class Copy:
    def __init__(self, root, folder):
        self.root, self.build = folder + "/sources", folder + "/build"
        shutil.copytree(root, self.root, ignore=shutil.ignore_patterns(".git", "build*"))
        subprocess.run(["meson", "setup", "-Dwerror=false", self.build, self.root], check=True,
                       stdout=subprocess.DEVNULL)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as file:
            file.write(text)

    def is_killed(self, path, text, killer):
        whole = self.read(path)
        self.write(path, text)
        try:
            subprocess.run(["ninja", "-C", self.build, killer[0]], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            done = subprocess.run([self.build + "/" + killer[0], *killer[1:]], check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=900)
        finally:
            self.write(path, whole)
        return done.returncode != 0


def all_mutants(copy):
    """(name, file, its text, killer)"""
    for name, (path, begin, end) in syncs_of(copy.root).items():
        text = copy.read(path)
        yield "without the sync of " + name, path, text[:begin] + "0" + text[end:], \
            mutants.SYNCS[name]
    for path, old, new, killer in mutants.CHANGES:
        text = copy.read(path)
        if text.count(old) != 1:
            raise ValueError("%s: %r is there %d times" % (path, old, text.count(old)))
        yield "%s: %s" % (path, " ".join(old.split())), path, text.replace(old, new), killer


def try_all(root, words):
    killed, survived = 0, []
    with tempfile.TemporaryDirectory(prefix="holdfast-mutants-") as folder:
        copy = Copy(root, folder)
        for name, path, text, killer in all_mutants(copy):
            if words and not any(word in name for word in words):
                continue
            began = time.monotonic()
            if copy.is_killed(path, text, killer):
                killed += 1
                print("killed by %s in %.0f s: %s" % (killer[0], time.monotonic() - began, name))
            else:
                survived.append(name)
                print("SURVIVED %s: %s" % (killer[0], name))
            sys.stdout.flush()
    print("%d killed, %d survived" % (killed, len(survived)))
    return killed > 0 and not survived


def main():
    root = sys.argv[1]
    if sys.argv[2:] == ["--list"]:
        sys.exit(0 if check_list(root) else 1)
    sys.exit(0 if check_list(root) and try_all(root, sys.argv[2:]) else 1)


main()

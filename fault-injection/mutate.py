#!/usr/bin/env python3
"""fault-injection/mutate.py - takes one line that keeps a promise out of the sources and sees
whether something fails; then the next.

    mutate.py SOURCES --list       is every sync of the sources on the list (mutants.py)?
    mutate.py SOURCES [WORDS...]   tries all mutants, or those whose name holds one of the WORDS
    mutate.py SOURCES --commit-path
                                   tries those in the files that every commit runs through

Works in a copy, in which the next mutant is built while others are tried. Ends with "N killed, N
survived", and exit code 1 if one survived."""

import concurrent.futures
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
        self.root, self.build, self.kept = folder + "/sources", folder + "/build", folder + "/kept"
        self.kept_count = 0
        os.mkdir(self.kept)
        shutil.copytree(root, self.root, ignore=shutil.ignore_patterns(".git", "build*"))
        # Most of the time goes into compiling and linking.
        options = ["-Dwerror=false", "-Doptimization=1", "-Ddebug=false"]
        if shutil.which("ld.gold"):
            options.append("-Dc_link_args=-fuse-ld=gold")
        subprocess.run(["meson", "setup", *options, self.build, self.root], check=True,
                       stdout=subprocess.DEVNULL)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as file:
            file.write(text)

    def make(self, programs):
        subprocess.run(["ninja", "-C", self.build, *programs], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

    def keep(self, program):
        """A copy that stays when the next one is built."""
        self.kept_count += 1
        return shutil.copy2(self.build + "/" + program, "%s/%d" % (self.kept, self.kept_count))

    def make_mutant(self, path, text, program):
        whole = self.read(path)
        self.write(path, text)
        try:
            self.make([program])
            return self.keep(program)
        finally:
            self.write(path, whole)


def is_script(killer):
    """A test of the command."""
    return killer[0].endswith(".py")


def program_of(killer):
    return "tools/holdfast" if is_script(killer) else killer[0]


def fails(root, program, killer):
    words = [sys.executable, os.path.join(root, killer[0])] if is_script(killer) else []
    done = subprocess.run([*words, program, *killer[1:]], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.STDOUT, timeout=900)
    os.unlink(program)
    return done.returncode != 0


def is_killed(root, name, program, killer):
    began = time.monotonic()
    killed = fails(root, program, killer)
    print("%s %s in %.0f s: %s" % ("killed by" if killed else "SURVIVED", killer[0],
                                   time.monotonic() - began, name))
    sys.stdout.flush()
    return killed


def passes_whole(root, program, killer):
    """What fails without a mutant kills none. The explorer's runs are tests of their own."""
    passes = not fails(root, program, killer)
    if not passes:
        print("FAILS without a mutant: " + " ".join(killer))
        sys.stdout.flush()
    return passes


def all_mutants(copy, is_in_a_hurry):
    """(name, file, its text, killer)"""
    for name, (path, begin, end) in syncs_of(copy.root).items():
        text = copy.read(path)
        yield "without the sync of " + name, path, text[:begin] + "0" + text[end:], \
            mutants.SOONER.get(name, mutants.SYNCS[name]) if is_in_a_hurry else mutants.SYNCS[name]
    for path, old, new, killer in mutants.CHANGES:
        text = copy.read(path)
        if text.count(old) != 1:
            raise ValueError("%s: %r is there %d times" % (path, old, text.count(old)))
        yield "%s: %s" % (path, " ".join(old.split())), path, text.replace(old, new), killer


def try_all(root, is_wanted, is_in_a_hurry):
    tried = []
    with tempfile.TemporaryDirectory(prefix="holdfast-mutants-") as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as tries:
        copy = Copy(root, folder)
        wanted = [mutant for mutant in all_mutants(copy, is_in_a_hurry)
                  if is_wanted(mutant[0], mutant[1])]
        killers = {killer for _, _, _, killer in wanted}
        copy.make({program_of(killer) for killer in killers})
        whole = [tries.submit(passes_whole, root, copy.keep(program_of(killer)), killer)
                 for killer in killers if killer[0] != mutants.EXPLORER]
        for name, path, text, killer in wanted:
            program = copy.make_mutant(path, text, program_of(killer))
            tried.append(tries.submit(is_killed, root, name, program, killer))
    killed = [outcome.result() for outcome in tried]
    print("%d killed, %d survived" % (killed.count(True), killed.count(False)))
    return bool(killed) and all(killed) and all(outcome.result() for outcome in whole)


def main():
    root = sys.argv[1]
    if sys.argv[2:] == ["--list"]:
        sys.exit(0 if check_list(root) else 1)
    words = sys.argv[2:]
    is_in_a_hurry = words == ["--commit-path"]

    def is_wanted(name, path):
        if is_in_a_hurry:
            return path in mutants.COMMIT_PATH
        return not words or any(word in name for word in words)
    sys.exit(0 if check_list(root) and try_all(root, is_wanted, is_in_a_hurry) else 1)


main()

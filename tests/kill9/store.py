"""tests/kill9/store.py - a store, the command that works on it, and the checker that judges it."""

import os
import signal
import subprocess
import time

KILLED = -signal.SIGKILL


class Failure(Exception):
    """A promise is broken."""


def full(name):
    name = name if ":" in name.rsplit("/", 1)[-1] else name + ":latest"
    return name if "/" in name else "docker.io/library/" + name


class Store:
    def __init__(self, holdfast, check, root):
        self.holdfast, self.check, self.root = holdfast, check, root

    def command(self, arguments):
        return [self.holdfast, "--root", self.root, *arguments]

    def run(self, arguments, code=0):
        done = subprocess.run(self.command(arguments), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=300)
        if done.returncode != code:
            raise Failure("holdfast %s: exit %d\n%s%s" % (" ".join(arguments), done.returncode,
                                                          done.stdout, done.stderr))
        return done.stdout

    def duration(self, arguments):
        begin = time.monotonic()
        self.run(arguments)
        return time.monotonic() - begin

    def run_and_kill(self, arguments, delay):
        """Exit code (KILLED when the kill came in time), what it had said, and the seconds it ran."""
        begin = time.monotonic()
        process = subprocess.Popen(self.command(arguments), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
        ran = time.monotonic() - begin
        out, err = process.communicate()
        if process.returncode not in (0, KILLED):
            raise Failure("holdfast %s: exit %d\n%s%s" % (" ".join(arguments), process.returncode,
                                                          out, err))
        return process.returncode, out, ran

    def state(self, mode):
        """{name: digest} by the checker, which must have nothing to complain about."""
        done = subprocess.run([self.check, self.root, mode, "--print"], capture_output=True,
                              text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise Failure("holdfast-check %s: exit %d\n%s" % (mode, done.returncode, done.stderr))
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return {line[1]: line[2] for line in lines if line[0] == "name"}

    def recovered(self):
        """Judges what a kill has left, recovers, judges again; the state, which recovery must not
        change: the page cache is still there, so what the log says is all that counts."""
        before = self.state("--live")
        if os.path.exists(os.path.join(self.root, "FORMAT")):
            self.run(["recover"])
        after = self.state("--after-recovery")
        if before != after:
            raise Failure("recovery changed the names from %s to %s" % (before, after))
        return after


ANY = "any digest"


def same(state, expected):
    """Names and targets agree; ANY stands for a target that could not be known before."""
    return state.keys() == expected.keys() and all(
        target in (ANY, state[name]) for name, target in expected.items())

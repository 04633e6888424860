#!/usr/bin/env python3
"""tests/kill9/test_kill_each.py - proves the same as test_kill.py without chance: the making of a
store, a load and an rmi are killed before each of their system calls in turn.

    test_kill_each.py HOLDFAST HOLDFAST-CHECK [changing | all]

`changing` takes only calls that change files, `all` every one (long). strace counts the calls of
each name and thread by themselves: the n-th call of a name is the one of the thread that gets to n
first.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from images import make_archives  # noqa: E402
from store import Failure, Store  # noqa: E402

CHANGING = re.compile("p?write(v|64)?2?|ftruncate|fallocate|fsync|fdatasync|sync_file_range|link(at)?|"
                      "rename(at2?)?|unlink(at)?|rmdir|mkdir(at)?")
# The kernel ends these without asking, or they come before the program.
NEVER = {"execve", "exit", "exit_group", "rt_sigreturn", "restart_syscall"}
SKIPPED = 77  # for meson


def calls_of(store, arguments, changing):
    """{name: how often the busiest thread makes that call}, from one undisturbed run."""
    trace = os.path.join(os.path.dirname(store.root), "trace")
    subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "signal=none", *store.command(arguments)],
                   stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=300)
    counts = collections.Counter()
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(r"(\d+) +(\w+)\(", line)
            if found:
                counts[found.groups()] += 1
    most = {}
    for (_, name), count in counts.items():
        if name not in NEVER and (not changing or CHANGING.fullmatch(name)):
            most[name] = max(count, most.get(name, 0))
    return dict(sorted(most.items()))


def killed_at(store, arguments, call, number):
    """Runs the command and kills it before its n-th call; whether it died, and what it said."""
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", "signal=none",
             "-e", "inject=%s:signal=KILL:when=%d" % (call, number)]
    done = subprocess.run(trace + store.command(arguments), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=300)
    if done.returncode not in (0, -9, 137):
        raise Failure("%s: exit %d\n%s" % (" ".join(arguments), done.returncode, done.stderr))
    return done.returncode != 0, done.stdout


def make_again(store, steps):
    """A fresh store: each kill leaves a segment behind, and a hundred of them only cost time."""
    shutil.rmtree(store.root, ignore_errors=True)
    for step in steps:
        store.run(step)


def sweep(store, changing, there, arguments, back, steps):
    """Kills `arguments` at each call. The names are {} or `there`; `back` makes what was, and `steps`
    lead there from nothing."""
    make_again(store, steps)
    before = store.state("--after-recovery")
    after = {} if before else there
    calls = calls_of(store, arguments, changing)
    make_again(store, steps)
    killed_count = took_effect = 0
    for call, count in calls.items():
        for number in range(1, count + 1):
            killed, out = killed_at(store, arguments, call, number)
            state = store.recovered()
            if state not in (before, after) or ((not killed or out) and state != after):
                raise Failure("%s, killed before %s %d: found %s" %
                              (" ".join(arguments), call, number, state))
            killed_count += killed
            took_effect += killed and state == after
            if killed_count % 20 == 19:
                make_again(store, steps)
            elif state == after:
                store.run(back)
    store.run(["fsck", "--full"])
    print("%s: killed before each of %d calls, %d times it was done all the same" %
          (arguments[0], killed_count, took_effect), flush=True)
    # A sweep that never meets one of the two states has not looked where it matters.
    if not 0 < took_effect < killed_count or killed_count < 0.9 * sum(calls.values()):
        raise Failure("too little was met of " + str(calls))


def sweep_making(store, changing, there, load):
    """The first load makes the store, which is swept along."""
    calls = calls_of(store, load, changing)
    shutil.rmtree(store.root)
    for call, count in calls.items():
        for number in range(1, count + 1):
            killed, _ = killed_at(store, load, call, number)
            state = store.recovered() if os.path.exists(store.root) else {}
            if state not in ({}, there) or (not killed and state != there):
                raise Failure("making a store, killed before %s %d: found %s" %
                              (call, number, state))
            # What a half made store is good for: to be made.
            store.run(load)
            if store.state("--after-recovery") != there:
                raise Failure("a half made store, killed before %s %d, was not made whole" %
                              (call, number))
            shutil.rmtree(store.root)
    print("making a store: killed before each of %d calls" % sum(calls.values()), flush=True)


def sweep_all(store, folder, changing):
    load = ["load", "-q", "-i", list(make_archives(folder)[0])[1]]
    store.run(load)
    there = store.state("--after-recovery")
    shutil.rmtree(store.root)
    sweep_making(store, changing, there, load)
    remove = ["rmi", *there]
    sweep(store, changing, there, load, remove, [load, remove])
    sweep(store, changing, there, remove, load, [load])


def main(sweeps):
    """`sweeps` gets a store that is not made yet, a folder, and whether only changing calls count."""
    holdfast, check = (os.path.abspath(path) for path in sys.argv[1:3])
    changing = len(sys.argv) <= 3 or sys.argv[3] != "all"
    if not shutil.which("strace") or subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"],
                                                    check=False).returncode != 0:
        print("strace does not work here")
        return SKIPPED
    folder = tempfile.mkdtemp(prefix="kill9-", dir=os.getcwd())
    try:
        sweeps(Store(holdfast, check, os.path.join(folder, "store")), folder, changing)
    except Failure as failure:
        print("%s\nthe store is kept in %s" % (failure, folder))
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sweep_all))

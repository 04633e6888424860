#!/usr/bin/env python3
"""tests/kill9/test_kill_each.py - proves the same as test_kill.py without chance: a load and an rmi are
killed before each of their system calls in turn.

    test_kill_each.py HOLDFAST HOLDFAST-CHECK [changing | all]

`changing` takes only calls that can change a file or a lock, `all` every one (long). strace counts
the calls of each thread by itself, so the n-th kill comes from the thread that gets there first.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from images import make_archives  # noqa: E402
from store import Failure, Store  # noqa: E402

# With "?": not every architecture has every one.
CHANGING = ("?open,openat,write,pwrite64,?writev,ftruncate,?fallocate,fsync,fdatasync,"
            "?sync_file_range,?link,linkat,?rename,renameat,?renameat2,?unlink,unlinkat,?rmdir,"
            "?mkdir,mkdirat,fcntl,close")
SKIPPED = 77  # for meson


def killed_at(store, arguments, calls, number):
    """Runs the command and kills it before its n-th call; False when it ended before."""
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e",
             "signal=none", "-e", "inject=%s:signal=KILL:when=%d" % (calls, number)]
    done = subprocess.run(trace + store.command(arguments), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=300)
    if done.returncode == 0:
        return False, done.stdout
    if done.returncode not in (-9, 137):
        raise Failure("%s: exit %d\n%s" % (" ".join(arguments), done.returncode, done.stderr))
    return True, done.stdout


def make_again(store, steps):
    """A fresh store: each kill leaves a segment behind, and a hundred of them only cost time."""
    shutil.rmtree(store.root)
    for step in steps:
        store.run(step)


def sweep(store, calls, there, arguments, back, steps):
    """Kills `arguments` at each call. The names are {} or `there`; `back` makes what was, and `steps`
    lead there from nothing."""
    make_again(store, steps)
    before = store.state("--after-recovery")
    after = {} if before else there
    number = took_effect = 0
    while True:
        number += 1
        if number % 20 == 0:
            make_again(store, steps)
        killed, out = killed_at(store, arguments, calls, number)
        state = store.recovered()
        if state not in (before, after) or ((not killed or out) and state != after):
            raise Failure("%s, killed before call %d: found %s" % (" ".join(arguments), number,
                                                                   state))
        if state == after:
            took_effect += killed
            store.run(back)
        if not killed:
            break
    store.run(["fsck", "--full"])
    print("%s: killed before each of %d calls, %d times it was done all the same" %
          (arguments[0], number - 1, took_effect), flush=True)
    # A sweep that never meets one of the two states has not looked where it matters.
    if number < 20 or not 0 < took_effect < number - 1:
        raise Failure("too little was met")


def sweep_making(store, calls, there, load):
    """The first load makes the store, which is swept along; the last one leaves it."""
    number = 0
    killed = True
    while killed:
        number += 1
        killed, _ = killed_at(store, load, calls, number)
        state = store.recovered() if os.path.exists(store.root) else {}
        if state not in ({}, there) or (not killed and state != there):
            raise Failure("making a store, killed before call %d: found %s" % (number, state))
        if not killed:
            break
        # What a half made store is good for: to be made.
        store.run(load)
        if store.state("--after-recovery") != there:
            raise Failure("a half made store was not made whole after call %d" % number)
        shutil.rmtree(store.root)
    print("making a store: killed before each of %d calls" % (number - 1), flush=True)


def main():
    holdfast, check = (os.path.abspath(path) for path in sys.argv[1:3])
    calls = "all" if len(sys.argv) > 3 and sys.argv[3] == "all" else CHANGING
    if not shutil.which("strace") or subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"],
                                                    check=False).returncode != 0:
        print("strace does not work here")
        return SKIPPED
    folder = tempfile.mkdtemp(prefix="kill9-", dir=os.getcwd())
    store = Store(holdfast, check, os.path.join(folder, "store"))
    archive = list(make_archives(folder)[0])[1]
    load = ["load", "-q", "-i", archive]
    try:
        store.run(load)
        there = store.state("--after-recovery")
        shutil.rmtree(store.root)
        sweep_making(store, calls, there, load)
        remove = ["rmi", *there]
        sweep(store, calls, there, load, remove, [load, remove])
        sweep(store, calls, there, remove, load, [load])
    except Failure as failure:
        print("%s\nthe store is kept in %s" % (failure, folder))
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

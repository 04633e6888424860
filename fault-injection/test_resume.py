#!/usr/bin/env python3
"""fault-injection/test_resume.py - a run of power-cut that is killed goes on where it was, and comes to
the sums of one that was not.

    test_resume.py POWER-CUT"""

import os
import re
import subprocess
import sys
import tempfile
import time

ARGS = ["--length", "1", "--profile", "xfs"]


def sums(output):
    """Sequences, cuts and violations: what does not depend on which disks are remembered."""
    return re.search(r"(\d+) sequences, (\d+) cuts", output).groups() + \
        re.search(r"(\d+) violations", output).groups() + \
        (re.search(r"^cuts before:.*$", output, re.M).group(),)


def run(*args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout


def next_of(name):
    if not os.path.exists(name):
        return 0
    with open(name, encoding="utf-8") as file:
        return int(re.search(r"^next (\d+)$", file.read(), re.M).group(1))


def kill_midway(command, name):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and next_of(name) < 3:
        time.sleep(0.002)
    process.kill()
    process.wait()


def main():
    power_cut = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        name = folder + "/progress"
        command = [power_cut, *ARGS, "--resume", name]
        kill_midway(command, name)
        assert 3 <= next_of(name) < 12, "it was killed at %d of 12" % next_of(name)
        resumed, whole = sums(run(*command)), sums(run(power_cut, *ARGS))
        assert resumed == whole, "%s instead of %s" % (resumed, whole)
        assert next_of(name) == 12
        other = subprocess.run([power_cut, "--length", "2", "--resume", name], check=False,
                               stderr=subprocess.DEVNULL)
        assert other.returncode == 2, "the file of other options was taken"


main()

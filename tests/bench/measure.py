"""tests/bench/measure.py - runs commands and says what they took, and the table of what came out."""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

MIB = 1 << 20


class Usage:
    def __init__(self, seconds, written=0, cpu=0.0):
        self.seconds, self.written, self.cpu = seconds, written, cpu


def run(*command, environment=None):
    """Time, bytes written and CPU time of a command that must succeed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=environment) as process:
        said = process.stderr.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.perf_counter() - began
        written = 0
        with contextlib.suppress(OSError), open("/proc/%d/io" % process.pid, "rb") as file:
            written = int(re.search(rb"^write_bytes: (\d+)", file.read(), re.MULTILINE)[1])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("%s: exit %d\n%s" % (" ".join(command), process.returncode, said.decode()))
    return Usage(seconds, written, used.ru_utime + used.ru_stime)


def run_short(*command):
    """Time of a command of milliseconds: little of it is this program's."""
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        sys.exit("%s: exit %d" % (" ".join(command), os.waitstatus_to_exitcode(status)))
    return Usage(seconds)


# A process counts the memory of the one that started it as its own: so a small one must start it.
SMALL = """import os, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def memory_of(*command):
    """The most memory that a command held, in bytes."""
    out = subprocess.run([sys.executable, "-I", "-S", "-c", SMALL, *command], check=True, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    return int(out.split()[-1]) * 1024


def median(usages):
    return statistics.median(usage.seconds for usage in usages)


def shown(seconds):
    return "%.2f s" % seconds if seconds >= 1 else "%.1f ms" % (seconds * 1000)


def spread(usages):
    times = sorted(usage.seconds for usage in usages)
    return "%s (%s–%s)" % (shown(median(usages)), shown(times[0]), shown(times[-1]))


def quiet(*paths):
    """Before each measurement: nothing left of the one before, nothing waiting to be written."""
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    os.sync()


class Table:
    """Rows of medians, their ratio and the target."""

    def __init__(self):
        self.rows = []
        self.missed = 0

    def row(self, what, ours, other, ratio, target, met=None):
        """`target` is what the ratio must not exceed (a text: `met` tells)."""
        if met is None:
            met = ratio <= target
        self.missed += not met
        limit = "≤ %g" % target if isinstance(target, (int, float)) else target
        self.rows.append((what, ours, other, ratio if isinstance(ratio, str) else "%.2f" % ratio,
                          limit, "yes" if met else "**no**"))

    def fact(self, what, ours, other="", ratio=""):
        self.rows.append((what, ours, other, ratio, "", ""))

    def print(self, about):
        print("%s; median (fastest–slowest).\n" % about)
        print("| | Holdfast | beside | ratio | target | met |\n|---|---|---|---|---|---|")
        for row in self.rows:
            print("| %s |" % " | ".join(row))
        sys.stdout.flush()

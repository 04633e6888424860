"""tests/interop/measured.py - runs a command and writes what it used, as JSON, to a file.

    measured.py FILE SECONDS COMMAND...

A program of its own, because a process that is started counts the memory of the one that started
it as its own: this one has little. Ends with the command's exit code, 124 when it took too long."""

import json
import os
import signal
import subprocess
import sys


def main():
    path, seconds, *command = sys.argv[1:]
    process = subprocess.Popen(command)
    late = []
    signal.signal(signal.SIGALRM, lambda *_: (late.append(1), process.kill()))
    signal.alarm(int(seconds))
    _, status, usage = os.wait4(process.pid, 0)
    signal.alarm(0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"code": code, "memory": usage.ru_maxrss * 1024, "user": usage.ru_utime,
                   "system": usage.ru_stime}, file)
    sys.exit(124 if late else code if code >= 0 else 128 - code)


main()

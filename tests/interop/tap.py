"""tests/interop/tap.py - cases that report in the Test Anything Protocol, one line each.

    report = tap.Report(only="podman")
    report.run("podman save of one image", function, argument, ...)
    sys.exit(report.end())

An exception ends its case, not the program; Skip skips it."""

import subprocess
import traceback


class Skip(Exception):
    """The case can't be tried here; says why."""


class Report:
    def __init__(self, only=""):
        self.only = only
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function, *arguments):
        """Did it pass?"""
        if self.only not in name:
            return False
        try:
            function(*arguments)
        except Skip as why:
            self.skipped += 1
            self.line("ok", name, " # SKIP %s" % why)
        except Exception as why:  # whatever goes wrong in a case is its result
            self.failed += 1
            self.line("not ok", name)
            explain(why)
        else:
            self.passed += 1
            self.line("ok", name)
            return True
        return False

    def line(self, outcome, name, directive=""):
        number = self.passed + self.failed + self.skipped
        print("%s %d - %s%s" % (outcome, number, name.replace("#", ""), directive), flush=True)

    def end(self):
        count = self.passed + self.failed + self.skipped
        print("1..%d" % count)
        print("# %d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
        return 1 if self.failed or count == 0 else 0


def explain(why):
    text = "".join(traceback.format_exception(why)[-3:])
    if isinstance(why, subprocess.CalledProcessError):
        text += (why.stdout or "") + (why.stderr or "")
    for line in text[-4000:].splitlines():
        print("# " + line)

"""Count the single tests in meson's test logs: prints "PASSED FAILED SKIPPED", and on standard error
the end of what each program said that failed.

A program of libcheck tells "Checks: N, Failures: N, Errors: N"; others "N passed, N failed"; whoever
tells nothing is one test."""

import json
import re
import sys

CHECK = re.compile(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)")
PLAIN = re.compile(r"^(?:# )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)


def count(test):
    out = test.get("stdout", "")
    passed = failed = skipped = 0
    for checks, failures, errors in CHECK.findall(out):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    for plain in PLAIN.findall(out):
        passed, failed, skipped = (have + int(more or 0)
                                   for have, more in zip((passed, failed, skipped), plain))
    if test["result"] == "SKIP":
        return 0, 0, 1
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        # What says itself that tests failed has failed, whatever its exit code.
        return (passed, failed, skipped) if passed + failed + skipped else (1, 0, 0)
    return passed, max(failed, 1), skipped


def complain(test):
    said = (test.get("stdout", "") + test.get("stderr", "")).splitlines()
    print("%s: %s" % (test["name"], test["result"]), file=sys.stderr)
    for line in [line for line in said if not line.startswith("ok ")][-30:]:
        print("   " + line, file=sys.stderr)


def main():
    totals = [0, 0, 0]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            for line in file:
                test = json.loads(line)
                counts = count(test)
                totals = [have + more for have, more in zip(totals, counts)]
                if counts[1] > 0:
                    complain(test)
    print(*totals)


main()

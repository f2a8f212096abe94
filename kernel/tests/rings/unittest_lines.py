"""unittest_lines.py MODULE OUT: runs one module's tests, prints {"unittest": {...}} for each."""

from __future__ import annotations

import inspect
import json
import os
import sys
import traceback
import unittest
from pathlib import Path


class Lines(unittest.TestResult):
    def say(self, test: unittest.TestCase, ok: bool, seen: str = "") -> None:
        method = getattr(test, getattr(test, "_testMethodName", ""), None)
        try:
            where = f"{Path(inspect.getsourcefile(method)).relative_to(Path.cwd())}:{inspect.getsourcelines(method)[1]}"
        except (TypeError, OSError, ValueError):
            where = ""
        print(json.dumps({"unittest": {"name": test.id(), "ok": ok, "seen": seen[-3000:], "where": where}}), flush=True)

    def addSuccess(self, test):
        self.say(test, True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.say(test, False, "".join(traceback.format_exception(*error)))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.say(test, False, f"{subtest._subDescription()}\n" + "".join(traceback.format_exception(*error)))

    def addSkip(self, test, reason):
        """A skipped test proves nothing, and a test run that hides that is worse: it fails, unless it is not for here."""
        super().addSkip(test, reason)
        self.say(test, reason.startswith("not on this system"), f"skipped: {reason}")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.say(test, False, "passed, though marked as an expected failure")


def main(module: str, out: str) -> int:
    sys.path.insert(0, os.getcwd())
    os.environ["MICA_OUT"] = out
    result = Lines()
    unittest.defaultTestLoader.loadTestsFromName(module).run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

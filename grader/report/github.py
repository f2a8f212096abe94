"""GitHub Classroom: the JSON of the autograding reporter, and the same as the base64 step output `result`."""

from __future__ import annotations

import base64
import json

from grader.model import Outcome, Result, Verdict
from grader.report.text import details, for_terminal

_STATUS = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.STUDENT_CRASH: "fail", Verdict.INFRA_ERROR: "error"}


def render(result: Result) -> bytes:
    """{version, status, max_score, tests[]}; durations are 0 because a result holds no times.  GitHub adds up the tests' scores, so
    `max_score` is of all tests that ran, those of further exercises too."""
    status = "error" if result.infra_errors else "pass" if result.exit_code == 0 else "fail"
    data = {"version": 1, "status": status, "max_score": result.max_score + result.further_max,
            "tests": [_test(outcome) for outcome in result.outcomes]}
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode("ascii")


def step_output(result: Result) -> bytes:
    """The line for $GITHUB_OUTPUT."""
    return b"result=" + base64.b64encode(render(result)) + b"\n"


def _test(outcome: Outcome) -> dict:
    name, _, line = outcome.where.rpartition(":")
    return {
        "name": f"{outcome.exercise} {outcome.test}",
        "status": _STATUS[outcome.verdict],
        "score": outcome.points,
        "message": for_terminal(outcome.title) if outcome.verdict is Verdict.PASS else details(outcome),
        "test_code": outcome.replay,
        "filename": name if line.isdecimal() else outcome.where,
        "line_no": int(line) if line.isdecimal() else 0,
        "duration": 0,
    }

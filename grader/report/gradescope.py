"""Gradescope's results.json.

In the format's own words: score, output, output_format, visibility, stdout_visibility, extra_data, tests[]; a test has
score, max_score, status, name, number, output, output_format, tags, visibility, extra_data.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List

from grader.model import Outcome, Result, Verdict
from grader.report.text import details, for_terminal, hints_taken


def render(result: Result) -> bytes:
    """results.json; an infra-error leaves `score` out, so that Gradescope shows "failed to execute" and no zero."""
    data: Dict[str, Any] = {
        "output": "\n\n".join([*_tracks(result), *(for_terminal(note.text) for note in result.notes), hints_taken(result)]),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(outcome) for outcome in result.outcomes],
        "extra_data": {"seed": result.seed, "student_seed": result.student_seed, "submission": result.submission,
                       "hints": dict(result.hints), "further": {"score": result.further_score, "max_score": result.further_max}},
    }
    if not result.infra_errors:
        data["score"] = result.score
    else:
        data["tests"] = []
        data["output"] = "This submission could not be graded; no points are lost. Please run the autograder again."
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode("ascii")


def _tracks(result: Result) -> List[str]:
    """The score is of the core tracks; what was reached beside them is said."""
    if not result.further_max:
        return []
    return [f"Core track: {result.score}/{result.max_score}. Further exercises, which the score leaves out: "
            f"{result.further_score}/{result.further_max}."]


def _test(outcome: Outcome) -> dict:
    return {
        "name": f"{outcome.exercise} {outcome.test}: {outcome.title}",
        "number": outcome.exercise,
        "score": outcome.points,
        "max_score": outcome.max_points,
        "status": "passed" if outcome.verdict is Verdict.PASS else "failed",
        "output": "" if outcome.verdict is Verdict.PASS else details(outcome),
        "output_format": "text",
        "tags": list(outcome.features),
        "visibility": "after_published" if outcome.hidden else "visible",
        "extra_data": {"verdict": outcome.verdict.value, "hint": outcome.hint_id},
    }

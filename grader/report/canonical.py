"""The canonical result file (JSON=file): result.py's bytes as they are."""

from __future__ import annotations

from grader.model import Result
from grader.report.result import to_bytes


def render(result: Result) -> bytes:
    """The canonical bytes."""
    return to_bytes(result)

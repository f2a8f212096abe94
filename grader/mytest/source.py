"""A student's file of scenarios, before it is built: what it must hold, and what it becomes."""

from __future__ import annotations

import re
from typing import List

from grader.submission import studenttext

SOURCE, DRIVER = "mytest.cpp", "mytest.sys"
_SCENARIO = re.compile(r"^\s*SCENARIO\(\s*(\w*)", re.MULTILINE)


def has_scenario(text: bytes) -> bool:
    return bool(_SCENARIO.search(studenttext.decode(text)))


def scenario_names(text: bytes) -> List[str]:
    return [match[1] for match in _SCENARIO.finditer(studenttext.decode(text))]

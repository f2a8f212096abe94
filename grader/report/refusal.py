"""The result files of a submission that could not be read: whoever waits for a file gets one that says why."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from typing import Callable, Dict

from grader.report.result import VERSION
from grader.report.text import for_terminal, for_xml


def canonical(reason: str) -> bytes:
    """No tests, no score, exit code 2."""
    return _json({"version": VERSION, "exit_code": 2, "refused": reason})


def gradescope(reason: str) -> bytes:
    """Gradescope shows the reason to the student, who can submit again."""
    return _json({
        "score": 0,
        "output": for_terminal("The submission was not graded. " + reason),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [],
        "extra_data": {
            "refused": reason
        }
    })


def github(reason: str) -> bytes:
    """One test that could not run."""
    return _json({
        "version":
        1,
        "status":
        "error",
        "max_score":
        0,
        "tests": [{
            "name": "submission",
            "status": "error",
            "score": 0,
            "message": for_terminal(reason),
            "test_code": "",
            "filename": "",
            "line_no": 0,
            "duration": 0
        }]
    })


def github_output(reason: str) -> bytes:
    """The line for $GITHUB_OUTPUT."""
    return b"result=" + base64.b64encode(github(reason)) + b"\n"


def junit(reason: str) -> bytes:
    """One test case in error."""
    root = ET.Element("testsuites", name="mica", tests="1", errors="1", failures="0", skipped="0")
    suite = ET.SubElement(root, "testsuite", name="submission", tests="1", errors="1", failures="0", skipped="0")
    case = ET.SubElement(suite, "testcase", classname="submission", name="can be read")
    ET.SubElement(case, "error", type="refused", message=for_xml(reason))
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


FORMATS: Dict[str, Callable[[str], bytes]] = {
    "json": canonical, "gradescope": gradescope, "github": github, "junit": junit}


def _json(data: dict) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode("ascii")

"""JUnit XML: a suite for each exercise, `failure` for fail and student-crash, `error` for infra-error."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from grader.model import Outcome, Result, Verdict
from grader.report.text import details, for_terminal, for_xml


def render(result: Result) -> bytes:
    """One <testsuites> with a <testsuite> for each exercise."""
    root = ET.Element("testsuites", {"name": "mica", **_counts(result.outcomes)})
    for lab in result.labs:
        for exercise in lab.exercises:
            mine = [outcome for outcome in result.outcomes if outcome.exercise == exercise.number]
            if not mine:
                continue
            title = for_xml(f"{exercise.number} {exercise.title}{' (further)' if exercise.further else ''}")
            suite = ET.SubElement(root, "testsuite", {"name": title, **_counts(mine)})
            taken = dict(result.hints).get(exercise.number, 0)
            ET.SubElement(ET.SubElement(suite, "properties"), "property", name="hints-taken", value=str(taken))
            for outcome in mine:
                _case(suite, outcome)
            notes = [note.text for note in result.notes if note.exercise == exercise.number]
            if notes:
                ET.SubElement(suite, "system-err").text = for_xml("\n".join(notes))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(suite: ET.Element, outcome: Outcome) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"lab{outcome.exercise.replace('.', '.exercise')}",
                         name=for_xml(outcome.test))
    if outcome.verdict is not Verdict.PASS:
        kind = "error" if outcome.verdict is Verdict.INFRA_ERROR else "failure"
        body = ET.SubElement(case, kind, type=outcome.verdict.value, message=for_xml(outcome.seen or outcome.title))
        body.text = for_xml(details(outcome))
    if outcome.log:
        ET.SubElement(case, "system-out").text = for_xml(for_terminal(outcome.log))


def _counts(outcomes: "tuple[Outcome, ...] | list[Outcome]") -> "dict[str, str]":
    bad = [outcome.verdict for outcome in outcomes]
    return {"tests": str(len(bad)), "errors": str(bad.count(Verdict.INFRA_ERROR)), "skipped": "0",
            "failures": str(bad.count(Verdict.FAIL) + bad.count(Verdict.STUDENT_CRASH))}

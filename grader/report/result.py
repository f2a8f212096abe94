"""Gathers outcomes into a Result and writes the canonical result file, from which every other format is rendered.

Invariant: the bytes depend on the submission, the tree and the seeds only; no time, duration, host name or path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from grader.errors import GraderError
from grader.model import Exercise, ExerciseNote, Lab, Outcome, Result, TestSpec, Verdict, lab_of

VERSION = 1


def not_built(test: TestSpec, message: str, seed: int) -> Outcome:
    """The outcome of a test whose kernel could not be built: no points, and the reason once in the notes."""
    first = message.splitlines()[0] if message else ""
    return Outcome(test=test.name, exercise=test.exercise, title=test.title, points=0, max_points=test.points,
                   verdict=Verdict.FAIL, seed=seed, asked=f"build the files of exercise {test.exercise}",
                   expected="a kernel", seen=first, where=_place(message), hint_id="build",
                   hint="Nothing of this exercise could run; correct the first message of the compiler, then the next.",
                   features=test.features, hidden=test.hidden)


def not_judged(test: TestSpec, trouble: str, seed: int) -> Outcome:
    """The outcome of a test whose kernel the machine failed to build: nothing is known of the student's work."""
    return Outcome(test=test.name, exercise=test.exercise, title=test.title, points=0, max_points=test.points,
                   verdict=Verdict.INFRA_ERROR, seed=seed, asked=f"build the files of exercise {test.exercise}",
                   expected="a kernel", seen=trouble, hint_id="machine",
                   hint="The machine failed, not the student's files: no point is lost. Grade again.",
                   features=test.features, hidden=test.hidden)


def with_replay(outcome: Outcome) -> Outcome:
    """Adds the command that reruns this failure, where the runner left it to us."""
    if outcome.replay or outcome.verdict is Verdict.PASS or outcome.hint_id == "build":
        return outcome
    return dataclasses.replace(
        outcome, replay=f"make replay LAB={lab_of(outcome.exercise)} TEST={outcome.test} SEED={outcome.seed}")


def scores_of(result: Result, lab: Lab) -> List[Tuple[Exercise, int, int]]:
    """(exercise, earned, possible) for the exercises of a lab that were graded."""
    rows = []
    for exercise in lab.exercises:
        mine = [outcome for outcome in result.outcomes if outcome.exercise == exercise.number]
        if mine:
            rows.append((exercise, sum(one.points for one in mine), sum(one.max_points for one in mine)))
    return rows


def track(rows: Sequence[Tuple[Exercise, int, int]], further: bool) -> Tuple[int, int]:
    """(earned, possible) of the core track's rows, or of the further exercises'."""
    mine = [row for row in rows if row[0].further == further]
    return sum(row[1] for row in mine), sum(row[2] for row in mine)


def to_json(result: Result) -> dict:
    """The canonical form as plain data."""
    labs: List[dict] = []
    for lab in result.labs:
        rows = scores_of(result, lab)
        (score, most), further = track(rows, False), track(rows, True)
        labs.append({"number": lab.number, "title": lab.title, "score": score, "max_score": most,
                     "further": {"score": further[0], "max_score": further[1]},
                     "exercises": [{"number": exercise.number, "title": exercise.title, "score": earned,
                                    "max_score": possible, "further": exercise.further} for exercise, earned, possible in rows]})
    return {"version": VERSION, "seed": result.seed, "student_seed": result.student_seed, "emulator": result.emulator,
            "submission": result.submission, "score": result.score, "max_score": result.max_score,
            "further": {"score": result.further_score, "max_score": result.further_max},
            "exit_code": result.exit_code, "labs": labs, "tests": [outcome.to_json() for outcome in result.outcomes],
            "notes": [dataclasses.asdict(note) for note in result.notes], "hints": dict(result.hints)}


def to_bytes(result: Result) -> bytes:
    """The canonical bytes: sorted keys, ASCII only, one final newline."""
    return (json.dumps(to_json(result), indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def from_json(data: Dict) -> Result:
    """Reads a canonical result again, for example to render another format later."""
    if data.get("version") != VERSION:
        raise GraderError(
            f"a result of version {data.get('version')!r}; this grader reads version {VERSION}: grade again")
    outcomes = []
    for one in data["tests"]:
        values = dict(one, verdict=Verdict(one["verdict"]), backtrace=tuple(one["backtrace"]),
                      features=tuple(one["features"]))
        outcomes.append(Outcome(**values))
    labs = tuple(
        Lab(lab["number"], "", lab["title"], "",
            tuple(Exercise(one["number"], one["title"], one["max_score"], (), further=one.get("further", False)) for one in lab["exercises"]))
        for lab in data["labs"])
    notes = tuple(ExerciseNote(**note) for note in data["notes"])
    return Result(data["seed"], data["student_seed"], labs, tuple(outcomes), notes, data["submission"],
                  data["emulator"], tuple((name, int(count)) for name, count in data.get("hints", {}).items()))


def write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all: a reader never sees half a result."""
    try:
        replace(path, data)
    except OSError as error:
        raise GraderError(f"{path}: cannot be written ({error.strerror}); choose another file") from error


def replace(path: Path, data: bytes) -> None:
    """The same for files that are trusted later; OSError where it fails, and the file is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def summary_notes(notes: Sequence[ExerciseNote], exercise: str) -> List[str]:
    """The texts about one exercise."""
    return [note.text for note in notes if note.exercise == exercise]


def _place(message: str) -> str:
    """file:line of the first compiler message, or nothing."""
    for line in message.splitlines():
        parts = line.split(":")
        if len(parts) > 2 and parts[1].isdigit() and "error" in line:
            return f"{parts[0]}:{parts[1]}"
    return ""

"""Scores, and the two public files: one policy's result, and the leaderboard of many.

    result.json       {"format": "mica-challenge-1", "challenge": "lab2-page-replacement", "name": "...", "sha256": "... of the file",
                       "seeds": [1, 2, 3], "score": 58.4, "given": 55.1,
                       "workloads": [{"name": "loop", "seed": 1, "references": 12000, "frames": 256, "first_uses": 1117, "faults": 11914,
                                      "soft": 0, "forced": 0, "given": 11914, "optimum": 3473, "score": 29.1}, ...]}
    leaderboard.json  {"format": "mica-leaderboard-1", "challenge": "...", "seeds": [...],
                       "entries": [{"rank": 1, "name": "...", "sha256": "...", "score": 58.4}, ..., {"rank": null, "name": "...", "refused": "why"}]}

A workload's score is 100 * optimum / faults, so the optimum has 100; the score is the mean over all workloads, to a tenth.  Equal scores
have equal ranks.  Everything follows from the files, the seeds and the kernel's sources: who plays them again gets the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, List, Sequence

from grader.challenge import memory, workloads
from grader.challenge.memory import Counts, Refused
from grader.challenge.optimum import first_uses, optimum

CHALLENGE = "lab2-page-replacement"
RESULT, BOARD = "mica-challenge-1", "mica-leaderboard-1"


def result(command: Sequence[str], name: str, content: bytes, seeds: Sequence[int]) -> Dict[str, Any]:
    """Plays every workload under a policy and under the given one.  Refused when the policy breaks a rule."""
    rows = [_row(command, kind, seed) for kind in workloads.NAMES for seed in seeds]
    return {"format": RESULT, "challenge": CHALLENGE, "name": name, "sha256": hashlib.sha256(content).hexdigest(), "seeds": list(seeds),
            "score": _mean([row["score"] for row in rows]), "given": _mean([_score(row["optimum"], row["given"]) for row in rows]), "workloads": rows}


def _row(command: Sequence[str], kind: str, seed: int) -> Dict[str, Any]:
    work = workloads.make(kind, seed)
    yours, again = (_played(command, "yours", one) for one in (work, workloads.renamed(work)))
    if yours != again:
        raise Refused(f"workload {kind}, seed {seed}: {yours.faults} faults, and {again.faults} when the same work is done in other places. A policy is "
                      "told no places: this one looks at more than it is told, or at what was there before")
    best = optimum(work.references, work.frames)
    if yours.faults < best:
        raise Refused(f"workload {kind}, seed {seed}: {yours.faults} faults are fewer than can be; report this")
    return {"name": kind, "seed": seed, "references": len(work.references), "frames": work.frames, "first_uses": first_uses(work.references),
            "faults": yours.faults, "soft": yours.soft, "forced": yours.forced, "given": _played(command, "given", work).faults, "optimum": best,
            "score": round(_score(best, yours.faults), 1)}


def _played(command: Sequence[str], whose: str, work: workloads.Workload) -> Counts:
    return memory.play(command, whose, work)


def _score(best: int, faults: int) -> float:
    return 100 * best / faults


def _mean(scores: Sequence[float]) -> float:
    return round(sum(scores) / len(scores), 1)


def ranked(found: Sequence[Dict[str, Any]], refused: Dict[str, str], seeds: Sequence[int]) -> Dict[str, Any]:
    """The leaderboard.  `refused`: name -> why."""
    rows = sorted(found, key=lambda one: (-one["score"], one["name"]))
    entries: List[Dict[str, Any]] = []
    for count, one in enumerate(rows, 1):
        rank = entries[-1]["rank"] if entries and entries[-1]["score"] == one["score"] else count
        entries.append({"rank": rank, "name": one["name"], "sha256": one["sha256"], "score": one["score"]})
    entries += [{"rank": None, "name": name, "refused": why} for name, why in sorted(refused.items())]
    return {"format": BOARD, "challenge": CHALLENGE, "seeds": list(seeds), "entries": entries}


def encoded(value: Dict[str, Any]) -> bytes:
    """The file's bytes, the same for the same result."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()

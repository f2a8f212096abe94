"""run.py: all tests of Mica, ring by ring, as `make test` runs them.

A ring is a family of tests that needs the same machinery (host programs, QEMU, Bochs, Python). Green is short: a line
a ring. A failure says what was expected, what was seen, the seed, and the command that repeats it alone. The last
line is `N passed, N failed`; the exit status is 0 only when nothing failed. What ran is kept in
$O/test-results.json, which `make coverage` joins with the feature map; $O/ci-times.html shows where the time went.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import os
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from rings import LONG_RINGS, RINGS, Options, Outcome, Ring, Skipped  # noqa: E402
from rings.times import RingTime, write  # noqa: E402


def show_failure(outcome: Outcome) -> None:
    print(("\033[K" if sys.stdout.isatty() else "") + f"\nFAILED  {outcome.ring}: {outcome.name}" + (f"  ({outcome.where})" if outcome.where else ""))
    for label, text in (("expected", outcome.expected), ("seen", outcome.seen), ("seed", outcome.seed),
                        ("repeat", outcome.repeat)):
        if text not in (None, ""):
            lines = str(text).splitlines() or [""]
            print(f"  {label + ':':<10}{lines[0]}")
            for line in lines[1:]:
                print(f"  {'':<10}{line}")
    sys.stdout.flush()


def run_ring(ring: Ring, options: Options, spent: "RingTime | None" = None) -> "list[Outcome]":
    """Everything the ring's tests said; a ring that breaks, or runs nothing, is itself a failed test."""
    outcomes: "list[Outcome]" = []
    started = heard = time.monotonic()
    spent = spent or RingTime(ring.name)
    live = sys.stdout.isatty()
    print(f"{ring.name:<13}...   {ring.what}", end="\r" if live else "\n", flush=True)

    def step(text: str) -> None:
        """On a terminal: what the ring is at, and how far."""
        if live:
            row = f"{ring.name:<13}{len(outcomes):>5} so far   {time.monotonic() - started:.0f} s   {text}"
            print("\033[K" + row[:shutil.get_terminal_size((80, 24)).columns - 1], end="\r", flush=True)

    def note(text: str) -> None:
        print(("\033[K" if live else "") + f"{'':<13}{text}", flush=True)

    try:
        for outcome in ring.run(dataclasses.replace(options, say=step, note=note)):
            outcomes.append(outcome)
            spent.waits.append((time.monotonic() - heard, outcome.name))
            heard = time.monotonic()
            step(outcome.name)
            if not outcome.ok:
                show_failure(outcome)
    except Skipped as why:
        print(("\033[K" if live else "") + f"{ring.name:<13}SKIPPED   {why}", flush=True)
        spent.seconds, spent.skipped = time.monotonic() - started, str(why)
        return outcomes
    except Exception as error:  # one broken ring must not hide what the others say
        outcomes.append(Outcome(ring.name, "the ring itself", False, expected="the ring runs to its end",
                                seen=f"{type(error).__name__}: {error}", repeat=ring.repeat(options)))
        show_failure(outcomes[-1])
    if not outcomes and not options.only:
        outcomes.append(Outcome(ring.name, "the ring itself", False, expected="at least one test", seen="no test ran",
                                repeat=ring.repeat(options)))
        show_failure(outcomes[-1])
    failed = sum(not outcome.ok for outcome in outcomes)
    if sys.stdout.isatty():
        print("\033[K", end="")
    print(f"{ring.name:<13}{len(outcomes) - failed:>5} passed"
          + (f", {failed} FAILED" if failed else "") + f"   {time.monotonic() - started:.1f} s   {ring.what}")
    sys.stdout.flush()
    spent.seconds = time.monotonic() - started
    return outcomes


def save(outcomes: "list[Outcome]", out: Path) -> None:
    rows = [vars(outcome) for outcome in sorted(outcomes, key=lambda each: (each.ring, each.name))]
    path = out / "test-results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"version": 1, "tests": rows}, indent=1, sort_keys=True) + "\n")
    part.replace(path)


def asked(only: str, rings: "list[str]") -> "tuple[str, str]":
    """(glob of rings, glob of tests) of `ring:GLOB`, of a test's glob, or of a ring's name alone: all its tests."""
    if only in rings:
        return only, "*"
    ring_glob, _, test_glob = only.rpartition(":")
    return ring_glob, test_glob


def main(argv: "list[str]") -> int:
    parser = argparse.ArgumentParser(prog="make test", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--only", default="", metavar="GLOB", help="only a ring, ring:GLOB, or tests of that name in all rings")
    parser.add_argument("--seed", default="", help="seed of the tests that draw their own input")
    parser.add_argument("--soak", action="store_true", help="the long rings instead")
    args = parser.parse_args(argv)
    os.chdir(ROOT)
    os.environ["PYTHON"] = sys.executable  # for the builds: `python3` may be a script that looks for one, five times as slow
    rings = LONG_RINGS if args.soak else RINGS
    ring_glob, test_glob = asked(args.only, [ring.name for ring in rings])
    options = Options(ROOT, Path(args.out), max(1, args.jobs), "" if test_glob == "*" else test_glob, args.seed)
    chosen = [ring for ring in rings if fnmatch.fnmatch(ring.name, ring_glob or "*")]
    if not chosen:
        print(f"no ring is called '{ring_glob}'; there are: {', '.join(ring.name for ring in rings)}", file=sys.stderr)
        return 2
    outcomes: "list[Outcome]" = []
    if len(chosen) > 1:
        print(f"{len(chosen)} rings of tests, one after the other, up to {options.jobs} at a time in each: "
              f"{', '.join(ring.name for ring in chosen)}", flush=True)
    times = [RingTime(ring.name) for ring in chosen]
    for ring, spent in zip(chosen, times):
        outcomes += run_ring(ring, options, spent)
    if not args.only and not args.soak:
        save(outcomes, options.out)
        write(times, options.out)
    if not outcomes and not any(spent.skipped for spent in times):
        print(f"no test is called '{args.only}'", file=sys.stderr)
        return 2
    failed = sum(not outcome.ok for outcome in outcomes)
    for spent in times:
        if spent.skipped:
            print(f"not run: ring {spent.name}: {spent.skipped}")
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A replay of a call that never comes back: `python3 -m grader.tests.hanging`, for a test that types on its terminal."""

from __future__ import annotations

from pathlib import Path

from grader import replay
from grader.model import Kernel, KernelSet
from grader.tests.machine import probe_folder, spec


def main() -> int:
    def hangs(t) -> None:  # type: ignore[no-untyped-def]
        t.guest.call("ProbeHang")

    replay.replay(KernelSet({"9.1": Kernel(probe_folder())}, Path("/nonexistent")), spec(hangs, "hangs", limit=500_000), 1,
                  Path(__file__).resolve().parents[2], print)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

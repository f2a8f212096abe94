"""A replay of a call that never comes back: `python3 -m grader.tests.hanging`, for a test that types on its terminal."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from unittest import mock

from grader.errors import InfraError
from grader.guest.session import Session
from grader.model import Kernel, KernelSet
from grader.replay import replay
from grader.tests.machine import probe_folder, spec


def tell(session: Session) -> None:
    """Says each time that the guest goes on: a key that is typed before would reach nobody."""
    session.machine.qmp.events.clear()
    with contextlib.suppress(InfraError):  # the replay is over
        while session.machine.qmp.wait_event("RESUME"):
            print("<the guest runs>", flush=True)


def main() -> int:
    def hangs(t) -> None:  # type: ignore[no-untyped-def]
        t.guest.call("ProbeHang")

    real = replay.debug

    def debug(session: Session, *rest) -> None:  # type: ignore[no-untyped-def]
        threading.Thread(target=tell, args=(session,), daemon=True).start()
        real(session, *rest)

    mock.patch.object(replay, "debug", debug).start()
    replay.replay(KernelSet({"9.1": Kernel(probe_folder())}, Path("/nonexistent")), spec(hangs, "hangs", limit=500_000), 1,
                  Path(__file__).resolve().parents[2], print)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

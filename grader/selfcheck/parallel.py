"""Several calls at a time, each in a child process of its own, their results in order.

A child inherits what its parent has (fork), so the calls may be closures; the results travel back as plain data.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from typing import Callable, Dict, Iterator, List, Sequence, Tuple, TypeVar

T = TypeVar("T")


def parallel(calls: "Sequence[Callable[[], T]]", jobs: int) -> "Iterator[T]":
    """The results of `calls`, in their order, `jobs` at a time; the first exception of a call is raised here."""
    if jobs <= 1 or len(calls) <= 1:
        for call in calls:
            yield call()
        return
    context = multiprocessing.get_context("fork")
    running: "Dict[int, Tuple[multiprocessing.process.BaseProcess, Connection]]" = {}
    started = 0
    try:
        for index in range(len(calls)):
            while started < len(calls) and len(running) < jobs:
                ours, theirs = context.Pipe(duplex=False)
                child = context.Process(target=_run, args=(calls[started], theirs), daemon=False)
                child.start()
                theirs.close()
                running[started] = (child, ours)
                started += 1
            child, ours = running.pop(index)
            yield _result(child, ours)
    finally:
        for child, ours in running.values():
            child.terminate()
            child.join()


def _run(call: "Callable[[], T]", theirs: Connection) -> None:
    try:
        theirs.send((True, call()))
    except BaseException as error:
        theirs.send((False, error))
    theirs.close()


def _result(child: "multiprocessing.process.BaseProcess", ours: Connection) -> "T":  # type: ignore[type-var]
    try:
        good, value = ours.recv()
    except EOFError:
        good, value = False, RuntimeError(f"a child process ended with {child.exitcode} and said nothing")
    child.join()
    if not good:
        raise value
    return value


__all__: List[str] = ["parallel"]

"""Several calls at a time, each in a child process of its own, their results in order.

A child inherits what its parent has (fork), so the calls may be closures; the results travel back as plain data.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection, wait
from typing import Callable, Dict, Iterator, List, Sequence, Tuple, TypeVar

T = TypeVar("T")


def parallel(calls: "Sequence[Callable[[], T]]", jobs: int) -> "Iterator[T]":
    """The results of `calls`, in their order, `jobs` at a time; the first exception of a call is raised here."""
    if jobs <= 1 or len(calls) <= 1:
        for call in calls:
            yield call()
        return
    context = multiprocessing.get_context("fork")
    running: "Dict[Connection, Tuple[int, multiprocessing.process.BaseProcess]]" = {}
    ended: "Dict[int, Tuple[bool, object]]" = {}
    started = told = 0
    try:
        while told < len(calls):
            while started < len(calls) and len(running) < jobs:
                ours, theirs = context.Pipe(duplex=False)
                child = context.Process(target=_run, args=(calls[started], theirs), daemon=False)
                child.start()
                theirs.close()
                running[ours] = (started, child)
                started += 1
            for pipe in wait(list(running)):  # whichever ends first makes room for the next; the results are told in order
                index, child = running.pop(pipe)
                ended[index] = _end(child, pipe)
            while told in ended:
                good, value = ended.pop(told)
                if not good:
                    raise value  # type: ignore[misc]
                yield value  # type: ignore[misc]
                told += 1
    finally:
        for _, child in running.values():
            child.terminate()
            child.join()


def _run(call: "Callable[[], T]", theirs: Connection) -> None:
    try:
        theirs.send((True, call()))
    except BaseException as error:
        theirs.send((False, error))
    theirs.close()


def _end(child: "multiprocessing.process.BaseProcess", ours: Connection) -> "Tuple[bool, object]":
    """Whether a call came to its end, and its result or its exception."""
    try:
        good, value = ours.recv()
    except EOFError:
        child.join()
        good, value = False, RuntimeError(f"a child process ended with {child.exitcode} and said nothing")
    child.join()
    ours.close()
    return good, value


__all__: List[str] = ["parallel"]

"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import Optional

from grader.errors import GraderError
from grader.explore.schedule import is_token


class Together(argparse.Action):
    """An option that is given again adds to what was given before."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before},{values}" if before and values else before or values)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Which labs, tests, seed and submission."""
    parser.add_argument("--lab", default="", metavar="N", help="one lab (default: all)")
    parser.add_argument("--test", default="", metavar="GLOB", action=Together,
                        help="tests by name, glob or exercise number; several: with a comma, or the option again")
    parser.add_argument("--seed",
                        default="",
                        metavar="N",
                        help="the master seed (default: from the submission's content)")
    parser.add_argument("--submission",
                        default="",
                        metavar="WHAT",
                        help="a folder, zip, tar or git ref (default: this tree)")
    parser.add_argument("--jobs", default="2", metavar="N", help="machines at once")


def add_further(parser: argparse.ArgumentParser) -> None:
    """Which further exercises are graded without being named by --test."""
    parser.add_argument("--further", default="", metavar="N.M", help="further exercises beside the core track, `all` or `none` (default: as "
                        "labs/further.txt says)")


MASTER_SEED_MAX = 10**15 - 1  # grading.default_seed prints fifteen digits


def master_seed(text: str, name: str = "SEED") -> Optional[int]:
    """A master seed, as a report prints it."""
    if is_token(text):
        raise GraderError(f"{name}={text[:60]} names one schedule, which make replay LAB=... TEST=... {name}=... runs; "
                          "here it takes a number")
    return number(text, name, most=MASTER_SEED_MAX)


def number(text: str, name: str, least: int = 0, most: int = 0xFFFF_FFFF) -> Optional[int]:
    """A whole number given as an option; empty is None."""
    if not text:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < least:
        raise GraderError(f"{name}={text}: must be a whole number of at least {least}; for example {name}=2")
    if value > most:
        raise GraderError(f"{name}={text}: too large; give a number of at most {most}")
    return value

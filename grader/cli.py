"""The command line: `python3 -m grader COMMAND`.

Each command lives in grader/commands/ and exists where its module does, so a student's branch, which lacks the
instructor's ones, needs no special case.

Exit codes: 0 full marks (or done), 1 points lost, 2 could not grade.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import List, Optional, Sequence

from grader.building import room
from grader.errors import GraderError
from grader.report.text import for_terminal
from grader.tree import Tree, this_tree

# name -> (module, one line of help).  A module has add_arguments(parser) and run(tree, options) -> int.
COMMANDS = {
    "grade": ("grader.commands.grade", "grade a submission, or the tree itself"),
    "challenge": ("grader.commands.challenge", "a page-replacement policy, scored against the optimum"),
    "check": ("grader.commands.check", "small examples of an exercise's contract, run on this machine"),
    "watch": ("grader.commands.watch", "build and grade an exercise on every save"),
    "replay": ("grader.commands.replay", "run one test again under gdb"),
    "hint": ("grader.commands.hint", "the next of an exercise's staged hints"),
    "mytest": ("grader.commands.mytest", "your own scenarios on right and wrong kernels"),
    "run": ("grader.commands.run", "boot the kernel in an emulator, with its debugger on this terminal"),
    "gdb": ("grader.commands.gdb", "boot the kernel with gdb attached"),
    "seed": ("grader.commands.seed", "show or set the student's own seed"),
    "handout": ("grader.commands.handout", "build the students' branches"),
    "leaks": ("grader.commands.leaks", "look through a branch or an archive for what must not leave the complete tree"),
    "solution": ("grader.commands.solution", "print a lab's reference as a diff against the students' branch"),
    "answers": ("grader.commands.answers", "print the answers of exercise 0.1 for a seed"),
    "selfcheck": ("grader.commands.selfcheck", "grade starter, reference, accepted, mistakes and cheaters"),
    "edits": ("grader.commands.edits", "mend the files of solutions/ after a refactoring, or list those that need a hand"),
    "explore": ("grader.commands.explore", "search races: a histogram by strategy, and the experiments"),
    "demo-race": ("grader.commands.demo_race", "plant a known race, find it, and say how to see it again"),
    "timeline": ("grader.commands.timeline", "draw a run's synchronization: one HTML page, and Chrome trace JSON"),
    "memmon": ("grader.commands.memmon", "show a running kernel's memory, or record it as one HTML page"),
    "procmon": ("grader.commands.procmon", "show which thread runs on which processor, or write each switch to a file"),
    "mutate": ("grader.commands.mutate", "make wrong solutions by rule, and see which ones the tests let pass"),
    "stability": ("grader.commands.stability", "grade many times and compare the result files byte by byte"),
}


ABSENT = Path(__file__).parent / "setup" / "absent.sh"  # says what to use instead of a command that a branch lacks
ENDS = {0: "full marks", 1: "points lost", 2: "could not grade"}


def main(argv: Sequence[str], tree: Optional[Tree] = None) -> int:
    """Runs one command; never raises.  `grade` says its exit code on the last line: `make` shows 2 for 1 and 2 alike."""
    code = _run(argv, tree)
    if "grade" in argv[:1] and not {"-h", "--help", "bochs"} & set(argv):
        with contextlib.suppress(OSError):
            print(f"grade: exit {code} ({ENDS.get(code, 'could not grade')})", flush=True)
    return code


def _run(argv: Sequence[str], tree: Optional[Tree]) -> int:
    home = tree or this_tree()
    try:
        lacking = [name for name in argv[:1] if name in COMMANDS and not _exists(COMMANDS[name][0])]
        if lacking:
            return subprocess.run([str(ABSENT), lacking[0]], check=False).returncode
        parser = _parser()
        options = parser.parse_args(list(argv))
        if getattr(options, "out", ""):
            home = Tree(home.root, (home.root / options.out).resolve())
        return importlib.import_module(COMMANDS[options.command][0]).run(home, options)
    except GraderError as error:
        print(f"grader: {for_terminal(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("grader: stopped", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        return _failed_machine(error, home)
    except SystemExit as leave:  # argparse: 0 for --help, 2 for a wrong option
        return leave.code if isinstance(leave.code, int) else 2
    except Exception:
        return _own_error(home)


def _failed_machine(error: OSError, home: Tree) -> int:
    """A full disk or a folder that nobody may write is no error of the grader's."""
    words = room.in_words(error)
    if words is None:
        return _own_error(home)
    print(f"grader: {words}", file=sys.stderr)
    return 2


def _own_error(home: Tree) -> int:
    print(f"grader: an error of the grader itself; please report it with {_write_log(home)}", file=sys.stderr)
    return 2


def end_on_signals() -> None:
    """A closed terminal or a `kill` ends the program as Ctrl-C does: what was started (emulators) is stopped first."""
    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m grader", description="Grades Mica labs from the host.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        if _exists(module):
            command = commands.add_parser(name, help=text, description=text)
            command.add_argument("--out", default="", help="the build folder (default: O or build)")
            importlib.import_module(module).add_arguments(command)
    return parser


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _write_log(tree: Tree) -> Path:
    """Keeps the traceback where the one line on the screen says it is."""
    lines: List[str] = [f"python {sys.version}", f"arguments {sys.argv[1:]}", traceback.format_exc()]
    try:
        path = tree.scratch() / "grader-error.log"
        path.write_text("\n".join(lines), encoding="utf-8")
    except OSError:
        sys.stderr.write("\n".join(lines))
        return Path("the lines above")
    return path

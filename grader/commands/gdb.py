"""`gdb`: the kernel in QEMU, stopped before its first instruction, with gdb and the mica commands attached."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading

from grader.commands import run as run_command
from grader.console import gdbfiles, terminal
from grader.console.backtrace import Annotate, Names
from grader.console.machines import Machine, QemuMachine
from grader.errors import GraderError
from grader.tree import Tree

PORT = 1234


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """As `run`, and whether somebody else's gdb is waited for."""
    run_command.add_arguments(parser)
    parser.add_argument("--wait", action="store_true", help=f"start no gdb: wait for one at localhost:{PORT}")
    parser.add_argument("--commands", default="", metavar="FILE", help="run these gdb commands, then leave")


def run(tree: Tree, options: argparse.Namespace) -> int:
    if options.emu != "qemu":
        raise GraderError("gdb needs QEMU; Bochs has a debugger of its own")
    boot = run_command.boot_of(tree, options)
    if options.wait:
        gdbfiles.commands(tree.root, boot.folder, boot.drivers())
        with QemuMachine(boot, f"host=localhost,port={PORT}") as started:
            print(f"Mica waits for gdb at localhost:{PORT}. Ctrl-A X leaves.", flush=True)
            terminal.tie(started, Annotate(Names(boot.folder)), stays=True)
        return 0
    if not shutil.which("gdb"):
        raise GraderError("gdb is not installed: make doctor")
    machine = QemuMachine(boot)
    socket = machine.folder / "gdb"
    machine.gdb_socket = f"path={socket}"
    with machine as started:
        script = gdbfiles.write(tree.root, boot.folder, str(socket), boot.drivers())
        return debug(tree, started, ["gdb", "-q", "-nx", "-x", str(script), *batch(options)], Annotate(Names(boot.folder)))


def batch(options: argparse.Namespace) -> "list[str]":
    return ["-batch", "-x", options.commands] if options.commands else []


def debug(tree: Tree, started: Machine, command: "list[str]", annotate) -> int:
    """gdb in the foreground; what the kernel says on its serial line appears between its lines."""
    leave = threading.Event()

    def show() -> None:
        while not leave.is_set():
            said = started.read(0.2)
            if said is None:
                return
            if said:
                os.write(sys.stderr.fileno(), annotate(said))

    reader = threading.Thread(target=show, daemon=True)
    reader.start()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for gdb
    try:
        status = subprocess.run(command, cwd=tree.root, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)).returncode
    finally:
        signal.signal(signal.SIGINT, before)
        leave.set()
        reader.join(2)
    return 0 if status == 0 else 2

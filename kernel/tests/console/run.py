"""run.py --emu qemu|bochs: boots the disk image, talks to the kernel debugger's prompt, lets guest tests run alone.

Prints one JSON line a test (see kernel/tests/rings/program.py).
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.console import PROMPT, SHELL  # noqa: E402
from grader.console.backtrace import Annotate, Names  # noqa: E402
from grader.console.machines import Boot, Machine, machine  # noqa: E402
from grader.machine.parts import Machine as Parts, page_file  # noqa: E402
from kernel.tests.guest import run as guest  # noqa: E402

PAGE_FILE_MB = 2  # as kernel/tests/guest/pagedevice.cpp says
MOST_KB_AT_THE_PROMPT = 3 * 1024
BOOT_SECONDS, ANSWER_SECONDS, TESTS_SECONDS = 90, 30, 300
GUEST_LINE = re.compile(r"^GUEST (\w+) (ok|FAILED)\s*$")
COMMANDS = ("help", "threads", "ready", "waits", "irql", "timers", "ring", "stack", "bugcheck", "spin", "memmap", "pte", "vad", "ws", "fill")


class Failure(Exception):
    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(expected)
        self.expected, self.seen = expected, seen


def plain(data: bytes) -> str:
    return data.decode(errors="replace").replace("\r", "")


def last_lines(text: str, count: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def ask(started: Machine, command: str, until: bytes = PROMPT) -> str:
    """Types a command at the prompt; what came back up to the next prompt."""
    started.write(command.encode() + b"\r")
    said = started.read_until(until, ANSWER_SECONDS)
    if until not in said:
        raise Failure(f"an answer to '{command}', and the prompt again", last_lines(plain(said)) or "nothing")
    return plain(said)


def expect(text: str, pattern: str, what: str) -> None:
    if not re.search(pattern, text, re.MULTILINE):
        raise Failure(f"{what} (/{pattern}/)", last_lines(text, 30))


# ---- what is asked at the prompt ------------------------------------------------------------------------------------
def help_lists_commands(started: Machine) -> None:
    text = ask(started, "help")
    for command in COMMANDS:
        expect(text, rf"^\s*{command}\b", f"help names {command}")


def threads_shows_states(started: Machine) -> None:
    text = ask(started, "threads")
    expect(text, r"\bRunning\b", "a running thread: the one that serves this prompt")
    expect(text, r"\bWaiting\b", "a waiting system thread")


def commands_answer(started: Machine) -> None:
    for command in ("ready", "waits", "irql", "timers", "ring", "stack", "memmap", "vad", "ws"):
        text = ask(started, command)
        body = text.replace(PROMPT.decode(), "").strip()
        if len(body) <= len(command):
            raise Failure(f"{command} says something", text)


def spin_makes_threads_compete(started: Machine) -> None:
    """On one processor: all but one of them are ready, and the prompt still answers, and ends them."""
    before = ask(started, "threads")
    expect(ask(started, "spin 3 9"), r"^3 threads, 1 processor: `ready` shows who waits; `spin 0` ends them$", "spin answers")
    expect(ask(started, "ready"), r"(?:\n +9  [0-9a-fA-F]{8}  \d+ Spin\d){3}", "three ready threads at priority 9")
    expect(ask(started, "threads"), r" Spin2 +Ready +9 +9 ", "the thread's state and priorities")
    expect(ask(started, "spin 0"), r"^3 threads ended$", "spin 0 ends them")
    after = ask(started, "threads")
    if re.findall(r"^\d+ threads$", before, re.M) != re.findall(r"^\d+ threads$", after, re.M):
        raise Failure("as many threads as before", after)


def fill_uses_memory(started: Machine) -> None:
    """A program's pages are in its working set, hold what it wrote round after round, and are free again when it ends."""
    told = ask(started, "fill 300")
    expect(told, r"^process \d+, Fill1, uses 300 pages at [0-9a-f]{8}; 0 wrong$", "fill answers")
    process = re.findall(r"^process (\d+)", told, re.M)[0]
    expect(ask(started, "fill 9999999"), r"^9999999 pages: status [0-9a-f]{8}", "more than user space has")
    for _ in range(20):
        told = ask(started, f"ws {process}")
        if "300 pages" in told:
            break
    expect(told, r"^Fill1: 300 pages, ", "all pages in the working set")
    expect(ask(started, "fill"), r"^process \d+, Fill1, uses 300 pages at [0-9a-f]{8}; 0 wrong$", "no page lost what was written")
    expect(ask(started, "fill 0"), r"^1 program ended$", "fill 0 ends it")
    if "Fill1" in ask(started, f"ws {process}"):
        raise Failure("no process Fill1", told)


def little_memory_is_used(emulator: str, folder: Path) -> None:
    """A machine of 16 MB at the prompt: kernel, database and pools together use 3 MB at most, the rest is available."""
    with machine(emulator, Boot(folder, realtime=False, machine=Parts(memory_mb=16))) as started:
        if PROMPT not in started.read_until(PROMPT, BOOT_SECONDS):
            raise Failure("a machine of 16 MB boots to the prompt", "no prompt")
        told = ask(started, "pfn")
        expect(told, r"^all +\d+ pages +\d+ KB, \d+ available$", "pfn tells how many pages there are")
        every, available = map(int, re.findall(r"^all +(\d+) pages .* (\d+) available$", told, re.M)[0])
        if not 0 < 4 * (every - available) <= MOST_KB_AT_THE_PROMPT:
            raise Failure(f"at most {MOST_KB_AT_THE_PROMPT} KB in use at the prompt", last_lines(told))


def unknown_command_is_told(started: Machine) -> None:
    expect(ask(started, "xyzzy"), r"(?i)xyzzy|unknown|no such|help", "an unknown command is answered")


def exception_goes_its_way(emulator: str, folder: Path) -> None:
    """First chance, nobody's handler, second chance; `go` both times, and what comes then is the bugcheck."""
    with tempfile.TemporaryDirectory(prefix="mica-debug-") as scratch:
        make_disk(folder, Path(scratch), "/DEBUG", [])
        with machine(emulator, Boot(Path(scratch), realtime=False)) as started:
            if PROMPT not in started.read_until(PROMPT, BOOT_SECONDS):
                raise Failure("a disk with /DEBUG boots to the prompt", "no prompt")
            ask_about_an_exception(started)


def ask_about_an_exception(started: Machine) -> None:
    expect(ask(started, "sx on"), r"first chance: stop here", "sx on is confirmed")
    first = ask(started, "raise")
    expect(first, r"Exception 0xc0000001 at ntoskrnl\.exe\+0x[0-9a-f]+ \(first chance\)", "the first chance")
    second = ask(started, "go")
    expect(second, r"Exception 0xc0000001 at ntoskrnl\.exe\+0x[0-9a-f]+ \(second chance\)", "the second chance")
    started.write(b"go\r")
    text = plain(started.read_until(b"\n  #2 ", ANSWER_SECONDS))
    expect(text, r"\*\*\* STOP: 0x0000001e KMODE_EXCEPTION_NOT_HANDLED \(0xc0000001", "the bugcheck")


def bugcheck_has_names(started: Machine, folder: Path) -> None:
    started.write(b"bugcheck\r")
    said = started.read_until(b"\n  #2 ", ANSWER_SECONDS) + started.read_until(b"\n\n", 3)
    text = plain(Annotate(Names(folder))(said))
    expect(text, r"\*\*\* STOP: 0x[0-9a-f]{8}", "the bugcheck's line")
    expect(text, r"#\d+ ntoskrnl\.exe\+0x[0-9a-f]+  .*\bat kernel/ntos/\S+:\d+", "a frame with function, file and line")


def shell_runs_programs(emulator: str, folder: Path, processors: int) -> None:
    """What `make run` boots ends at the shell; programs, their exit status, Ctrl+C, the monitor by its key and back."""
    parts = Parts() if processors == 1 else Parts(processors=processors)
    with machine(emulator, Boot(folder, "" if processors == 1 else f"/SMP={processors}", parts, realtime=False, programs=True)) as started:
        said = started.read_until(SHELL, BOOT_SECONDS)
        if SHELL not in said:
            raise Failure("a machine with programs boots to the shell's prompt", last_lines(plain(said)) or started.trouble())
        expect(plain(said), rf", {processors} processor", "as many processors as it has")
        talk_to_the_shell(started)


def talk_to_the_shell(started: Machine) -> None:
    expect(ask(started, "help", SHELL), r"^start PROGRAM", "help")
    expect(ask(started, "dir *md.exe", SHELL), r"^ +\d+  mcmd\.exe\n(?!.*dir)", "dir shows what matches")
    expect(ask(started, "objdir \\Device", SHELL), r"^Console +Device$", "objdir shows the console")
    crashes_are_told(started)
    lines_are_understood(started)
    keys_edit_lines(started)
    tools_see_processes(started)
    for command in ("crash loop", "hexdump ntdll.dll"):
        started.write(command.encode() + b"\r")
        started.read_until(b"4d 5a" if "hex" in command else b"\n", ANSWER_SECONDS)
        started.write(b"\x03")
        expect(plain(started.read_until(SHELL, ANSWER_SECONDS)), rf"^{command.split()[0]}: c000013a$", f"Ctrl+C ends {command}")
    started.write(b"\x1d")
    if PROMPT not in started.read_until(PROMPT, ANSWER_SECONDS):
        raise Failure("Ctrl+] calls the monitor", "no prompt")
    expect(ask(started, "threads"), r"\bRunning\b", "the monitor answers")
    expect(ask(started, "g", SHELL), r"^C:\\> $", "g leads back to the shell, which shows its prompt again")
    expect(ask(started, "echo back", SHELL), r"^back$", "the shell reads")
    expect(ask(started, "exit 3", SHELL), r"^mcmd\.exe has ended; it is started again$", "smss.exe starts another shell")


def the_keyboard_types(folder: Path) -> None:
    """Keys of a PS/2 keyboard, beside the serial line: letters, shift, an arrow, Ctrl+C."""
    with machine("qemu", Boot(folder, programs=True)) as started:
        if SHELL not in started.read_until(SHELL, BOOT_SECONDS):
            raise Failure("a machine with programs boots to the shell's prompt", "no prompt")
        started.press("e", "c", "h", "o", "spc", "shift-h", "i", "1", "shift-1", "ret")
        expect(plain(started.read_until(b"\n" + SHELL, ANSWER_SECONDS)), r"^Hi1!$", "letters, figures and shift")
        started.press("up", "ret")
        expect(plain(started.read_until(b"\n" + SHELL, ANSWER_SECONDS)), r"^Hi1!$", "an arrow brings the line before")
        started.press("x", "ctrl-c")
        expect(plain(started.read_until(b"^C", ANSWER_SECONDS)), r"x\^C$", "Ctrl+C gives the line up")
        started.read_until(SHELL, ANSWER_SECONDS)
        expect(ask(started, "echo serial", SHELL), r"^serial$", "the serial line types, too")


def lines_are_understood(started: Machine) -> None:
    """Quotes, variables, redirection, and what cannot be done."""
    expect(ask(started, 'echo "a  b" c', SHELL), r"^a  b c$", "quotes keep blanks")
    ask(started, "set PLACE=Device", SHELL)
    expect(ask(started, "set", SHELL), r"^PLACE=Device$", "set shows the environment")
    expect(ask(started, "objdir \\%PLACE%", SHELL), r"^Console +Device$", "a variable in a line")
    expect(ask(started, "echo %NONE% 5% %place%", SHELL), r"^%NONE% 5% Device$", "what is no variable stays")
    ask(started, "set PLACE=", SHELL)
    expect(ask(started, "echo %PLACE%", SHELL), r"^%PLACE%$", "a variable that was taken away")
    expect(ask(started, "nosuch", SHELL), r"^nosuch: no such command or program", "an unknown program is told")
    expect(ask(started, "echo %STATUS%", SHELL), r"^C0000034$", "the status as a variable")
    expect(ask(started, "hexdump < hello.exe > CON", SHELL), r"^\w+ +4d 5a", "input from a file, output to the console")
    expect(ask(started, "hexdump <nothing.txt", SHELL), r"^nothing\.txt: cannot be read \(c0000034\)$", "a file that is not there")
    expect(ask(started, "dir > list.txt", SHELL), r"^list\.txt: cannot be written \(c0000034\): there is no file system yet", "no file can be made")
    expect(ask(started, "dir | hexdump", SHELL), r"^no pipes yet", "no pipes, and that is said")
    expect(ask(started, "dir >", SHELL), r"^>: which file\?$", "a redirection without a name")


def keys_edit_lines(started: Machine) -> None:
    """Tab completes, arrows bring earlier lines, Ctrl+C gives a line up."""
    started.write(b"objd\t\\Device\r")
    expect(plain(started.read_until(b"\n" + SHELL, ANSWER_SECONDS)), r"objdir \\Device\n(?:.*\n)*Console +Device$", "Tab completes a program")
    started.write(b"hexdump hello\t>CON\x08\x08\x08\x08\r")
    expect(plain(started.read_until(b"\n" + SHELL, ANSWER_SECONDS)), r"^\w+ +4d 5a", "Tab completes a file")
    started.write(b"he\t")
    expect(plain(started.read_until(b"C:\\> he", ANSWER_SECONDS)), r"^help  hello  hexdump$", "Tab shows what there is to choose from")
    started.write(b"\x03")
    if SHELL not in started.read_until(SHELL, ANSWER_SECONDS):
        raise Failure("Ctrl+C gives a line up", "no prompt")
    ask(started, "echo again", SHELL)
    started.write(b"\x1b[A\r")
    expect(plain(started.read_until(b"\n" + SHELL, ANSWER_SECONDS)), r"^again$", "an arrow brings the line before")


def tools_see_processes(started: Machine) -> None:
    """A program that never ends, in the background: ps, handles, top and run see it, kill ends it."""
    told = ask(started, "start crash loop", SHELL)
    expect(told, r"^process \d+$", "start tells the ID")
    process = re.findall(r"^process (\d+)", told, re.M)[0]
    expect(ask(started, "ps", SHELL), rf"^ +{process} +\d+ +1 +\d+ +8 .* crash\.exe$", "ps shows it")
    expect(ask(started, f"handles {process}", SHELL), r"^ +[0-9a-f]+  [0-9a-f]{8}  File +.*Console\n(?:.*\n)*\d+ handles$", "handles shows its console")
    expect(ask(started, "handles 99999", SHELL), r"^99999: no such process \(c[0-9a-f]{7}\)$", "no such process")
    expect(ask(started, "run -high ps", SHELL), r"^ +\d+ +\d+ +1 +\d+ +13 .* ps\.exe$", "run -high gives the class")
    expect(ask(started, "run -idle crash divide", SHELL), r"^run: c0000094$", "run ends as its program does")
    expect(ask(started, "run -fast ps", SHELL), r"^run -idle \|", "an unknown class")
    started.write(b"top\r")
    for look in ("top looks", "top looks again"):
        if b"available" not in started.read_until(b"available", ANSWER_SECONDS):
            raise Failure(look, "it does not")
    expect(plain(started.read_until(b"crash.exe", ANSWER_SECONDS)), rf"^ +{process} +\d+\.\d .* crash\.exe$", "top shows its share")
    started.write(b"q")
    if SHELL not in started.read_until(SHELL, ANSWER_SECONDS):
        raise Failure("q ends top", "no prompt")
    expect(ask(started, f"kill {process} 7", SHELL), rf"kill {process} 7\nC:\\> $", "kill says nothing when all is well")
    expect(ask(started, f"kill {process}", SHELL), rf"^{process}: no such process", "it is gone")
    if "crash.exe" in ask(started, "ps", SHELL):
        raise Failure("no process crash.exe", "it is still there")


def crashes_are_told(started: Machine) -> None:
    """Exception, module and offset, the stack with names; the program ends with the code, and the next command is answered."""
    for kind, code, where in (("divide", "c0000094", r"crash\.exe\+0x[0-9a-f]+"), ("write", "c0000005", r"crash\.exe\+0x[0-9a-f]+: writes 00000004"),
                              ("raise", "c0000001", r"ntdll\.dll\+0x[0-9a-f]+  Rtl\w+\+0x[0-9a-f]+"), ("jump", "c0000005", r"0x00000010: reads 00000010")):
        said = ask(started, f"crash {kind}", SHELL)
        expect(said, rf"^crash\.exe: exception {code} at {where}$", f"crash {kind}: exception, module and offset")
        expect(said, r"(?m)^  #0 .*(?:\n  #\d+ .*)*\n  #\d+ crash\.exe\+0x[0-9a-f]+$" if kind in ("raise", "jump") else r"^  #0 crash\.exe\+0x",
               f"crash {kind}: the program is on the stack")
        expect(said, r"^  #\d+ ntdll\.dll\+0x[0-9a-f]+  Rtl\w+\+0x[0-9a-f]+$", f"crash {kind}: the stack down to the thread's begin, with names")
        expect(said, rf"^crash: {code}$", f"crash {kind}: the shell tells the code")
    expect(ask(started, "crash stack", SHELL), r"c00000fd(?s:.)*^crash: c00000fd$", "a stack that is used up is told, too")
    expect(ask(started, "status", SHELL), r"^c00000fd$", "status of the last program")


def session_manager_that_crashes_is_a_bugcheck(emulator: str, folder: Path) -> None:
    """A program that writes to address 20h, in the place of smss.exe."""
    with tempfile.TemporaryDirectory(prefix="mica-smss-") as scratch:
        smss = Path(scratch) / "smss.exe"
        smss.write_bytes((folder / "boot/crashes.exe").read_bytes())
        make_disk(folder, Path(scratch), "", ["ntdll.dll", str(smss)])
        with machine(emulator, Boot(Path(scratch), realtime=False)) as started:
            text = plain(started.read_until(b"\n  #2 ", BOOT_SECONDS))
    expect(text, r"^smss\.exe: exception c0000005 at smss\.exe\+0x[0-9a-f]+: writes 00000020$", "the exception is told")
    expect(text, r"^smss\.exe has ended with c0000005; nothing would start programs any more$", "what it means")
    expect(text, r"^\*\*\* STOP: 0x000000ef CRITICAL_PROCESS_DIED \(.*0xc0000005", "the bugcheck with the exit status")


# ---- running --------------------------------------------------------------------------------------------------------
def talk(emulator: str, folder: Path) -> "Iterator[Tuple[str, List[str], Callable[[], None]]]":
    """The tests that share one boot: name, rows, what to do."""
    started = machine(emulator, Boot(folder, realtime=False))

    def boots() -> None:
        started.__enter__()
        said = started.read_until(PROMPT, BOOT_SECONDS)
        if PROMPT not in said:
            raise Failure("the disk image boots to the prompt 'kd> '", last_lines(plain(said)) or started.trouble() or "nothing")

    try:
        yield "boots-to-prompt", ["BOO-04", "TOL-06"], boots
        yield "help-lists-commands", ["TOL-06"], lambda: help_lists_commands(started)
        yield "threads-shows-states", ["SYS-02", "TOL-08"], lambda: threads_shows_states(started)
        yield "commands-answer", ["TOL-06"], lambda: commands_answer(started)
        yield "spin-makes-threads-compete", ["TOL-06", "SCH-16"], lambda: spin_makes_threads_compete(started)
        yield "fill-uses-memory", ["MEM-05", "PFN-11"], lambda: fill_uses_memory(started)
        yield "unknown-command", ["TOL-06"], lambda: unknown_command_is_told(started)
        yield "bugcheck-has-names", ["TRP-09", "TOL-07"], lambda: bugcheck_has_names(started, folder)
    finally:
        started.stop()
    yield "exception-goes-its-way", ["EXC-02", "TOL-06"], lambda: exception_goes_its_way(emulator, folder)
    for processors in (1,) if emulator == "bochs" else (1, 4):
        yield f"shell-runs-programs-{processors}", ["SYS-03", "SYS-05", "PRC-05", "IOM-03", "TOL-08", "EXC-04"], partial(shell_runs_programs, emulator, folder, processors)
    yield "session-manager-that-crashes-is-a-bugcheck", ["SYS-03", "EXC-04", "TRP-09"], partial(session_manager_that_crashes_is_a_bugcheck, emulator, folder)
    if emulator == "qemu":
        yield "keyboard-types", ["SYS-05", "INT-03"], lambda: the_keyboard_types(folder)
        yield "little-memory-is-used", ["PFN-11"], lambda: little_memory_is_used(emulator, folder)


def make_disk(folder: Path, to: Path, options: str, files: "List[str]") -> None:
    """A disk image of its own: the kernel with these options, drivers and boot files."""
    images = [folder / "boot" / name for name in ["ntoskrnl.exe", "hal.dll", *files]]
    subprocess.run([sys.executable, str(ROOT / "kernel/boot/mkdisk.py"), "--mbr", str(folder / "obj/boot/mbr.bin"),
                    "--stage", str(folder / "obj/boot/stage.bin"), "--out", str(to / "monitor.img"),
                    "--options", options, *map(str, images)], check=True, capture_output=True)


# A console that was opened keeps the serial port's interrupt, which other drivers' tests take; files.sys tells all boot files by their names;
# ring3.sys and processes.sys take the place of ntdll.dll in the kernel, so no program runs behind them.
NOT_BY_THEMSELVES = ("lab", "bench", "console", "debugger", "files", "firstprogram", "userimages", "processes", "hostile")


def runs_by_itself(driver: str) -> bool:
    """Labs' drivers and the bench are no tests by themselves; others ask for a boot option or another kernel on each machine of theirs."""
    return not driver.startswith(NOT_BY_THEMSELVES) and any(not one.options and not one.flavour for one in guest.machines(driver, 1))


def self_tests(emulator: str, folder: Path) -> "Dict[str, Tuple[bool, str]]":
    """Boots a disk of its own with the guest test drivers and /SELFTEST: name -> passed, what it said."""
    with tempfile.TemporaryDirectory(prefix="mica-selftest-") as scratch:
        own = Path(scratch)
        drivers = [path for path in sorted((folder / "tests").glob("*.sys")) if runs_by_itself(path.stem)]
        files = sorted({file for each in drivers for one in guest.machines(each.stem, 1) for file in one.files})
        make_disk(folder, own, "/SELFTEST", ["pagedisk.sys", *(each.name for each in drivers), *files])
        with machine(emulator, Boot(own, realtime=False, machine=Parts(disks=(page_file(PAGE_FILE_MB, "ide"),)))) as started:
            said = plain(started.read_until(PROMPT, TESTS_SECONDS)) or started.trouble()
    found: "Dict[str, Tuple[bool, str]]" = {}
    lines = said.splitlines()
    for number, line in enumerate(lines):
        match = GUEST_LINE.match(line)
        if match:
            detail = [each[6:].strip() for each in lines[number + 1:number + 2] if each.startswith("GUEST   ")]
            found[match[1]] = (match[2] == "ok", " ".join(detail))
    if PROMPT.decode() not in said:
        found["self-tests-end"] = (False, last_lines(said) or "the machine said nothing")
    return found


def say(name: str, ok: bool, features: "List[str]", expected: str, seen: str, repeat: str) -> None:
    print(json.dumps({"name": name, "ok": ok, "features": features, "expected": "" if ok else expected,
                      "seen": "" if ok else seen, "repeat": repeat}), flush=True)


def main(argv: "List[str]") -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emu", default="qemu", choices=("qemu", "bochs"))
    parser.add_argument("--out", default=os.environ.get("O", "build"))
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", default="", help="ignored: nothing here is random")
    args = parser.parse_args(argv)
    folder = Path(args.out).resolve() / "free"
    repeat = f"python3 kernel/tests/console/run.py --emu {args.emu} --out {args.out}"
    wanted: "Callable[[str], bool]" = lambda name: not args.only or fnmatch.fnmatch(name, args.only)
    failed = broken = False
    told = 0

    def tell(name: str, ok: bool, features: "List[str]", expected: str, seen: str) -> None:
        """What nobody asked for is tried too: a test finds the prompt as the one before has left it."""
        nonlocal failed, told
        if wanted(name):
            say(name, ok, features, expected, seen, repeat)
            failed, told = failed or not ok, told + 1

    for name, features, test in talk(args.emu, folder):
        if broken:  # the machine is gone: what follows cannot be asked
            tell(name, False, features, "the prompt is there", "an earlier test lost it")
            continue
        try:
            test()
            tell(name, True, features, "", "")
        except Failure as failure:
            tell(name, False, features, failure.expected, failure.seen)
            broken = True
    if args.emu == "bochs":
        for name, (ok, detail) in self_tests(args.emu, folder).items():
            tell(f"selftest.{name}", ok, [], "the guest test passes in Bochs too", detail)
    if not told:
        print(f"no test is called '{args.only}'", file=sys.stderr)
        return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

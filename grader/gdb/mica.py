"""gdb's `mica` commands: threads, ready, waits, pte, vad, pfn, switch-to, switch-back, rewind.

Source this file in a gdb that has the kernel's symbols (`make gdb` and `make replay` do).  The layout comes from the
kernel's image beside the symbol file, by the decoder that the grader uses (grader/views).
In the books: "kernel debugger", the !thread and !ready extensions.  TOL-06.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gdb  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from grader.errors import GraderError  # noqa: E402
from grader.gdb import arrive, memorytables, tables  # noqa: E402
from grader.images.pe import PeImage  # noqa: E402
from grader.images.symbols import Module, Symbols  # noqa: E402
from grader.views.fields import read_layout  # noqa: E402
from grader.views.memory import BrokenList, Structures  # noqa: E402
from grader.views.ring import PROCESSORS_MAX  # noqa: E402
from grader.views.threads import Threads  # noqa: E402

REGISTERS = ("eip", "esp", "ebp", "ebx", "esi", "edi", "eflags")
RESUMING = ("continue", "step", "next", "stepi", "nexti", "finish", "until", "advance", "jump", "detach", "kill",
            "call")


class Memory:
    """The stopped guest's memory, through gdb."""

    def read(self, address: int, size: int) -> bytes:
        return bytes(gdb.selected_inferior().read_memory(address & 0xFFFFFFFF, size))


class Kernel:
    """What the commands look at.  Made afresh for every command: the guest may have run."""

    def __init__(self) -> None:
        image = PeImage.load(kernel_image())
        self.symbols = Symbols([Module(image.path.name, image, image.base)])
        self.view = Structures(Memory(), read_layout(image))
        block = self.symbols.address("KiProcessorBlock")
        prcbs = [prcb for prcb in (self.view.u32(block + 4 * number) for number in range(PROCESSORS_MAX)) if prcb]
        if not prcbs:
            raise GraderError("the kernel has no processor block yet: let it run a little further")
        self.prcbs = prcbs
        own = prcbs[selected_processor() % len(prcbs)]
        self.threads = Threads(self.view, self.symbols.address("PsActiveProcessHead"), own, [prcb for prcb in prcbs if prcb != own])


def selected_processor() -> int:
    """The processor whose registers gdb shows: to gdb it is a thread, and it counts from 1."""
    chosen = gdb.selected_thread()
    return chosen.num - 1 if chosen is not None else 0


def kernel_image() -> Path:
    """ntoskrnl.exe beside the symbol file that gdb has loaded (build/free/gdb/ntoskrnl.exe.elf)."""
    name = gdb.current_progspace().filename
    if not name:
        raise GraderError("gdb has no symbol file: start it with `make gdb` or `make replay`")
    here = Path(name)
    for folder in (here.parent, here.parent.parent):
        if (folder / "ntoskrnl.exe").is_file():
            return folder / "ntoskrnl.exe"
    raise GraderError(f"no ntoskrnl.exe beside {here.name}: start gdb with `make gdb` or `make replay`")


class Command(gdb.Command):
    """One `mica NAME` command: prints lines, or one line that says what is wrong."""

    def __init__(self, name: str, help_text: str) -> None:
        self.__doc__ = help_text
        super().__init__(f"mica {name}", gdb.COMMAND_STATUS)

    def invoke(self, argument: str, from_tty: bool) -> None:
        try:
            for line in self.lines(argument.strip()):
                gdb.write(line + "\n")
        except (GraderError, BrokenList) as error:
            raise gdb.GdbError(f"mica: {error}") from None
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"mica: the kernel's structures cannot be read here ({error})") from None
        except gdb.error as error:
            raise gdb.GdbError(f"mica: {error}") from None

    def lines(self, argument: str) -> "list[str]":
        raise NotImplementedError


class ThreadsCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        kernel = Kernel()
        esp = int(gdb.parse_and_eval("(unsigned int)$esp"))
        return tables.threads(kernel.threads, kernel.symbols, int(saved.get("esp", esp)))


class ReadyCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        kernel = Kernel()
        prcb = int(gdb.parse_and_eval(f"(unsigned int)({argument})")) if argument else kernel.threads.prcb
        return tables.ready(kernel.threads, prcb, labels)


class WaitsCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        return tables.waits(Kernel().threads)


class PteCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        if not argument:
            raise GraderError("pte needs an address: mica pte 0x80100000, mica pte &KiProcessorBlock")
        kernel = Kernel()
        return memorytables.pte(kernel.view, kernel.symbols, int(gdb.parse_and_eval(f"(unsigned int)({argument})")))


class VadCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        kernel = Kernel()
        return memorytables.vad(kernel.view, kernel.symbols, argument)


class PfnCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        kernel = Kernel()
        return memorytables.pfn(kernel.view, kernel.symbols, argument)


saved: "dict[str, int]" = {}
labels: "dict[int, str]" = {}  # what the replayed test calls its threads


class SwitchCommand(Command):
    """Shows another thread's stack by putting its saved registers where gdb looks; undone before the guest runs."""

    def lines(self, argument: str) -> "list[str]":
        if not argument:
            raise GraderError("switch-to needs a thread: its address, its number or its name (see `mica threads`)")
        kernel = Kernel()
        thread = tables.find(kernel.threads, argument)
        go_back()
        for number, prcb in enumerate(kernel.prcbs):
            if thread.address == kernel.view.get(prcb, "KPRCB.CurrentThread"):
                here = selected_processor() == number
                return [f"{thread.name or hex(thread.address)} runs" + (": these are its registers" if here else
                        f" on processor {number}: `thread {number + 1}` shows its registers")]
        context = tables.saved_context(kernel.view, thread)
        saved.update({name: int(gdb.parse_and_eval(f"(unsigned int)${name}")) for name in REGISTERS})
        put(context)
        return [
            f"the saved registers of {thread.name or hex(thread.address)}; `bt` shows its stack, `mica switch-back` or "
            "going on undoes it"
        ]


class BackCommand(Command):
    def lines(self, argument: str) -> "list[str]":
        return ["back in the thread that runs"] if go_back() else ["nothing to undo"]


class RewindCommand(Command):
    """Back to the snapshot that `make replay` took."""

    def lines(self, argument: str) -> "list[str]":
        saved.clear()
        said = gdb.execute("monitor loadvm replay", to_string=True).strip()
        gdb.execute("maintenance flush register-cache", to_string=True)
        gdb.execute("maintenance flush dcache", to_string=True)
        if said:
            raise GraderError(f"there is no snapshot to go back to ({said}); `make replay` makes one")
        stand()
        return ["back where the replay began"]


fault: "list[str]" = []


def stand() -> None:
    """From where the grader left the guest to where gdb's view is right, and shows that place."""
    with arrive.quiet():
        arrive.enter_body()
        arrive.select_frame_of(fault[0])
    gdb.execute("frame")


def begin_replay(commands: "list[str]", names: "dict[int, str]", routine: str, returned: int, stopped: int,
                 left: "list[int]") -> None:
    """`make replay` starts gdb.  `commands` connect it; `names`: what the test calls some addresses; `routine`: what the
    failure is about, if a stopped kernel is to be shown; `returned`, `stopped`, `left`: where calls end, where a bugcheck does, and
    where the test leaves this call."""
    with arrive.quiet():
        for line in commands:
            gdb.execute(line)
    labels.update(names)
    fault.append(routine)
    arrive.Returned(returned)
    arrive.Stopped(stopped)
    for address in left:
        arrive.Left(address)
    stand()


def put(values: "dict[str, int]") -> None:
    for name, value in values.items():
        gdb.execute(f"set var ${name} = {value:#x}", to_string=True)
    gdb.execute("frame 0", to_string=True)


def go_back() -> bool:
    """Restores the registers of the thread that runs."""
    if not saved:
        return False
    values = dict(saved)
    saved.clear()
    put(values)
    return True


class MicaCommand(gdb.Command):
    """Views of Mica's kernel."""

    def __init__(self) -> None:
        super().__init__("mica", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, True)

    def invoke(self, arguments: str, _from_tty: bool) -> None:
        if arguments:
            raise gdb.GdbError(f"mica {arguments.split()[0]}: there is no such view; mica alone lists them.")
        gdb.execute("help mica")


def install() -> None:
    MicaCommand()
    ThreadsCommand("threads",
                   "Every thread: state, priorities, quantum, and where it stands. `*` marks whose stack ESP lies on.")
    ReadyCommand("ready", "mica ready [PRCB]: the ready queues of the processor that gdb shows, or of the KPRCB at an address (mica ready Prcb), "
                          "and whether ReadySummary agrees with them.")
    WaitsCommand("waits", "Waiting threads, and the objects that they wait for.")
    PteCommand("pte", "mica pte ADDRESS: the directory entry and the page table entry of an address, in the current address space.")
    VadCommand("vad", "mica vad [PROCESS]: the ranges of a process (its ID, address or name; without one System), and what is wrong with them.")
    PfnCommand("pfn", "mica pfn [FRAME]: a page frame; without one how many pages are in each state, and what does not agree.")
    SwitchCommand("switch-to", "mica switch-to ADDRESS|NUMBER|NAME: look at another thread's stack.")
    BackCommand("switch-back", "Back to the thread that runs, after `mica switch-to`.")
    RewindCommand(
        "rewind",
        "Back to where the replay began (in `make replay`); the run from there is the same every time.")
    # Questions stay on: without them a second Ctrl-C would give the machine up.  Leaving needs none.
    gdb.execute("define hook-quit\nset confirm off\nend", to_string=True)
    for command in RESUMING:
        gdb.execute(f"define hook-{command}\npython mica_go_back()\nend", to_string=True)


# gdb's hooks run in __main__.
sys.modules["__main__"].__dict__["mica_go_back"] = go_back
sys.modules["__main__"].__dict__["mica_begin_replay"] = begin_replay
install()

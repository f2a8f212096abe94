"""Makes everything that names all system services out of services.def (its head says the form).

    generate.py services.def header|kernel|stubs|check|manual|arguments  > file

header   service numbers, and SYSTEM_SERVICES(X) for who wants a line a service: X(number, name, words of arguments)
kernel   assembly: KiServiceTable, KiArgumentTable, KiServiceLimit, and a Zw stub a service
stubs    assembly to include: the Nt stubs of ntdll
check    C++: the routines that the kernel's headers declare have the arguments that the table names
manual   Markdown
arguments  C++: a letter for each argument, for who makes calls up: SERVICE_ARGUMENTS(X) with X(number, name,
           "letters", type of the handle that it gives). See KINDS
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ENTRY = re.compile(r"(Nt\w+)\((.*?)\):\s*(.+)", re.DOTALL)
ARGUMENT = re.compile(r"(in|out|inout)( opt)? (.+?)\s*(\w+)")
WORD = 4  # bytes that an argument has on the stack
LIMIT = 0x1000  # services of a table: the number's low twelve bits
HEADERS = ("io.h", "ke.h", "ke/service.h", "mm.h", "mm/section.h", "mm/virtual.h", "ob/sync.h", "ps.h", "ps/debug.h", "ps/job.h", "ps/services.h")  # where the routines are declared


class TableError(Exception):
    """services.def is not as its head says."""


@dataclass(frozen=True)
class Argument:
    """One argument of a service."""

    direction: str
    optional: bool
    type: str
    name: str


@dataclass(frozen=True)
class Service:
    """One system service."""

    number: int
    name: str
    arguments: tuple[Argument, ...]
    contract: str

    @property
    def bytes(self) -> int:
        return WORD * len(self.arguments)

    @property
    def base(self) -> str:
        """Its name without Nt."""
        return self.name[2:]


def parse(text: str) -> list[Service]:
    """The table's services, by number."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    entries: list[str] = []
    for line in lines:
        if not line[0].isspace():
            entries.append(line)
        elif entries:
            entries[-1] += " " + line.strip()
    services = []
    for number, entry in enumerate(entries):
        match = ENTRY.fullmatch(entry)
        if not match:
            raise TableError(f"not understood: {entry}")
        name, arguments, contract = match.groups()
        services.append(Service(number, name, tuple(_argument(name, part) for part in _split(arguments)), contract))
    names = [service.name for service in services]
    if names != sorted(set(names)):
        wrong = next(b for a, b in zip(names, sorted(names) + [""]) if a != b) if names != sorted(names) else "a name comes twice"
        raise TableError(f"not in alphabetical order: {wrong}")
    if len(services) > LIMIT:
        raise TableError(f"more than {LIMIT} services")
    return services


def _split(arguments: str) -> list[str]:
    return [part.strip() for part in arguments.split(",") if part.strip()]


def _argument(name: str, part: str) -> Argument:
    match = ARGUMENT.fullmatch(part)
    if not match:
        raise TableError(f"{name}: argument not understood: {part}")
    direction, optional, kind, argument = match.groups()
    return Argument(direction, bool(optional), kind.strip(), argument)


def header(services: list[Service]) -> str:
    rows = " \\\n".join(f"    X({s.number}, {s.name}, {len(s.arguments)})" for s in services)
    numbers = "\n".join(f"#define SERVICE_{s.name} {s.number}" for s in services)
    return f"// Made by kernel/services/generate.py.\n#pragma once\n\n{numbers}\n#define SERVICE_COUNT {len(services)}\n\n#define SYSTEM_SERVICES(X) \\\n{rows}\n"


def kernel(services: list[Service]) -> str:
    lines = ["# Made by kernel/services/generate.py.", '    .section .rdata, "dr"', "    .p2align 2", "    .globl _KiServiceTable", "_KiServiceTable:"]
    lines += [f"    .long _{s.name}@{s.bytes}" for s in services]
    lines += ["    .globl _KiArgumentTable", "_KiArgumentTable:"]
    lines += [f"    .byte {s.bytes}" for s in services]
    lines += ["    .p2align 2", "    .globl _KiServiceLimit", "_KiServiceLimit:", f"    .long {len(services)}", "", "    .text"]
    for s in services:
        # what a gate would push: EFlags, Cs, Eip
        lines += [f"    .globl _Zw{s.base}@{s.bytes}", f"_Zw{s.base}@{s.bytes}:", f"    movl ${s.number}, %eax", "    leal 4(%esp), %edx",
                  "    pushfl", "    pushl $8", "    call _KiSystemService", _ret(s)]
    return "\n".join(lines) + "\n"


def stubs(services: list[Service]) -> str:
    lines = ["# Made by kernel/services/generate.py: STUB routine, number, bytes of arguments. KUSER_SHARED_DATA's SystemCall leads into the",
             "# kernel. A label is global if the file that includes this says so: .set GLOBAL_STUBS, 1", ".macro STUB routine, number, bytes",
             "    .ifdef GLOBAL_STUBS", "    .globl \\routine", "    .endif", "\\routine:", "    movl $\\number, %eax",
             "    movl $0x7FFE0300, %edx", "    call *(%edx)", "    ret $\\bytes", ".endm"]
    lines += [f"    STUB _{s.name}@{s.bytes}, {s.number}, {s.bytes}" for s in services]
    return "\n".join(lines) + "\n"


def _ret(service: Service) -> str:
    return f"    ret ${service.bytes}" if service.bytes else "    ret"


def check(services: list[Service]) -> str:
    includes = "\n".join(f'#include "{name}"' for name in HEADERS)
    lines = ["// Made by kernel/services/generate.py: the routines are what services.def says.", includes, "",
             "template <typename A, typename B> constexpr bool Same = false;", "template <typename A> constexpr bool Same<A, A> = true;", ""]
    for s in services:
        types = ", ".join(a.type for a in s.arguments)
        lines.append(f'static_assert(Same<decltype({s.name}), NTSTATUS NTAPI({types})>, "{s.name} and services.def differ");')
        lines += [f"static_assert(sizeof({a.type}) <= {WORD});" for a in s.arguments]
    return "\n".join(lines) + "\n"


def manual(services: list[Service]) -> str:
    lines = ["# System services", "", "Made of `kernel/services/services.def`. A number is good for one build only.", "",
             "| number | service | arguments | what it does |", "| ---: | --- | --- | --- |"]
    for s in services:
        arguments = "<br>".join(f"{a.direction}{', optional' if a.optional else ''}: `{a.type} {a.name}`" for a in s.arguments)
        lines.append(f"| {s.number} | `{s.name}` | {arguments} | {s.contract} |")
    return "\n".join(lines) + "\n"


# The letter of an argument: the first row whose type and name fit. A handle's is the digit of its type in HANDLES, if its name says it.
HANDLES = ("Event", "Mutant", "Semaphore", "Timer", "Thread", "Process", "Section", "File", "Directory", "Link")
KINDS = ((r"HANDLE\*", r".*", "h"), (r"POBJECT_ATTRIBUTES", r".*", "A"), (r"PUNICODE_STRING", r".*", "U"), (r"CONTEXT\*", r".*", "C"),
         (r"LARGE_INTEGER\*", r".*", "L"), (r"P?VOID\*", r".*", "S"), (r"SIZE_T\*", r".*", "s"), (r"PCLIENT_ID", r".*", "I"),
         (r".*\*|P(?!ROCESSINFOCLASS).*", r".*", "P"), (r"BOOLEAN", r".*", "B"), (r"ACCESS_MASK", r".*", "M"),
         (r"ULONG|SIZE_T", r".*(Length|Size|Count)", "N"), (r"ULONG|SIZE_T", r".*Protect(ion)?", "p"),
         (r"ULONG|SIZE_T", r"(Allocation|Free|Map)Type", "t"), (r"ULONG_PTR", r"ZeroBits", "Z"),
         (r"ULONG|LONG|SIZE_T|ULONG_PTR|NTSTATUS", r".*", "V"), (r".*", r".*", "K"))


def _handle(argument: Argument) -> int:
    return next((n for n, name in enumerate(HANDLES) if argument.name in (name + "Handle", "Source" + name + "Handle", "Target" + name + "Handle")), len(HANDLES))


def _kind(argument: Argument) -> str:
    if argument.type == "HANDLE":
        return "O" if argument.optional else str(_handle(argument)) if _handle(argument) < len(HANDLES) else "H"
    letter = next(letter for kind, name, letter in KINDS if re.fullmatch(kind, argument.type) and re.fullmatch(name, argument.name))
    return "Q" if letter == "P" and argument.optional else letter


def arguments(services: list[Service]) -> str:
    rows = []
    for s in services:
        told = next((_handle(a) for a in s.arguments if a.type == "HANDLE*" and a.direction == "out"), len(HANDLES))
        rows.append(f'    X({s.number}, {s.name}, "{"".join(map(_kind, s.arguments))}", {told})')
    lines = " \\\n".join(rows)
    return f"// Made by kernel/services/generate.py.\n#pragma once\n\n#define SERVICE_HANDLE_TYPES {len(HANDLES)}\n#define SERVICE_ARGUMENTS(X) \\\n{lines}\n"


PARTS = {"header": header, "kernel": kernel, "stubs": stubs, "check": check, "manual": manual, "arguments": arguments}


def main(argv: list[str]) -> int:
    if len(argv) != 2 or argv[1] not in PARTS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        services = parse(Path(argv[0]).read_text(encoding="utf-8"))
    except TableError as error:
        print(f"{argv[0]}: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(PARTS[argv[1]](services))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

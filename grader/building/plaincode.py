"""What a student's source may be written in: C++ as a compiler of any make reads it, where the exercise needs no more.

Preemption points are hooks that the compiler puts at loads and stores (nt/explore.h).  An attribute switches them off, inline
assembly and some builtins do without; then a race happens where no explorer looks.  So the files of an explored exercise
keep to the language (hooked.py looks at what became of them).  In other exercises inline assembly is a tool, and only attributes and pragmas are refused: they move
code, hide names and silence contracts.

The text decides, before any compiler runs: comments and strings are gone, lines are joined, and names cannot be pasted together.
"""

from __future__ import annotations

import re
from typing import List, Tuple

ASSEMBLY = ("asm", "__asm", "__asm__")
ATTRIBUTES = ("__attribute__", "__attribute", "__declspec", "_Pragma", "__pragma")
PLAIN_ATTRIBUTES = ("maybe_unused", "nodiscard", "noreturn", "fallthrough", "likely", "unlikely")
# Names of the compiler's that an explored file may use: none of them touches memory unseen.
SEEN = re.compile(r"__(?:builtin_(?:clz|ctz|ffs|popcount|parity|bswap32|expect|unreachable|offsetof|constant_p|trap|types_compatible_p)l{0,2}|"
                  r"atomic_(?:load|store)_n|ATOMIC_[A-Z_]+|func__|FUNCTION__|FILE__|LINE__|COUNTER__|cplusplus|"
                  r"try|except|finally|leave|stdcall|fastcall|cdecl|int64|int32|inline|inline__|restrict|volatile__|const__|"
                  r"has_include|has_builtin|is_same|underlying_type|VA_ARGS__|VA_OPT__)|_Static_assert|_Alignas|_Alignof")
# Routines that compare or change memory without a point.
UNSEEN = re.compile(r"(?:mem(?:cmp|chr)|_?[Ii]nterlocked\w*_(?:acq|rel|nf|HLE\w+)|_interlocked\w+|_bittest\w*)")
# Routines of the runtime library have no points within, and some of them change memory in several steps.  Inline ones that fill
# or copy are as good as an assignment: build.mk gives it its points.
LIBRARY = re.compile(r"Rtl(?!RaiseStatus\b|RaiseException\b|Assert\b|ZeroMemory\b|CopyMemory\b)\w+")
EXPLORER = re.compile(r"Kx(?!QueueReadyThread\b|Mark\b)\w+")  # the explorer's own; inline routines of headers use it, no student's code does
ROUTINE = re.compile(r"(?:Ke|Ki|Kf|Kef|Ex|Hal|Ps|Mm|Ob|Io|Zw|Nt)[A-Z]\w*|\w*imp__\w*")
CONSTANTS = ("IoReadAccess", "IoWriteAccess", "IoModifyAccess", "MmNonCached", "MmCached", "MmWriteCombined")  # of the headers, named like routines
ENTRY = ("KX_OWN_DRIVER_ENTRY", "DriverEntry")
FLAVOUR = re.compile(r"MICA_EXPLORE|KX_\w+")
# What an assembler takes besides instructions, in a file that is an exercise: names and places, no data.
DIRECTIVES = {".text", ".globl", ".global", ".p2align", ".align", ".balign", ".type", ".size", ".def", ".scl", ".endef", ".set", ".equ", ".code32",
              ".att_syntax", ".intel_syntax"}
_DIRECTIVE_WORD = re.compile(r"(?<![\w$.\"%)@])\.[A-Za-z_]\w*")
_STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')
_RAW = re.compile(r'\b(?:u8|[uUL])?R"([^()\\\s]{0,16})\(.*?\)\1"', re.DOTALL)
_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
_COMMENTS = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_SPLICE = re.compile(r"(?:\\|\?\?/)[ \t]*\n")  # lines that a backslash joins
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_ATTRIBUTE = re.compile(r"(?:\[|<:)\s*(?:\[|<:)([^\]]*?)(?:\]|:>)\s*(?:\]|:>)")
_DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:|\?\?=)[ \t]*(\w+)", re.MULTILINE)


def objections(name: str, text: str, explored: bool, scenario: bool = False) -> List[str]:
    """Why this source is not compiled, a line each, as a compiler says it.  `explored`: its exercise is judged under many schedules.
    `scenario`: it judges kernels itself, by what their routines do and not by where they lie."""
    found: List[Tuple[int, str]] = []
    plain = _plain(text)

    def object_to(where: int, what: str) -> None:
        found.append((plain.count("\n", 0, where) + 1, what))

    for match in _DIRECTIVE.finditer(plain):
        if match[1] == "pragma":
            object_to(match.start(1), "#pragma: this file needs none; take it out")
        elif match[1] in ("line", "ident", "import", "include_next", "embed") or match[1].isdigit():
            object_to(match.start(1), f"#{match[1]}: this file needs none; take it out")
    for match in re.finditer(r"##|%:%:|\?\?=\?\?=|\\u\w*", plain):
        object_to(match.start(), f"{match[0][:2]}: names are written whole in this file")
    for match in _ATTRIBUTE.finditer(plain):
        for word in re.findall(r"[A-Za-z_][\w:]*", re.sub(r"\([^)]*\)", "", match[1])):
            if word not in PLAIN_ATTRIBUTES:
                object_to(match.start(), f"[[{word}]]: this file needs no attribute beyond {', '.join(PLAIN_ATTRIBUTES)}; take it out")
    for match in _NAME.finditer(plain):
        word = match[0]
        if word in ATTRIBUTES:
            object_to(match.start(), f"{word}: this file needs no attribute; take it out")
        elif explored and word in ASSEMBLY:
            object_to(match.start(), f"{word}: no inline assembly in this exercise: the explorer cannot stop within it; write it in C++")
        elif explored and not scenario and FLAVOUR.fullmatch(word):
            object_to(match.start(), f"{word}: a file is the same in every flavour of the kernel; leave it out")
        elif scenario and word in ENTRY:
            object_to(match.start(), f"{word}: the driver begins as every driver of scenarios does; what a scenario needs is in its Setup")
        elif explored and EXPLORER.fullmatch(word):
            object_to(match.start(), f"{word}: it belongs to the explorer of schedules; leave it alone")
        elif explored and LIBRARY.fullmatch(word):
            object_to(match.start(), f"{word}: a routine of the library, within which the explorer cannot stop; write its steps here")
        elif scenario and word not in CONSTANTS and ROUTINE.fullmatch(word) and not re.match(r"\s*\(", plain[match.end():]):
            object_to(match.start(), f"{word}: a scenario calls the kernel's routines, and uses neither their addresses nor the kernel's variables")
        elif explored and UNSEEN.fullmatch(word):
            object_to(match.start(), f"{word}: it touches memory where the explorer cannot look; assign the fields")
        elif explored and (word.startswith("__") or re.match(r"_[A-Z]", word)) and not SEEN.fullmatch(word):
            object_to(match.start(), f"{word}: a name of the compiler's; use the kernel's own (Interlocked..., ex/interlocked.h)")
    if not explored and set(_NAME.findall(plain)) & set(ASSEMBLY):
        found += _of_inline(text)
    return [f"{name}:{line}:1: error: {what}" for line, what in sorted(set(found))]


def _of_inline(text: str) -> List[Tuple[int, str]]:
    """Inline assembly holds instructions, and each is written out: no bytes of code that was made elsewhere."""
    found = []
    code = _without_comments(_SPLICE.sub("", text))
    for match in re.finditer(r'R"|(?<=[\w),(])[ \t]*#[ \t]*[A-Za-z_]', code):
        found.append((code.count("\n", 0, match.start()) + 1, f"{match[0].strip()[:3]}: a file with assembly has plain strings only"))
    for match in re.finditer(rf"{_STRING.pattern}(?:\s*{_STRING.pattern})*", code):  # strings side by side are one
        line = code.count("\n", 0, match.start()) + 1
        whole = "".join(part[1] for part in _STRING.finditer(match[0]))
        if re.search(r"\\(?![nrtabfv\"\\'])", whole):
            found.append((line, "a file with assembly has plain strings only: write the sign itself"))
        for word in _DIRECTIVE_WORD.findall(whole.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', " ")):
            if word.islower():
                found.append((line, f"{word}: inline assembly is made of instructions; data and sections are the compiler's"))
    return found


def assembly_objections(name: str, text: str) -> List[str]:
    """The same for an assembly source that is an exercise: instructions and names, no bytes of code that was made elsewhere."""
    found = []
    code = _without_comments(text)
    for match in _DIRECTIVE_WORD.finditer(code):
        if match[0] not in DIRECTIVES and not match[0].startswith((".L", ".cfi_")):
            found.append((code.count("\n", 0, match.start()) + 1, f"{match[0]}: this file needs instructions, not data or macros; write them out"))
    for match in re.finditer(r"##|\?\?=", code):
        found.append((code.count("\n", 0, match.start()) + 1, f"{match[0]}: names are written whole in this file"))
    return [f"{name}:{line}:1: error: {what}" for line, what in sorted(set(found))]


def _without_comments(text: str) -> str:
    """The text with its strings; a comment leaves its line feeds."""
    return _COMMENTS.sub(lambda match: match[1] or " " + "\n" * match[0].count("\n"), text)


def _plain(text: str) -> str:
    """The text without comments and strings; what is gone leaves its line feeds, so that lines keep their numbers."""
    without = _RAW.sub(lambda match: '""' + "\n" * match[0].count("\n"), _SPLICE.sub("", text))
    return _TOKENS.sub(lambda match: " " + "\n" * match[0].count("\n"), without)

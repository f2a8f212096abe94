"""What a policy may be written in.  It decides by what it is told; a file that reaches for more is refused, and not run.

A policy runs in one program with the working sets, which know the pages.  So its text has no cast of pointers, no assembly and no name of the
compiler's, includes nothing but challenge.h, and its object asks for no routine of the machine's.  Who still finds a way to the
lists finds pages that have other names in the second run (board.py), and nothing of what comes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import List

from grader.building import plaincode
from grader.errors import GraderError
from grader.submission import studenttext

HEADER = "challenge.h"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_CASTS = re.compile(r"\b(?:reinterpret_cast|const_cast|bit_cast)\b|<[^<>;]*\*\s*(?:const\s*)?>\s*\(|\(\s*(?:(?:const|volatile|unsigned|struct)\s+)*[A-Za-z_][\w:]*"
                    r"\s*(?:const\s*)?\*+\s*(?:const\s*)?\)\s*[\w(&]")
_NAMES = re.compile(r"\b(?:extern|union|CONTAINING_RECORD|VmWorkingSetList|WorkingSetExpansionLinks|WorkingSetMutex|Calls|MmSetTrimPolicy|goto)\b")
# What the compiler asks for by itself.
_ALLOWED = re.compile(r"_?_?(?:mem(?:cpy|set|move)|_ZTV.*|_?_cxa_pure_virtual|_Z15ChallengePolicyv|_GLOBAL_OFFSET_TABLE_|_stack_chk_\w+|"
                      r"_cxa_(?:guard_\w+|atexit)|dso_handle|_?_gxx_personality_v0|_ZdlPv\w*)")


def objections(name: str, content: bytes) -> List[str]:
    """Why the text is not compiled, a line each."""
    unread = studenttext.oversize(name, content) or studenttext.objection(name, content)
    if unread:
        return [unread]
    text = studenttext.decode(content)
    found = plaincode.objections(name, text, True)
    found += [f"{name}: #include {file}: a policy includes \"{HEADER}\" and nothing else" for file in _INCLUDE.findall(text) if file != f'"{HEADER}"']
    code = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    for pattern, why in ((_CASTS, "a policy looks at what it is told, and casts no pointers"), (_NAMES, "a policy has no use for it")):
        found += [f"{name}:{code.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}: {why}" for match in pattern.finditer(code)]
    return found


def of_object(name: str, path: Path) -> List[str]:
    """Why the object is not linked: it asks for routines that no policy needs."""
    tool = shutil.which("nm") or shutil.which("llvm-nm")
    if tool is None:
        raise GraderError("there is no nm, which tells what an object asks for: install binutils or llvm")
    asked = subprocess.run([tool, "-u", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if asked.returncode != 0:
        raise GraderError(f"{tool} does not read {path}: {asked.stderr.strip()}")
    names = [line.split()[-1] for line in asked.stdout.splitlines() if line.split()]
    return [f"{name}: it calls {one}, which no policy needs" for one in names if not _ALLOWED.fullmatch(one)]

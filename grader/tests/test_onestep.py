"""Lab 3's look at machine code: which instructions change a word of memory in one step, as the assembler writes them."""

from __future__ import annotations

import sys

from grader import labs
from grader.images.coff import CODE, CoffFile
from grader.tests.compiled import CompiledCase
from grader.tree import this_tree

ONE_STEP = ("xchgl %eax, (%esi)", "xchgb %al, 4(%esi)", "xchgl %eax, 0x80170000", "lock cmpxchgl %ecx, (%esi)", "lock cmpxchg8b 8(%esp)",
            "lock xaddl %eax, 0x1234(%edi)", "lock incl (%eax,%ecx,4)", "lock btsl $0, (%esi)", "lock btsl %eax, (%esi)", "lock orl $0x12345, (%esi)",
            "lock orl $1, 16(%ebp)", "lock andb $3, (%esi)", "lock addl %eax, (%ebx)", "lock decl 0x80170000")
STEPS = ("movl %eax, (%esi)", "movl $1, (%esi)", "incl (%esi)", "orl $1, (%esi)", "cmpxchgl %ecx, (%esi)", "cmpxchg8b (%esi)", "xchgl %eax, %ecx",
         "btsl $0, (%esi)", "movl %eax, 0x80170000", "stosl", "popl (%esi)")


class Instructions(CompiledCase):
    def test_what_is_one_step_and_what_is_not(self) -> None:
        labs.load(this_tree())
        onestep = sys.modules["mica_lab3_tests.onestep"]
        for lines, wanted in ((ONE_STEP, True), (STEPS, False)):
            for line in lines:
                with self.subTest(line):
                    self.assertEqual(wanted, onestep.is_one_step(self.code(line)))

    def code(self, line: str) -> bytes:
        file = CoffFile(self.compile(f"    .text\n    {line}\n", ".S"))
        return next(file.content(part) for part in file.sections if part.flags & CODE)

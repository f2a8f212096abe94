"""The answers of exercise 0.1 for any seed: `python3 -m grader answers --seed N`.

The kernel itself is asked, as the tests ask it.  This file is loaded as a module of labs/0-boot/tests/.
"""

from __future__ import annotations

from typing import Dict

from .test_trap import observe


def answers(t) -> Dict[str, str]:
    """The lines of answers.txt for `t.student_seed`."""
    trap = observe(t)
    return {"vector": str(trap.vector), "status": f"0x{trap.status:08X}", "function": trap.function, "caller": trap.caller,
            "esi": f"0x{trap.esi:08x}", "error-code": str(trap.error), "irql": str(trap.irql)}

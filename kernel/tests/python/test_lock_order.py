"""The lock order that ki.h tells is the one that checked builds enforce (KLOCK_RANK), and no lock of ke is missing."""
# SYH-05, SYH-07
from __future__ import annotations

import re
import unittest
from pathlib import Path

KERNEL = Path(__file__).resolve().parents[2]
KE = KERNEL / "ntos" / "ke"
RANK = re.compile(r"^    (\w+) = (\d+),", re.MULTILINE)
MADE = re.compile(r"KeInitializeSpinLock\(&(?:\w+(?:->|\.))?(\w+), KLOCK_RANK::(\w+)\)|"
                  r"KLOCK_RANK (\w+)Rank = KLOCK_RANK::(\w+);")  # a gate's: one bit, which its code gives a rank


def ranks() -> "dict[str, int]":
    text = (KERNEL / "inc" / "ke" / "spinlock.h").read_text()
    return {name: int(number) for name, number in RANK.findall(text[text.index("enum class KLOCK_RANK"):text.index("};")])}


def locks() -> "dict[str, str]":
    """The rank of every lock that ke makes, by the lock's name."""
    found = {}
    for source in KE.rglob("*.cpp"):
        if source.name.endswith("_test.cpp"):
            continue
        for member, its, variable, rank in MADE.findall(source.read_text()):
            found[member or variable] = its or rank
    return found


def order() -> "list[str]":
    text = (KE / "ki.h").read_text().replace("\n// ", " ")
    told = re.search(r"Lock order.*?: (.*?)\.\s", text)
    return [re.split(r"[ (]", lock.strip())[0].split("::")[-1] for lock in told[1].split("->")] if told else []


class LockOrder(unittest.TestCase):
    def test_every_lock_of_ke_stands_in_the_order_that_ki_h_tells(self) -> None:
        self.assertEqual(sorted(locks()), sorted(order()))

    def test_the_order_told_is_the_order_enforced(self) -> None:
        numbers = ranks()
        told = [numbers[locks()[name]] for name in order()]
        self.assertEqual(told, sorted(told), order())


if __name__ == "__main__":
    unittest.main()

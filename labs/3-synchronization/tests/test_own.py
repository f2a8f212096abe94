"""Exercise 3.10: the student's own scenarios, scored by the wrong kernels that they catch without accusing a right one."""

from __future__ import annotations

from grader.api import test


def catches(t, share: float) -> None:
    """Accepts the right kernels and catches this share of the wrong ones, at least one."""
    told = t.own_test()
    needed = max(1, round(share * told.wrong))
    t.check(told.caught >= needed,
            asked=f"{', '.join(told.scenarios)} on {told.right} right kernels and {told.wrong} wrong ones",
            expected=f"no right one fails, and at least {needed} of the {told.wrong} wrong ones do",
            seen=f"{told.caught} fail",
            hint=t.hint("own-catches", "Think of what a beginner would get wrong in exercises 3.3 to 3.6, and of the order of "
                        "steps that shows it: one scenario for each such mistake."))


@test("3.10", points=2, title="your scenarios accept every right kernel and catch a wrong one", features=("DSP-12",), own=True)
def own_test_catches_one(t):
    catches(t, 0)


@test("3.10", points=2, title="they catch a third of the wrong kernels", features=("DSP-12",), own=True)
def own_test_catches_a_third(t):
    catches(t, 1 / 3)


@test("3.10", points=2, title="they catch half of the wrong kernels", features=("DSP-12",), own=True)
def own_test_catches_half(t):
    catches(t, 1 / 2)


@test("3.10", points=2, title="they catch three quarters of the wrong kernels", features=("DSP-12",), own=True)
def own_test_catches_most(t):
    catches(t, 3 / 4)

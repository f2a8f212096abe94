"""3.10 A test of your own: one point for each wrong kernel that the student's scenarios find."""

from __future__ import annotations

from grader.api import test

FILE = "labs/3-synchronization/mytest.cpp"


@test("3.10", points=1, title="your scenarios find wrong kernel 1", stage="none", features=("DSP-02",))
def mytest_wrong_1(t):
    t.catches(FILE, "reset-looks-early")


@test("3.10", points=1, title="your scenarios find wrong kernel 2", stage="none", features=("DSP-03",))
def mytest_wrong_2(t):
    t.catches(FILE, "signal-for-all")


@test("3.10", points=1, title="your scenarios find wrong kernel 3", stage="none", features=("DSP-13",))
def mytest_wrong_3(t):
    t.catches(FILE, "all-forgets-abandoned")


@test("3.10", points=1, title="your scenarios find wrong kernel 4", stage="none", features=("DSP-16",))
def mytest_wrong_4(t):
    t.catches(FILE, "time-looked-at-first")


@test("3.10", points=1, title="your scenarios find wrong kernel 5", stage="none", features=("DSP-04",))
def mytest_wrong_5(t):
    t.catches(FILE, "abandoned-one-level")


@test("3.10", points=1, title="your scenarios find wrong kernel 6", stage="none", features=("SYH-08",))
def mytest_wrong_6(t):
    t.catches(FILE, "queued-lock-not-last")


@test("3.10", points=1, title="your scenarios find wrong kernel 7", stage="none", features=("SYH-04",))
def mytest_wrong_7(t):
    t.catches(FILE, "flush-does-not-look")


@test("3.10", points=1, title="your scenarios find wrong kernel 8", stage="none", features=("DSP-21",))
def mytest_wrong_8(t):
    t.catches(FILE, "push-lock-freed-by-conversion")

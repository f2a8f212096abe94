"""3.6 A test of your own: one point for each wrong kernel that the student's scenarios find."""

from __future__ import annotations

from grader.api import test

FILE = "labs/3-synchronization/mytest.cpp"


@test("3.6", points=2, title="your scenarios find wrong kernel 1", stage="none", features=("DSP-02",),
      scenarios=FILE, wrong="reset-looks-early")
def mytest_wrong_1(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 2", stage="none", features=("DSP-03",),
      scenarios=FILE, wrong="signal-for-all")
def mytest_wrong_2(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 3", stage="none", features=("DSP-13",),
      scenarios=FILE, wrong="all-forgets-abandoned")
def mytest_wrong_3(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 4", stage="none", features=("DSP-16",),
      scenarios=FILE, wrong="time-looked-at-first")
def mytest_wrong_4(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 5", stage="none", features=("DSP-04",),
      scenarios=FILE, wrong="abandoned-one-level")
def mytest_wrong_5(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 6", stage="none", features=("SYH-08",),
      scenarios=FILE, wrong="queued-lock-not-last")
def mytest_wrong_6(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 7", stage="none", features=("SYH-04",),
      scenarios=FILE, wrong="flush-does-not-look")
def mytest_wrong_7(t):
    t.catches()


@test("3.6", points=2, title="your scenarios find wrong kernel 8", stage="none", features=("INT-05",),
      scenarios=FILE, wrong="dpc-arguments-of-a-refused-call")
def mytest_wrong_8(t):
    t.catches()

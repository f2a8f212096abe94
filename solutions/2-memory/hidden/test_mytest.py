"""2.9 A test of your own: two points for each wrong kernel that the student's scenarios find."""

from __future__ import annotations

from grader.api import test

FILE = "labs/2-memory/mytest.cpp"


@test("2.9", points=2, title="your scenarios find wrong kernel 1", stage="none", features=("PFN-18",),
      scenarios=FILE, wrong="fresh-page-not-cleared")
def mytest_memory_wrong_1(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 2", stage="none", features=("POL-06",),
      scenarios=FILE, wrong="pages-behind-a-hole")
def mytest_memory_wrong_2(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 3", stage="none", features=("POL-06",),
      scenarios=FILE, wrong="room-chosen-too-early")
def mytest_memory_wrong_3(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 4", stage="none", features=("MEM-04",),
      scenarios=FILE, wrong="protected-here-only")
def mytest_memory_wrong_4(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 5", stage="none", features=("POL-08",),
      scenarios=FILE, wrong="view-from-the-start")
def mytest_memory_wrong_5(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 6", stage="none", features=("POL-08",),
      scenarios=FILE, wrong="second-view-may-write")
def mytest_memory_wrong_6(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 7", stage="none", features=("POL-04",),
      scenarios=FILE, wrong="joined-forwards-only")
def mytest_memory_wrong_7(t):
    t.catches()


@test("2.9", points=2, title="your scenarios find wrong kernel 8", stage="none", features=("MEM-05",),
      scenarios=FILE, wrong="stack-to-its-lowest-page")
def mytest_memory_wrong_8(t):
    t.catches()

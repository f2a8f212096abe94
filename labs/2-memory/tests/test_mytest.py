"""2.9 A test of your own: what every set of scenarios must do.  Which wrong kernels it finds is asked elsewhere."""

from __future__ import annotations

from grader.api import test


@test("2.9", points=0, title="your scenarios compile, and a correct kernel passes them", stage="none", features=("POL-06",),
      scenarios="labs/2-memory/mytest.cpp")
def mytest_memory_accepts(t):
    t.catches()

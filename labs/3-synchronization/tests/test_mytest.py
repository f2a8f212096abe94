"""3.6 A test of your own: what every set of scenarios must do.  Which wrong kernels it finds is asked elsewhere."""

from __future__ import annotations

from grader.api import test


@test("3.6", points=0, title="your scenarios compile, and a correct kernel passes them", stage="none", features=("SYH-01",),
      scenarios="labs/3-synchronization/mytest.cpp")
def mytest_accepts(t):
    t.catches()

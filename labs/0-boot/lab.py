"""Lab 0: the tools in hand.  Exercises, points and the files that a submission may bring."""

from grader.model import Exercise, Lab

LAB = Lab(
    number=0,
    slug="boot",
    title="Boot: the tools in hand",
    branch="lab0-boot",
    driver="lab0.sys",
    seed="labs/0-boot/seed.txt",
    exercises=(
        Exercise("0.1", "Follow a trap with gdb", 6, ("labs/0-boot/answers.txt",), hours=2),
        Exercise("0.2", "Walk the frame chain", 8, ("kernel/ntos/rtl/i386/backtrace.cpp",), hours=2, shows=("stack",)),
        Exercise("0.3", "A monitor command: uptime", 6, ("kernel/ntos/kd/commands/uptime.cpp",), hours=1, shows=("uptime",)),
    ),
)

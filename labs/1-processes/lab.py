"""Lab 1, the thread half: from a ready queue to a fair scheduler.  Exercises, points and student files."""

from grader.model import Exercise, Lab

LAB = Lab(
    number=1,
    slug="processes",
    title="Processes and threads: the scheduler",
    branch="lab1-processes",
    driver="lab1.sys",
    alone=("1.1", "1.4"),
    exercises=(
        Exercise("1.1", "Ready queues and ready summary", 12, ("kernel/ntos/ke/sched/ready.cpp",), hours=2, shows=("spin 3", "ready")),
        Exercise("1.2", "First frame and context switch", 12,
                 ("kernel/ntos/ke/i386/threadframe.cpp", "kernel/ntos/ke/i386/ctxswap.S"), hours=4, shows=("stack 12",)),
        Exercise("1.3", "Preemption and quantum end", 14,
                 ("kernel/ntos/ke/sched/dispatch.cpp", "kernel/ntos/ke/sched/quantum.cpp", "kernel/ntos/ke/sched/priority.cpp"), hours=7,
                 shows=("spin 3", "ring 12")),
        Exercise("1.4", "Boost, decay and starvation relief", 12, ("kernel/ntos/ke/sched/policy.cpp",), hours=4, shows=("spin 1 10", "spin 1 3", "threads")),
        Exercise("1.5", "Object references, names and the handle table", 22,
                 ("kernel/ntos/ex/handle.cpp", "kernel/ntos/ob/reference.cpp", "kernel/ntos/ob/directory.cpp", "kernel/ntos/ob/handle.cpp"), hours=6, further=True),
        Exercise("1.8", "PE relocation and imports", 15, ("kernel/ntos/rtl/pe/relocate.cpp", "kernel/ntos/rtl/pe/bind.cpp"), hours=4, further=True),
    ),
)

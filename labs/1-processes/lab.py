"""Lab 1: from a ready queue to a program that calls the kernel.  Exercises, points and student files."""

from grader.model import Exercise, Lab

LAB = Lab(
    number=1,
    slug="processes",
    title="Processes and threads: the scheduler",
    branch="lab1-processes",
    driver="lab1.sys",
    alone=("1.1", "1.4"),
    exercises=(
        Exercise("1.1", "Ready queues and ready summary", 18, ("kernel/ntos/ke/sched/ready.cpp",), hours=2, shows=("spin 3", "ready")),
        Exercise("1.2", "First frame and context switch", 18,
                 ("kernel/ntos/ke/i386/threadframe.cpp", "kernel/ntos/ke/i386/ctxswap.S"), hours=3, shows=("stack 12",)),
        Exercise("1.3", "Preemption and quantum end", 22,
                 ("kernel/ntos/ke/sched/dispatch.cpp", "kernel/ntos/ke/sched/quantum.cpp", "kernel/ntos/ke/sched/priority.cpp"), hours=6,
                 shows=("spin 3", "ring 12")),
        Exercise("1.5", "Object references, names and the handle table", 22,
                 ("kernel/ntos/ex/handle.cpp", "kernel/ntos/ob/reference.cpp", "kernel/ntos/ob/directory.cpp", "kernel/ntos/ob/handle.cpp"), hours=5, boots=True),
        Exercise("1.7", "System-service dispatch, PreviousMode, probing", 20,
                 ("kernel/ntos/ke/i386/servicecall.S", "kernel/ntos/ke/i386/servicefault.cpp", "kernel/ntos/rtl/useraccess.cpp", "kernel/ntos/rtl/capture.cpp"), hours=4, boots=True),
        Exercise("1.4", "Boost, decay and starvation relief", 12, ("kernel/ntos/ke/sched/policy.cpp",), hours=4, further=True, shows=("spin 1 10", "spin 1 3", "threads")),
        Exercise("1.8", "PE relocation and imports", 15, ("kernel/ntos/rtl/pe/relocate.cpp", "kernel/ntos/rtl/pe/bind.cpp"), hours=4, further=True),
    ),
)

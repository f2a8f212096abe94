"""Lab 3: synchronization, from the IRQL to the executive resource.  Exercises, points, hours and student files."""

from grader.model import Exercise, Lab

LAB = Lab(
    number=3,
    slug="synchronization",
    title="Synchronization: correct code under hostile schedules",
    branch="lab3-synchronization",
    driver="lab3.sys",
    explored=True,
    exercises=(
        Exercise("3.1", "IRQL and DPC delivery", 14, ("kernel/ntos/ke/dpc/dpc.cpp", "kernel/hal/softint.cpp"), hours=3, shows=("irql", "ring 40")),
        Exercise("3.2", "Spin locks, queued locks, lock-free lists", 20,
                 ("kernel/ntos/ke/locks/spinlock.cpp", "kernel/ntos/ke/locks/queuedlock.cpp", "kernel/ntos/ex/slist.cpp"), hours=4, shows=("spin 8", "spin 0")),
        Exercise("3.3", "Dispatcher header, wait blocks, events", 20,
                 ("kernel/ntos/ke/wait/waitsup.cpp", "kernel/ntos/ke/objects/event.cpp"), hours=4, shows=("waits",), timed=True),
        Exercise("3.4", "Any, all, and time-outs", 20, ("kernel/ntos/ke/wait/wait.cpp", "kernel/ntos/ke/wait/waitmult.cpp"), hours=4,
                 shows=("waits all", "timers"), timed=True),
        Exercise("3.5", "Semaphores and mutants", 10, ("kernel/ntos/ke/objects/semaphore.cpp", "kernel/ntos/ke/objects/mutant.cpp"), hours=2,
                 shows=("spin 2", "threads", "spin 0")),
        Exercise("3.6", "A test of your own", 16, ("labs/3-synchronization/mytest.cpp",), hours=3),
        Exercise("3.7", "Timers", 10, ("kernel/ntos/ke/time/timer.cpp",), hours=5, further=True, timed=True),
        Exercise("3.8", "Asynchronous procedure calls", 12,
                 ("kernel/ntos/ke/apc/apc.cpp", "kernel/ntos/ke/apc/criticalregion.cpp"), hours=6, further=True),
        Exercise("3.9", "Queues and worker threads", 10, ("kernel/ntos/ke/objects/queue.cpp", "kernel/ntos/ex/worker.cpp"), hours=4, further=True),
        Exercise("3.10", "Executive resources and push locks", 8,
                 ("kernel/ntos/ex/resource.cpp", "kernel/ntos/ex/pushlock.cpp"), hours=5, further=True),
    ),
)

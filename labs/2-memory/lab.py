"""Lab 2: memory, from the page frame to the page fault.  Exercises, points, hours and student files."""

from grader.model import Exercise, Lab

LAB = Lab(
    number=2,
    slug="memory",
    title="Memory: programs larger than the machine",
    branch="lab2-memory",
    driver="lab2.sys",
    alone=("2.2", "2.1", "2.3"),
    explored=True,
    exercises=(
        Exercise("2.1", "Page-table walk and system PTEs", 16, ("kernel/ntos/mm/i386/pagetable.cpp", "kernel/ntos/mm/sysptes/sysptes.cpp"), hours=3,
                 shows=("pte 0x80100000",)),
        Exercise("2.2", "Page frame lists and states", 18, ("kernel/ntos/mm/pfn/pfnlist.cpp", "kernel/ntos/mm/pfn/pfnstate.cpp"), hours=4,
                 shows=("pfn",)),
        Exercise("2.3", "Pool blocks", 16, ("kernel/ntos/ex/pool/blocks.cpp",), hours=3,
                 shows=("fill 100", "poolused Vad", "fill 0")),
        Exercise("2.5", "VAD tree, allocate and free", 18,
                 ("kernel/ntos/mm/vad/avl.cpp", "kernel/ntos/mm/vad/allocate.cpp", "kernel/ntos/mm/vad/free.cpp"), hours=4,
                 shows=("fill 100", "vad 72")),
        Exercise("2.6", "Page faults", 16,
                 ("kernel/ntos/mm/fault/decide.cpp", "kernel/ntos/mm/fault/demandzero.cpp", "kernel/ntos/mm/fault/transition.cpp",
                  "kernel/ntos/mm/fault/guard.cpp"), hours=3, shows=("fill 200", "fill", "fill 0")),
        Exercise("2.9", "A test of your own", 16, ("labs/2-memory/mytest.cpp",), hours=3),
        Exercise("2.4", "Pages of the paged pool", 8, ("kernel/ntos/mm/pool/paged.cpp", "kernel/ntos/mm/pool/pagedpages.cpp"), hours=3, further=True,
                 shows=("pte 0xe1000000", "pte 0xe1400000")),
        Exercise("2.7", "Copy-on-write and prototype PTEs", 8, ("kernel/ntos/mm/fault/proto.cpp", "kernel/ntos/mm/fault/copyonwrite.cpp"), hours=5,
                 further=True),
        Exercise("2.8", "Trimming, the modified writer, page-in", 16,
                 ("kernel/ntos/mm/fault/trimpage.cpp", "kernel/ntos/mm/writer/cluster.cpp", "kernel/ntos/mm/fault/pagein.cpp",
                  "kernel/ntos/mm/fault/inpage.cpp"), hours=7, further=True,
                 shows=("fill 300", "ws 72")),
    ),
)

// Threads that use the pages of one process at once: the guest's side of the tests with several processors.
//
// The host writes a LAB_CROWD and calls Lab2RunCrowd. Each thread draws pages from its own seed, as the host does beside it,
// and adds 1 to its own word of the page, or looks at the page, or takes all pages out of the working set. What the words, the alarms
// and the kernel's tables must be at the end, the host knows: what the guest writes of itself is never evidence.
// Invariant: a word of a page belongs to one thread. IRQL: PASSIVE_LEVEL.
// In the books: "page fault handling", "working set trimming", "guard pages". MEM-05, PFN-06, POL-06
#include "ke.h"
#include "mm/faults.h"
#include "ps.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

namespace {

constexpr ULONG MAXIMUM_THREADS = 4, MAXIMUM_PAGES = 64, WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG KINDS = 64, TRIM = 0, LOOK = 8; ///< of 64 uses: one trims, seven look, the others write
constexpr KPRIORITY PRIORITY = 8;

/// What the host asks for, and where the threads are.
/// shared: Started, Running and Alarms are interlocked, the rest is fixed while the threads run
struct LAB_CROWD {
    EPROCESS* Process;
    ULONG* Base;
    ULONG Pages;
    ULONG Threads;
    ULONG Uses; ///< of each thread
    ULONG Seeds[MAXIMUM_THREADS];
    volatile LONG Started;
    volatile LONG Alarms[MAXIMUM_PAGES]; ///< STATUS_GUARD_PAGE_VIOLATION, by page
    volatile LONG Others;                ///< any other exception
};

} // namespace

extern "C" NTEXPORT LAB_CROWD Lab2Crowd;
LAB_CROWD Lab2Crowd;

namespace {

int Note(NTSTATUS status, ULONG page) {
    InterlockedIncrement(status == STATUS_GUARD_PAGE_VIOLATION ? &Lab2Crowd.Alarms[page] : &Lab2Crowd.Others);
    return EXCEPTION_EXECUTE_HANDLER;
}

/// @returns false: the use set off an exception.
bool Add(ULONG* word, ULONG page) {
    __try {
        WriteULongToUser(word, ReadULongFromUser(word) + 1);
    } __except (Note(GetExceptionCode(), page)) {
        return false;
    }
    return true;
}

bool Look(ULONG* word, ULONG page) {
    __try {
        (void)ReadULongFromUser(word);
    } __except (Note(GetExceptionCode(), page)) {
        return false;
    }
    return true;
}

void Use(ULONG thread, ULONG random) {
    const ULONG page = (random >> 8) % Lab2Crowd.Pages, kind = (random >> 24) % KINDS;
    ULONG* const word = Lab2Crowd.Base + page * WORDS + thread;
    if (kind == TRIM) return MmEmptyWorkingSet();
    bool (*const use)(ULONG*, ULONG) = kind < LOOK ? Look : Add;
    while (!use(word, page)) // the alarm comes once, then the page may be used
        if (Lab2Crowd.Others != 0) return;
}

void NTAPI Thread(PVOID context) {
    const ULONG thread = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(context));
    (void)KeSetAffinityThread(KeGetCurrentThread(), KAFFINITY(1) << (thread % ULONG(KeNumberProcessors)));
    KAPC_STATE saved;
    KeStackAttachProcess(&Lab2Crowd.Process->Pcb, &saved);
    InterlockedIncrement(&Lab2Crowd.Started);
    while (ULONG(Lab2Crowd.Started) < Lab2Crowd.Threads)
        YieldProcessor();
    ULONG random = Lab2Crowd.Seeds[thread];
    for (ULONG use = 0; use < Lab2Crowd.Uses; use++) {
        random = random * 1664525 + 1013904223;
        Use(thread, random);
    }
    KeUnstackDetachProcess(&saved);
}

} // namespace

extern "C" {

/// Lets all threads of the crowd do their uses. Returns when all have ended. @irql PASSIVE_LEVEL
NTEXPORT NTSTATUS NTAPI Lab2RunCrowd() {
    PETHREAD threads[MAXIMUM_THREADS];
    for (ULONG i = 0; i < Lab2Crowd.Threads; i++)
        NT_TRY(PsStartSystemThread(&threads[i], "crowd", PRIORITY, Thread, reinterpret_cast<PVOID>(i)));
    for (ULONG i = 0; i < Lab2Crowd.Threads; i++) {
        (void)KeWaitForSingleObject(threads[i], KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(threads[i]);
    }
    return STATUS_SUCCESS;
}
}

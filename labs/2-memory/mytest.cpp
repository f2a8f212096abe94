// Exercise 2.9: scenarios of your own, tried on kernels that you do not know.
//
// kernel/tests/scenarios/scenario.h says how a scenario is written. Correct kernels must pass all of yours; each wrong one that
// fails at least one of them is two points. make mytest LAB=2 tries them on a right kernel and on two wrong ones for practice.
// At most 12 scenarios.
#include "ex.h"
#include "mm/faults.h"
#include "mm/mdl.h"
#include "mm/section.h"
#include "mm/virtual.h"
#include "ntstatus.h"
#include "ps.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"
#include "scenario_main.h"

namespace {

constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);

/// Pages of this process, committed. @param base where, nullptr: where there is room
volatile ULONG* Allocate(ULONG pages, ULONG type = MEM_RESERVE | MEM_COMMIT, volatile ULONG* base = nullptr) {
    PVOID at = const_cast<ULONG*>(base);
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    CHECK_EQUAL(STATUS_SUCCESS, NtAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, type, PAGE_READWRITE));
    return static_cast<volatile ULONG*>(at);
}

/// Releases or decommits pages. @param pages 0: the whole range
void Free(volatile ULONG* base, ULONG pages = 0, ULONG type = MEM_RELEASE) {
    PVOID at = const_cast<ULONG*>(base);
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    CHECK_EQUAL(STATUS_SUCCESS, NtFreeVirtualMemory(NtCurrentProcess(), &at, &size, type));
}

/// A write that may be refused. @returns STATUS_SUCCESS, or what it raised
NTSTATUS Write(volatile ULONG* at, ULONG value) {
    __try {
        WriteULongToUser(at, value);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

// LAB(2.9) begin
void Protect(volatile ULONG* base, ULONG pages, ULONG protect) {
    PVOID at = const_cast<ULONG*>(base);
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    ULONG old = 0;
    CHECK_EQUAL(STATUS_SUCCESS, NtProtectVirtualMemory(NtCurrentProcess(), &at, &size, protect, &old));
}

MEMORY_BASIC_INFORMATION Query(volatile ULONG* at) {
    MEMORY_BASIC_INFORMATION told{};
    CHECK_EQUAL(STATUS_SUCCESS,
                NtQueryVirtualMemory(NtCurrentProcess(), const_cast<ULONG*>(at),
                                     MEMORY_INFORMATION_CLASS::MemoryBasicInformation, &told, sizeof(told), nullptr));
    return told;
}

/// Attached to a process as long as it lives.
class Inside {
public:
    explicit Inside(EPROCESS* process) { KeStackAttachProcess(&process->Pcb, &m_saved); }
    ~Inside() { KeUnstackDetachProcess(&m_saved); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

private:
    KAPC_STATE m_saved;
};

SECTION* NewSection(ULONG bytes) {
    SECTION* section = nullptr;
    CHECK_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&section, nullptr, bytes, PAGE_READWRITE, SEC_COMMIT));
    return section;
}

volatile ULONG* Map(SECTION* section, EPROCESS* process, ULONG protect, ULONG offset = 0) {
    PVOID base = nullptr;
    SIZE_T size = 0;
    LARGE_INTEGER from;
    from.QuadPart = offset;
    CHECK_EQUAL(STATUS_SUCCESS, MmMapViewOfSection(section, process, &base, 0, 0, &from, &size, ViewUnmap, 0, protect));
    return static_cast<volatile ULONG*>(base);
}

// What was freed comes back as zeros: released, and decommitted
struct FreshPagesAreZero {
    static constexpr ULONG Pages = 4;
    static void Use(volatile ULONG* pages) {
        for (ULONG i = 0; i < Pages; i++) {
            CHECK_EQUAL(0u, pages[i * WORDS] | pages[i * WORDS + WORDS - 1]);
            pages[i * WORDS] = pages[i * WORDS + WORDS - 1] = 0xD1D1D1D1;
        }
    }
    static void Actor0() {
        volatile ULONG* pages = Allocate(Pages);
        Use(pages);
        Free(pages);
        pages = Allocate(Pages);
        Use(pages);
        Free(pages, Pages, MEM_DECOMMIT);
        Use(Allocate(Pages, MEM_COMMIT, pages));
        Free(pages);
    }
};

// A hole in the middle: what lies before it and behind it is as it was
struct HoleLeavesTheRest {
    static constexpr ULONG Pages = 16;
    static void Actor0() {
        volatile ULONG* const pages = Allocate(Pages);
        for (ULONG i = 0; i < Pages; i += 2)
            pages[i * WORDS] = i + 1;
        Free(pages + 5 * WORDS, 3);
        for (ULONG i = 0; i < Pages; i++) {
            const bool hole = i >= 5 && i < 8;
            CHECK_EQUAL(hole ? MEM_FREE : MEM_COMMIT, Query(pages + i * WORDS).State);
            if (hole) continue;
            CHECK_EQUAL(i % 2 == 0 ? i + 1 : 0u, ULONG(pages[i * WORDS]));
            CHECK_EQUAL(STATUS_SUCCESS, Write(pages + i * WORDS, 7));
        }
        CHECK_EQUAL(STATUS_ACCESS_VIOLATION, Write(pages + 5 * WORDS, 7));
        Free(pages);
        Free(pages + 8 * WORDS);
    }
};

// Two that allocate at once get a range each
struct OneRangeEach {
    static inline volatile ULONG* Base[2];
    static void Setup() { Base[0] = Base[1] = nullptr; }
    static void Act(ULONG me) {
        Base[me] = Allocate(1);
        Base[me][1] = me + 1;
    }
    static void Actor0() { Act(0); }
    static void Actor1() { Act(1); }
    static void Check() {
        CHECK(Base[0] != Base[1]);
        for (ULONG me = 0; me < 2; me++) {
            CHECK_EQUAL(me + 1, ULONG(Base[me][1]));
            Free(Base[me]);
        }
    }
};

// Once a page is read-only it is so on every processor
struct ReadOnlyEverywhere {
    static inline volatile ULONG* Page;
    static inline volatile LONG Used, Closed;
    static void Setup() {
        Page = Allocate(1);
        Used = Closed = 0;
    }
    /// Bounded: the other actor may never come.
    static void WaitFor(const volatile LONG& what) {
        for (ULONG i = 0; i < 200 && what == 0; i++)
            YieldProcessor();
    }
    static void Actor0() {
        WaitFor(Used);
        Protect(Page, 1, PAGE_READONLY);
        InterlockedExchange(&Closed, 1);
    }
    static void Actor1() {
        CHECK(Used == 0);
        if (Closed == 0) (void)Write(Page, 1);
        InterlockedExchange(&Used, 1);
        WaitFor(Closed);
        if (Closed != 0) CHECK_EQUAL(STATUS_ACCESS_VIOLATION, Write(Page, 2));
    }
    static void Check() { Free(Page); }
};

// A view at an offset shows the section from there
struct ViewFromAnOffset {
    static constexpr ULONG Offset = 0x10000;
    static void Actor0() {
        SECTION* const section = NewSection(2 * Offset);
        EPROCESS* process = nullptr;
        CHECK_EQUAL(STATUS_SUCCESS, PspCreateProcess("Mine", &process));
        volatile ULONG* const whole = Map(section, process, PAGE_READWRITE);
        volatile ULONG* const part = Map(section, process, PAGE_READWRITE, Offset);
        {
            Inside inside(process);
            for (ULONG at = 0; at < 2 * Offset; at += PAGE_SIZE)
                whole[at / sizeof(ULONG)] = at + 1;
            for (ULONG at = 0; at < Offset; at += PAGE_SIZE)
                CHECK_EQUAL(Offset + at + 1, ULONG(part[at / sizeof(ULONG)]));
        }
        PspDeleteProcess(process);
        MmCloseSection(section);
    }
};

// Two processes see each other's writes; a copy-on-write view and a read-only one keep to themselves
struct ViewsOfTwoProcesses {
    static void Actor0() {
        SECTION* const section = NewSection(2 * PAGE_SIZE);
        EPROCESS *one = nullptr, *two = nullptr;
        CHECK_EQUAL(STATUS_SUCCESS, PspCreateProcess("One", &one));
        CHECK_EQUAL(STATUS_SUCCESS, PspCreateProcess("Two", &two));
        volatile ULONG* const first = Map(section, one, PAGE_READWRITE);
        volatile ULONG* const second = Map(section, two, PAGE_READWRITE);
        volatile ULONG* const copy = Map(section, two, PAGE_WRITECOPY);
        volatile ULONG* const fixed = Map(section, two, PAGE_READONLY);
        {
            Inside inside(one);
            first[0] = 11;
            first[WORDS] = 12;
        }
        {
            Inside inside(two);
            CHECK_EQUAL(11u, ULONG(second[0]));
            CHECK_EQUAL(11u, ULONG(copy[0]));
            CHECK_EQUAL(12u, ULONG(fixed[WORDS]));
            copy[0] = 21;
            CHECK_EQUAL(STATUS_ACCESS_VIOLATION, Write(fixed + WORDS, 22));
            CHECK_EQUAL(11u, ULONG(second[0]));
            second[WORDS] = 23;
        }
        {
            Inside inside(one);
            CHECK_EQUAL(11u, ULONG(first[0]));
            CHECK_EQUAL(23u, ULONG(first[WORDS]));
        }
        PspDeleteProcess(one);
        PspDeleteProcess(two);
        MmCloseSection(section);
    }
};

// Blocks of all sizes keep what is theirs. When all are free, in whatever order, their pages are free too
struct PoolGivesBack {
    static constexpr ULONG Count = 24, Tag = EX_TAG("Mine");
    static inline UCHAR* Blocks[Count];
    static SIZE_T Size(ULONG i) { return i % 4 == 3 ? PAGE_SIZE + i : 100 + 90 * i; }
    static ULONG Pages() {
        POOL_USAGE usage;
        ExQueryPoolUsage(NonPagedPool, &usage);
        return usage.BlockPages + usage.BigPages;
    }
    static void FreeEach(ULONG first) {
        for (ULONG i = first; i < Count; i += 2) {
            for (SIZE_T byte = 0; byte < Size(i); byte += Size(i) - 1)
                CHECK_EQUAL(i + 1, ULONG(Blocks[i][byte]));
            ExFreePoolWithTag(Blocks[i], Tag);
        }
    }
    static void Actor0() {
        const ULONG before = Pages();
        for (ULONG i = 0; i < Count; i++) {
            Blocks[i] = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, Size(i), Tag));
            CHECK(Blocks[i] != nullptr);
            Blocks[i][0] = Blocks[i][Size(i) - 1] = UCHAR(i + 1);
        }
        FreeEach(0);
        FreeEach(1);
        CHECK_EQUAL(before, Pages());
        CHECK(ExCheckPools());
    }
};

// A stack grows page by page to its end, and the range's lowest page is never used
struct StackEndsAboveItsLowestPage {
    static constexpr ULONG Pages = 6;
    static void Actor0() {
        EPROCESS* process = nullptr;
        CHECK_EQUAL(STATUS_SUCCESS, PspCreateProcess("Stack", &process));
        {
            Inside inside(process);
            PVOID base = nullptr;
            CHECK_EQUAL(STATUS_SUCCESS, MmCreateUserStack(Pages * PAGE_SIZE, PAGE_SIZE, &base));
            auto* const top = static_cast<volatile ULONG*>(base);
            for (ULONG page = 1; page < Pages; page++)
                CHECK_EQUAL(page == Pages - 1 ? STATUS_STACK_OVERFLOW : STATUS_SUCCESS,
                            Write(top - page * WORDS, page));
            CHECK_EQUAL(STATUS_ACCESS_VIOLATION, Write(top - Pages * WORDS, 1));
            CHECK_EQUAL(ULONG(MEM_RESERVE), Query(top - Pages * WORDS).State);
        }
        PspDeleteProcess(process);
    }
};

// LAB(2.9) else
//| // An example: two processors, a range each. On a correct kernel it never fails, and it finds nothing: make something of it.
//| struct RangesAreWritable {
//|     static void Act() {
//|         volatile ULONG* const pages = Allocate(2);
//|         CHECK_EQUAL(STATUS_SUCCESS, Write(pages + WORDS, 1));
//|         Free(pages);
//|     }
//|     static void Actor0() { Act(); }
//|     static void Actor1() { Act(); }
//| };
// LAB(2.9) end

} // namespace

// LAB(2.9) begin
SCENARIO(FreshPagesAreZero);
SCENARIO(HoleLeavesTheRest);
SCENARIO(OneRangeEach);
SCENARIO(ReadOnlyEverywhere);
SCENARIO(ViewFromAnOffset);
SCENARIO(ViewsOfTwoProcesses);
SCENARIO(PoolGivesBack);
SCENARIO(StackEndsAboveItsLowestPage);
// LAB(2.9) else
//| SCENARIO(RangesAreWritable);
// LAB(2.9) end

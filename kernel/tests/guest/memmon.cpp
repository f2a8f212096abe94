// A little of everything that moves pages, for pictures: `make memmon` shows this run unless told otherwise.
//
// Two processes use memory, one loses its working set and comes back for a part of it, a stack grows, the pool grows and
// shrinks; then both processes end and their pages are free again.
// machine: memory=16
// TOL-02, PFN-02
#include "ex.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/virtual.h"
#include "ps.h"

#include "guest_main.h"

extern "C" {
/// A host that records stops the machine here. @param What what has been done
__attribute__((noinline)) void NTAPI MemMonMoment(PCSTR What) { __asm__ volatile("" : : "r"(What) : "memory"); }
}

namespace {

constexpr ULONG TestTag = EX_TAG("Show");
constexpr ULONG PagesAMoment = 50; ///< pages that are touched between two moments
constexpr ULONG DocumentPages = 500, HeapPages = 900, StackPages = 40, PoolPages = 200;

/// This thread in another process.
class IN_PROCESS {
public:
    explicit IN_PROCESS(EPROCESS* process) { KeStackAttachProcess(&process->Pcb, &m_saved); }
    ~IN_PROCESS() { KeUnstackDetachProcess(&m_saved); }
    IN_PROCESS(const IN_PROCESS&) = delete;
    IN_PROCESS& operator=(const IN_PROCESS&) = delete;

private:
    KAPC_STATE m_saved;
};

UCHAR* Allocate(ULONG pages, ULONG type, ULONG protect) {
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS, ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, type, protect));
    return static_cast<UCHAR*>(base);
}

/// Writes to pages, or reads them, one after the other.
void Touch(UCHAR* base, ULONG pages, bool write, PCSTR what) {
    ULONG sum = 0;
    for (ULONG page = 0; page < pages; page++) {
        volatile UCHAR* const at = base + SIZE_T(page) * PAGE_SIZE;
        if (write) {
            *at = UCHAR(page);
        } else {
            sum += *at == UCHAR(page);
        }
        if (page % PagesAMoment == 0) MemMonMoment(what);
    }
    if (!write) GUEST_EQUAL(pages, sum);
}

EPROCESS* Create(PCSTR name) {
    EPROCESS* process = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess(name, &process));
    return process;
}

void GrowStack() {
    PVOID top = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateUserStack(SIZE_T(2 * StackPages) * PAGE_SIZE, PAGE_SIZE, &top));
    for (ULONG page = 1; page <= StackPages; page++)
        *(static_cast<volatile UCHAR*>(top) - SIZE_T(page) * PAGE_SIZE + 1) = 1;
    MemMonMoment("the compiler's stack grows");
}

void UsePool() {
    static PVOID blocks[PoolPages];
    for (PVOID& block : blocks)
        block = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, TestTag);
    MemMonMoment("a driver takes 800 KB of non-paged pool");
    for (PVOID block : blocks)
        if (GUEST_TRUE(block != nullptr)) ExFreePoolWithTag(block, TestTag);
    MemMonMoment("the driver gives them back");
}

} // namespace

// TOL-02, PFN-02, PFN-05, MEM-05
GUEST_TEST(ProcessesUseMemoryAndGiveItBack) {
    MemMonMoment("the system alone");
    EPROCESS* const editor = Create("Editor");
    EPROCESS* const compiler = Create("Compiler");
    if (!editor || !compiler) return;
    UCHAR* document;
    {
        const IN_PROCESS here(editor);
        document = Allocate(DocumentPages, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        (void)Allocate(DocumentPages, MEM_RESERVE, PAGE_READONLY);
        Touch(document, DocumentPages, true, "the editor fills its document");
    }
    {
        const IN_PROCESS here(compiler);
        UCHAR* const heap = Allocate(2 * HeapPages, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        Touch(heap, HeapPages, true, "the compiler fills its heap");
        GrowStack();
    }
    {
        const IN_PROCESS here(editor);
        MmEmptyWorkingSet();
        MemMonMoment("the editor's working set is trimmed");
        Touch(document, DocumentPages / 2, false, "the editor reads half of it again");
    }
    UsePool();
    PspDeleteProcess(compiler);
    MemMonMoment("the compiler has ended");
    PspDeleteProcess(editor);
    MemMonMoment("the editor has ended");
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

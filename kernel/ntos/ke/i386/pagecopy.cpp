// Whole pages, filled with zeros and copied. Contract: ke/pagecopy.h.
//
// Locks: none. IRQL: DISPATCH_LEVEL.
#include "ke/pagecopy.h"
#include "ki386.h"
#include "rtl/string.h"

namespace {

/// What a register of SSE holds.
struct alignas(16) CHUNK {
    ULONG Words[4];
};
constexpr ULONG CHUNKS = PAGE_SIZE / sizeof(CHUNK);

void Load(const CHUNK& from) { __asm__ __volatile__("movaps %0, %%xmm0" ::"m"(from)); }
void Store(CHUNK& to) { __asm__ __volatile__("movaps %%xmm0, %0" : "=m"(to)); }

bool ThreadHasRegisters() {
    const KTHREAD* const thread = KeGetCurrentThread(); // none before the first one runs
    return thread && thread->NpxArea;
}

/// xmm0, while the guard lives. Registers that are loaded are the current thread's, and it gets its xmm0 back. Otherwise no thread's are
/// loaded, and using one is an exception (floatstate.cpp): that is put off until the guard goes.
class BorrowedRegister {
public:
    BorrowedRegister() : m_loaded(ThreadHasRegisters()) {
        if (m_loaded) {
            __asm__ __volatile__("movups %%xmm0, %0" : "=m"(m_threads));
        } else {
            KiAllowNpx(true);
        }
    }
    ~BorrowedRegister() {
        if (m_loaded) {
            __asm__ __volatile__("movups %0, %%xmm0" ::"m"(m_threads));
        } else {
            KiAllowNpx(false);
        }
    }
    BorrowedRegister(const BorrowedRegister&) = delete;
    BorrowedRegister& operator=(const BorrowedRegister&) = delete;

private:
    const bool m_loaded;
    ULONG m_threads[4];
};

} // namespace

extern "C" {

void NTAPI KeZeroPage(PVOID Page) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (!KiHasXmmRegisters()) return RtlZeroMemory(Page, PAGE_SIZE);
    auto* const to = static_cast<CHUNK*>(Page);
    const BorrowedRegister xmm0;
    __asm__ __volatile__("xorps %%xmm0, %%xmm0" ::);
#pragma clang loop unroll_count(16)
    for (ULONG i = 0; i < CHUNKS; i++)
        Store(to[i]);
}

void NTAPI KeCopyPage(PVOID Destination, const void* Source) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (!KiHasXmmRegisters()) return RtlCopyMemory(Destination, Source, PAGE_SIZE);
    auto* const to = static_cast<CHUNK*>(Destination);
    const auto* const from = static_cast<const CHUNK*>(Source);
    const BorrowedRegister xmm0;
#pragma clang loop unroll_count(16)
    for (ULONG i = 0; i < CHUNKS; i++) {
        Load(from[i]);
        Store(to[i]);
    }
}
}

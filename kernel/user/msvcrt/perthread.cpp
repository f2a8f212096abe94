// What each thread has of its own. Contract: perthread.h.
//
// imports: kernel32
// A block of the heap, which the thread's slot leads to; the thread's end gives it back.
#include "perthread.h"

#include "kernel32.h"
#include "user/heap.h"

namespace {

DWORD Slot = TLS_OUT_OF_INDEXES;
CRT_PER_THREAD Lost; ///< of threads for which there was no memory. shared: by them, nobody relies on it

} // namespace

bool CrtMakePerThread() {
    Slot = TlsAlloc();
    return Slot != TLS_OUT_OF_INDEXES;
}

void CrtDropPerThread() {
    free(TlsGetValue(Slot));
    (void)TlsSetValue(Slot, nullptr);
}

CRT_PER_THREAD& CrtPerThread() {
    auto* block = static_cast<CRT_PER_THREAD*>(TlsGetValue(Slot));
    if (block) return *block;
    block = static_cast<CRT_PER_THREAD*>(
        RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, HEAP_ZERO_MEMORY, sizeof(CRT_PER_THREAD))); // malloc sets errno
    if (!block || !TlsSetValue(Slot, block)) return Lost;
    return *block;
}

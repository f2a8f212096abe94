// malloc and its relatives: the process's heap. Contract: the C standard.
#include "crt.h"

#include "user/heap.h"

namespace {

HANDLE Heap() { return NtCurrentPeb()->ProcessHeap; }

void* Told(void* block) {
    if (!block) *_errno() = ENOMEM;
    return block;
}

} // namespace

extern "C" {

void* CDECL malloc(SIZE_T size) { return Told(RtlAllocateHeap(Heap(), 0, size)); }

void* CDECL calloc(SIZE_T count, SIZE_T size) {
    SIZE_T bytes = 0;
    return Told(__builtin_mul_overflow(count, size, &bytes) ? nullptr
                                                            : RtlAllocateHeap(Heap(), HEAP_ZERO_MEMORY, bytes));
}

void CDECL free(void* block) {
    if (block) (void)RtlFreeHeap(Heap(), 0, block);
}

void* CDECL realloc(void* block, SIZE_T size) {
    if (!block) return malloc(size);
    if (size != 0) return Told(RtlReAllocateHeap(Heap(), 0, block, size));
    free(block);
    return nullptr;
}
}

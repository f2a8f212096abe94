// Slots for a value of each thread. Contract: kernel32.h.
//
// The first 64 lie in the TEB, the others in an array that a thread gets with its first value there. A bitmap of the process says which are in
// use, under FastPebLock.
// In the books: "thread-local storage". PRC-08
#include "k32.h"

namespace {

constexpr DWORD EXPANSION = 1024; ///< slots beyond those of the TEB (documented)
constexpr DWORD ALL = TLS_MINIMUM_AVAILABLE + EXPANSION;

/// Holds FastPebLock.
class GUARD {
public:
    GUARD() { (void)RtlEnterCriticalSection(NtCurrentPeb()->FastPebLock); }
    ~GUARD() { (void)RtlLeaveCriticalSection(NtCurrentPeb()->FastPebLock); }
    GUARD(const GUARD&) = delete;
    GUARD& operator=(const GUARD&) = delete;
};

RTL_BITMAP* Bitmap(DWORD index) {
    PEB* const peb = NtCurrentPeb();
    return static_cast<RTL_BITMAP*>(index < TLS_MINIMUM_AVAILABLE ? peb->TlsBitmap : peb->TlsExpansionBitmap);
}
ULONG Bit(DWORD index) { return index < TLS_MINIMUM_AVAILABLE ? index : index - TLS_MINIMUM_AVAILABLE; }

DWORD TakeSlot() {
    const ULONG low = RtlFindClearBitsAndSet(Bitmap(0), 1, 0);
    if (low != RTL_BITMAP_NOT_FOUND) return low;
    const ULONG high = RtlFindClearBitsAndSet(Bitmap(TLS_MINIMUM_AVAILABLE), 1, 0);
    return high != RTL_BITMAP_NOT_FOUND ? high + TLS_MINIMUM_AVAILABLE : TLS_OUT_OF_INDEXES;
}

/// The place of a slot's value in the running thread. @param make the array, if there is none. @returns nullptr: it has none
PVOID* Place(DWORD index, bool make) {
    TEB* const teb = NtCurrentTeb();
    if (index < TLS_MINIMUM_AVAILABLE) return &teb->TlsSlots[index];
    if (!teb->TlsExpansionSlots && make)
        teb->TlsExpansionSlots = static_cast<PVOID*>(
            RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, HEAP_ZERO_MEMORY, EXPANSION * sizeof(PVOID)));
    return teb->TlsExpansionSlots ? &teb->TlsExpansionSlots[Bit(index)] : nullptr;
}

} // namespace

extern "C" {

DWORD NTAPI TlsAlloc() {
    GUARD guard;
    const DWORD index = TakeSlot();
    if (index == TLS_OUT_OF_INDEXES) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return index;
    }
    if (PVOID* const place = Place(index, false)) *place = nullptr; // from an owner before
    return index;
}

BOOL NTAPI TlsFree(DWORD TlsIndex) {
    GUARD guard;
    if (TlsIndex >= ALL || !RtlTestBit(Bitmap(TlsIndex), Bit(TlsIndex))) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    RtlClearBits(Bitmap(TlsIndex), Bit(TlsIndex), 1);
    return TRUE;
}

LPVOID NTAPI TlsGetValue(DWORD TlsIndex) {
    if (TlsIndex >= ALL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return nullptr;
    }
    SetLastError(ERROR_SUCCESS);
    const PVOID* const place = Place(TlsIndex, false);
    return place ? *place : nullptr;
}

BOOL NTAPI TlsSetValue(DWORD TlsIndex, LPVOID TlsValue) {
    if (TlsIndex >= ALL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    PVOID* const place = Place(TlsIndex, true);
    if (!place) return BaseSucceeded(STATUS_NO_MEMORY);
    *place = TlsValue;
    return TRUE;
}
}

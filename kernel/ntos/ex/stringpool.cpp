// Memory for strings: what the run-time library, which stands below the executive, takes from its pool.
//
// In the books: "system memory pools". POL-05, EXE-01
#include "ex/pool.h"
#include "rtl/ustring.h"

namespace {
constexpr ULONG STRING_TAG = EX_TAG("Strg");
}

PVOID NTAPI RtlAllocateStringRoutine(SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithTag(PagedPool, NumberOfBytes, STRING_TAG);
}

void NTAPI RtlFreeStringRoutine(PVOID Buffer) { ExFreePoolWithTag(Buffer, STRING_TAG); }

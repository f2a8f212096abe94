// Memory for what stands below the executive: strings of the run-time library, floating-point registers of the kernel layer.
//
// In the books: "system memory pools". POL-05, EXE-01
#include "ex/pool.h"
#include "ke/floatstate.h"
#include "rtl/ustring.h"

namespace {
constexpr ULONG STRING_TAG = EX_TAG("Strg");
constexpr ULONG FLOAT_TAG = EX_TAG("Npx ");
} // namespace

PVOID NTAPI RtlAllocateStringRoutine(SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithTag(PagedPool, NumberOfBytes, STRING_TAG);
}

void NTAPI RtlFreeStringRoutine(PVOID Buffer) { ExFreePoolWithTag(Buffer, STRING_TAG); }

PVOID NTAPI KeAllocateFloatingArea(SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithTag(NonPagedPool, NumberOfBytes, FLOAT_TAG);
}

void NTAPI KeFreeFloatingArea(PVOID Area) { ExFreePoolWithTag(Area, FLOAT_TAG); }

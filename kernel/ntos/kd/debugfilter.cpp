// DbgPrintEx: messages of components and levels, and the filter that says which of them are printed.
//
// Each component has a mask. A level below 32 is a bit of it; a larger number is a mask by itself. A message is printed if the
// component's mask and the level's have a bit in common. Errors, level 0, are in each mask from the start; DbgPrint asks no filter.
// Locks: none; masks change by interlocked operations. IRQL: any. In the books: "kernel debugging: DbgPrint". TOL-06
#include "kd.h"
#include "kdp.h"
#include "nt/atomic.h"
#include "rtl/string.h"

namespace {

constexpr ULONG COMPONENTS = 256;
constexpr ULONG LEVELS = 32;
constexpr ULONG PRINT_SIZE = 512 + 1;
constexpr LONG ERRORS = 1 << DPFLTR_ERROR_LEVEL;

volatile LONG Masks[COMPONENTS]; // shared: interlocked; beside ERRORS, which is in all of them

ULONG BitsOf(ULONG level) { return level < LEVELS ? 1u << level : level; }

bool Passes(ULONG component, ULONG level) {
    const LONG mask = component < COMPONENTS ? Masks[component] : 0;
    return (ULONG(mask | ERRORS) & BitsOf(level)) != 0;
}

} // namespace

extern "C" {

NTSTATUS NTAPI DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level) {
    if (ComponentId >= COMPONENTS) return STATUS_INVALID_PARAMETER;
    return static_cast<NTSTATUS>(Passes(ComponentId, Level) ? 1 : 0);
}

NTSTATUS NTAPI DbgSetDebugFilterState(ULONG ComponentId, ULONG Level, BOOLEAN State) {
    if (ComponentId >= COMPONENTS) return STATUS_INVALID_PARAMETER;
    const auto bits = static_cast<LONG>(BitsOf(Level));
    if (State) {
        InterlockedOr(&Masks[ComponentId], bits);
    } else {
        InterlockedAnd(&Masks[ComponentId], ~bits);
    }
    return STATUS_SUCCESS;
}

ULONG NTAPI vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments) {
    if (!Passes(ComponentId, Level)) return 0;
    CHAR text[PRINT_SIZE];
    const NTSTATUS status = RtlStringCbVPrintf(text, sizeof(text), Format, Arguments);
    KdpPutString(text);
    return static_cast<ULONG>(status);
}

ULONG CDECL DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...) {
    va_list arguments;
    va_start(arguments, Format);
    const ULONG result = vDbgPrintEx(ComponentId, Level, Format, arguments);
    va_end(arguments);
    return result;
}
}

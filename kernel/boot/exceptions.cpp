// exceptions.cpp - the loader's interrupt table. Contract: exceptions.h.
#include "exceptions.h"
#include "console.h"

extern "C" {
extern const UCHAR LoaderExceptionStubs[]; // stage.S
[[noreturn]] void LoaderException(ULONG cr2, ULONG vector, ULONG error, ULONG eip);
}

namespace boot {

namespace {

constexpr ULONG EXCEPTIONS = 32;
constexpr ULONG STUB_SIZE = 16;
constexpr USHORT CODE_SELECTOR = 8;
constexpr USHORT INTERRUPT_GATE = 0x8e00; // present, ring 0, 32 bits

struct Gate {
    USHORT OffsetLow;
    USHORT Selector;
    USHORT Type;
    USHORT OffsetHigh;
};

struct [[gnu::packed]] TablePointer {
    USHORT Limit;
    ULONG Base;
};

constinit Gate g_gates[EXCEPTIONS]{};

} // namespace

void CatchExceptions() {
    for (ULONG vector = 0; vector < EXCEPTIONS; vector++) {
        const ULONG_PTR stub = reinterpret_cast<ULONG_PTR>(LoaderExceptionStubs) + vector * STUB_SIZE;
        g_gates[vector] = {static_cast<USHORT>(stub), CODE_SELECTOR, INTERRUPT_GATE, static_cast<USHORT>(stub >> 16)};
    }
    const TablePointer pointer = {sizeof(g_gates) - 1, static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(g_gates))};
    asm volatile("lidt %0" : : "m"(pointer));
}

} // namespace boot

void LoaderException(ULONG cr2, ULONG vector, ULONG error, ULONG eip) {
    boot::Fail(
        "if the address is 80xxxxxx it is the kernel's: look it up with llvm-symbolizer; otherwise report a loader bug.",
        "Exception %u at %X before the kernel handles exceptions (error code %X, CR2 %X).", vector, eip, error, cr2);
}

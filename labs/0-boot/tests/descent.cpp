// The trap of exercise 0.1: a short descent through functions that ends in a fault, every turn drawn from a seed.
//
// Invariants: the seed alone decides the path, the kind of fault, three registers and the IRQL; nothing of it is stored
// where a debugger could read it before the fault.
// A frame handler takes the exception, so the machine goes on afterwards.
// In the books: "trap dispatching", "exception dispatching". TRP-01, EXC-01
#include "kd.h"
#include "ke.h"
#include "ke/options.h"
#include "ps.h"

namespace {

constexpr ULONG DEPTH = 3;

enum FAULT_KIND : ULONG { Divide, Overflow, Bounds, Undefined, Protection, PageRead, PageWrite, FAULT_KINDS };

/// A small generator: xorshift on 32 bits.
class Draw {
public:
    explicit Draw(ULONG seed) : m_state(seed * 2654435761u + 0x9E3779B9u) {
        if (!m_state) m_state = 1;
    }
    ULONG Next() {
        m_state ^= m_state << 13;
        m_state ^= m_state >> 17;
        m_state ^= m_state << 5;
        return m_state;
    }
    ULONG Below(ULONG limit) { return (Next() >> 8) % limit; }

private:
    ULONG m_state;
};

/// What the functions of the path hand down. It lives on the stack, scrambled by `Key`.
struct DESCENT {
    ULONG Key;
    ULONG Left; ///< functions still to be entered
    ULONG Path; ///< their numbers, four bits each, scrambled
    ULONG Kind;
    ULONG Operand;
    ULONG Ebx, Esi, Edi;
};

using STONE = ULONG NTAPI(DESCENT* descent);

/// Executes the faulting instruction with the drawn registers.
[[gnu::always_inline]] inline void Fault(DESCENT* d) {
    const ULONG key = d->Key;
    const ULONG ebx = d->Ebx ^ key, esi = d->Esi ^ key, edi = d->Edi ^ key;
    const ULONG operand = d->Operand ^ key;
    const LONG bounds[2] = {0, 100};
    switch (d->Kind ^ key) {
    case Divide: __asm__ __volatile__("divl %%ecx" ::"a"(operand), "d"(0), "c"(0), "b"(ebx), "S"(esi), "D"(edi)); break;
    case Overflow:
        __asm__ __volatile__("addl $1, %%eax\n\tinto" ::"a"(0x7FFFFFFF), "b"(ebx), "S"(esi), "D"(edi) : "cc");
        break;
    case Bounds: // bound %eax, (%ecx)
        __asm__ __volatile__(".byte 0x62, 0x01" ::"a"(operand | 0x40000000), "c"(bounds), "b"(ebx), "S"(esi), "D"(edi)
                             : "memory");
        break;
    case Undefined: __asm__ __volatile__("ud2" ::"b"(ebx), "S"(esi), "D"(edi)); break;
    case Protection: // a selector far behind the end of the descriptor table
        __asm__ __volatile__("movw %%cx, %%es" ::"c"(0x4000 | (operand & 0x3FF8)), "b"(ebx), "S"(esi), "D"(edi));
        break;
    case PageRead:
        __asm__ __volatile__("movl (%%ecx), %%eax" ::"c"(0x10000 + (operand & 0x7FFFFFC)), "b"(ebx), "S"(esi), "D"(edi)
                             : "eax", "memory");
        break;
    case PageWrite:
        __asm__ __volatile__("movl %%eax, (%%ecx)" ::"c"(0x10000 + (operand & 0x7FFFFFC)), "a"(0), "b"(ebx), "S"(esi),
                             "D"(edi)
                             : "memory");
        break;
    }
}

STONE* NextStone(DESCENT* d);

[[gnu::always_inline]] inline ULONG Enter(DESCENT* d, ULONG trace) {
    if (STONE* const next = NextStone(d)) return next(d) * 2 + trace;
    Fault(d);
    return trace;
}

} // namespace

extern "C" {
__attribute__((noinline)) ULONG NTAPI Lab0Agate(DESCENT* descent) { return Enter(descent, 1); }
__attribute__((noinline)) ULONG NTAPI Lab0Beryl(DESCENT* descent) { return Enter(descent, 3); }
__attribute__((noinline)) ULONG NTAPI Lab0Citrine(DESCENT* descent) { return Enter(descent, 5); }
__attribute__((noinline)) ULONG NTAPI Lab0Dolomite(DESCENT* descent) { return Enter(descent, 7); }
__attribute__((noinline)) ULONG NTAPI Lab0Epidote(DESCENT* descent) { return Enter(descent, 11); }
__attribute__((noinline)) ULONG NTAPI Lab0Fluorite(DESCENT* descent) { return Enter(descent, 13); }
}

namespace {

STONE* const Stones[] = {Lab0Agate, Lab0Beryl, Lab0Citrine, Lab0Dolomite, Lab0Epidote, Lab0Fluorite};

STONE* NextStone(DESCENT* d) {
    if (d->Left == 0) return nullptr;
    d->Left--;
    return Stones[((d->Path ^ d->Key) >> (4 * d->Left)) & 0xF];
}

/// Draws the whole descent.
DESCENT Prepare(ULONG seed, KIRQL* irql) {
    Draw draw(seed);
    DESCENT d{};
    const ULONG kind = draw.Below(FAULT_KINDS);
    ULONG left[6] = {0, 1, 2, 3, 4, 5};
    ULONG path = 0;
    for (ULONG i = 0; i < DEPTH; i++) {
        const ULONG pick = draw.Below(6 - i);
        path = path << 4 | left[pick];
        left[pick] = left[5 - i];
    }
    // A page fault at DISPATCH_LEVEL or above is a bugcheck, so those stay below.
    const ULONG level = draw.Below(kind >= PageRead ? 2 : 4);
    *irql = static_cast<KIRQL>(level == 3 ? 5 : level);
    d.Key = draw.Next();
    d.Left = DEPTH;
    d.Path = path ^ d.Key;
    d.Kind = kind ^ d.Key;
    d.Operand = draw.Next() ^ d.Key;
    d.Ebx = draw.Next() ^ d.Key;
    d.Esi = draw.Next() ^ d.Key;
    d.Edi = draw.Next() ^ d.Key;
    return d;
}

} // namespace

extern "C" {

/// Falls into the trap that belongs to `Seed` and comes back. @returns the status of the exception.
/// @irql PASSIVE_LEVEL
NTEXPORT __attribute__((noinline)) NTSTATUS NTAPI Lab0Descend(ULONG Seed) {
    KIRQL irql;
    DESCENT descent = Prepare(Seed, &irql);
    volatile NTSTATUS status = STATUS_SUCCESS;
    const KIRQL oldIrql = KfRaiseIrql(irql);
    __try {
        NextStone (&descent)(&descent);
    } __except (status = static_cast<NTSTATUS>(_exception_code()), EXCEPTION_EXECUTE_HANDLER) {}
    KfLowerIrql(oldIrql);
    return status;
}

/// The thread that `make gdb SEED=n` starts.
static void NTAPI Lab0Thread(PVOID context) {
    const ULONG seed = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(context));
    DbgPrint("lab0: seed %u, going down\n", seed);
    const NTSTATUS status = Lab0Descend(seed);
    DbgPrint("lab0: back, a handler took exception %08x\n", static_cast<ULONG>(status));
}

NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) {
    const ULONG seed = KeLoaderOptions.Seed;
    if (KeLoaderOptions.Test || seed == 0) return STATUS_SUCCESS;
    return PsStartSystemThread(nullptr, "lab0", 8, Lab0Thread, reinterpret_cast<PVOID>(seed));
}
}

// The compiler's hooks: a load or store of an instrumented source is about to be made.
//
// The compiler calls them by these names, with the address as the only argument. Where a source fills or copies whole
// objects, the compiler calls memset and memcpy, of which build.mk makes KxSetMemory and KxCopyMemory.
// Locks: none. IRQL: any.
// In the books: none. SYH-01
#include "kx.h"

namespace {

/// A point, if a run is explored. Pc, Frame: of the instrumented code.
__attribute__((always_inline)) inline void Pass(KX_POINT kind, const volatile void* address, ULONG size, ULONG_PTR pc,
                                                ULONG_PTR frame) {
    if (KxActive == 0) {
        KxUnseen = 1;
        return;
    }
    if (!KxPassQuickly(kind, address, size, pc, frame)) KxReach(kind, address, size, pc, frame);
}

/// How many bytes of an object go at once: whole words, as fields mostly are.
SIZE_T PieceAt(ULONG_PTR address, SIZE_T left) {
    return left >= sizeof(ULONG) && address % sizeof(ULONG) == 0 ? sizeof(ULONG) : 1;
}

/// Copies one piece; reading and writing are points of their own.
void CopyPiece(ULONG_PTR target, ULONG_PTR source, SIZE_T size, ULONG_PTR pc, ULONG_PTR frame) {
    Pass(KX_POINT::Load, reinterpret_cast<void*>(source), size, pc, frame);
    const ULONG value =
        size == sizeof(ULONG) ? *reinterpret_cast<volatile ULONG*>(source) : *reinterpret_cast<volatile UCHAR*>(source);
    Pass(KX_POINT::Store, reinterpret_cast<void*>(target), size, pc, frame);
    if (size == sizeof(ULONG))
        *reinterpret_cast<volatile ULONG*>(target) = value;
    else
        *reinterpret_cast<volatile UCHAR*>(target) = static_cast<UCHAR>(value);
}

} // namespace

#define PC reinterpret_cast<ULONG_PTR>(__builtin_return_address(0))
#define FRAME reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0))

// The hook of a load or store of `size` bytes: returns at once outside a run.
#define HOOK(what, kind, size)                                                          \
    NTKERNELAPI void CDECL __sanitizer_cov_##what##size(const volatile void* address) { \
        Pass(kind, address, size, PC, FRAME);                                           \
    }

extern "C" {
HOOK(load, KX_POINT::Load, 1)
HOOK(load, KX_POINT::Load, 2)
HOOK(load, KX_POINT::Load, 4)
HOOK(load, KX_POINT::Load, 8)
HOOK(load, KX_POINT::Load, 16)
HOOK(store, KX_POINT::Store, 1)
HOOK(store, KX_POINT::Store, 2)
HOOK(store, KX_POINT::Store, 4)
HOOK(store, KX_POINT::Store, 8)
HOOK(store, KX_POINT::Store, 16)

/// The same way's notice that a call does not return: no code asked for it.
NTKERNELAPI void CDECL __asan_handle_no_return() {}

/// memset of an instrumented source: a point at each word.
NTKERNELAPI void* CDECL KxSetMemory(void* Target, int Value, SIZE_T Size) {
    const auto target = reinterpret_cast<ULONG_PTR>(Target);
    const ULONG word = (static_cast<ULONG>(Value) & 0xFF) * 0x01010101;
    for (SIZE_T at = 0; at < Size;) {
        const SIZE_T piece = PieceAt(target + at, Size - at);
        Pass(KX_POINT::Store, reinterpret_cast<void*>(target + at), piece, PC, FRAME);
        if (piece == sizeof(ULONG))
            *reinterpret_cast<volatile ULONG*>(target + at) = word;
        else
            *reinterpret_cast<volatile UCHAR*>(target + at) = static_cast<UCHAR>(Value);
        at += piece;
    }
    return Target;
}

/// memcpy and memmove of an instrumented source: points at each word, and areas may overlap.
NTKERNELAPI void* CDECL KxCopyMemory(void* Target, const void* Source, SIZE_T Size) {
    const auto target = reinterpret_cast<ULONG_PTR>(Target), source = reinterpret_cast<ULONG_PTR>(Source);
    const bool words = (target | source) % sizeof(ULONG) == 0, backwards = target - source < Size;
    for (SIZE_T done = 0; done < Size;) {
        const SIZE_T left = Size - done;
        const SIZE_T piece = !words      ? 1
                             : backwards ? (left % sizeof(ULONG) != 0 ? 1 : sizeof(ULONG))
                                         : PieceAt(target + done, left);
        const SIZE_T at = backwards ? left - piece : done;
        CopyPiece(target + at, source + at, piece, PC, FRAME);
        done += piece;
    }
    return Target;
}
}

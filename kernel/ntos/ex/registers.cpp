// Device registers in memory space.
//
// A volatile access is one access that the compiler neither joins with another nor leaves out. The buffer of writes is emptied
// by an interlocked instruction. In the books: "hardware abstraction layer". HAL-03
#include "ex/registers.h"
#include "nt/atomic.h"

namespace {

template <typename Unit> void ReadAll(const volatile Unit* from, Unit* to, ULONG count) {
    for (ULONG i = 0; i < count; i++)
        to[i] = from[i];
}

template <typename Unit> void WriteAll(volatile Unit* to, const Unit* from, ULONG count) {
    for (ULONG i = 0; i < count; i++)
        to[i] = from[i];
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

} // namespace

extern "C" {

UCHAR NTAPI READ_REGISTER_UCHAR(volatile UCHAR* Register) { return *Register; }

USHORT NTAPI READ_REGISTER_USHORT(volatile USHORT* Register) { return *Register; }

ULONG NTAPI READ_REGISTER_ULONG(volatile ULONG* Register) { return *Register; }

void NTAPI WRITE_REGISTER_UCHAR(volatile UCHAR* Register, UCHAR Value) { WriteAll(Register, &Value, 1); }

void NTAPI WRITE_REGISTER_USHORT(volatile USHORT* Register, USHORT Value) { WriteAll(Register, &Value, 1); }

void NTAPI WRITE_REGISTER_ULONG(volatile ULONG* Register, ULONG Value) { WriteAll(Register, &Value, 1); }

void NTAPI READ_REGISTER_BUFFER_UCHAR(volatile UCHAR* Register, UCHAR* Buffer, ULONG Count) {
    ReadAll(Register, Buffer, Count);
}

void NTAPI READ_REGISTER_BUFFER_USHORT(volatile USHORT* Register, USHORT* Buffer, ULONG Count) {
    ReadAll(Register, Buffer, Count);
}

void NTAPI READ_REGISTER_BUFFER_ULONG(volatile ULONG* Register, ULONG* Buffer, ULONG Count) {
    ReadAll(Register, Buffer, Count);
}

void NTAPI WRITE_REGISTER_BUFFER_UCHAR(volatile UCHAR* Register, const UCHAR* Buffer, ULONG Count) {
    WriteAll(Register, Buffer, Count);
}

void NTAPI WRITE_REGISTER_BUFFER_USHORT(volatile USHORT* Register, const USHORT* Buffer, ULONG Count) {
    WriteAll(Register, Buffer, Count);
}

void NTAPI WRITE_REGISTER_BUFFER_ULONG(volatile ULONG* Register, const ULONG* Buffer, ULONG Count) {
    WriteAll(Register, Buffer, Count);
}
}

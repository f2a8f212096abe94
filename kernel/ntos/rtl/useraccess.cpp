// Probing and copying of user memory.
//
// In the books: "probing and capturing parameters". EXC-03
#include "rtl/useraccess.h"
#include "rtl/exception.h"
#include "rtl/string.h"

namespace {

void CheckRange(const volatile void* address, SIZE_T length, ULONG alignment) {
    const auto start = reinterpret_cast<ULONG_PTR>(address);
    if (length == 0) return;
    if (start & (alignment - 1)) RtlRaiseStatus(STATUS_DATATYPE_MISALIGNMENT);
    if (start >= MM_USER_PROBE_ADDRESS || length > MM_USER_PROBE_ADDRESS - start)
        RtlRaiseStatus(STATUS_ACCESS_VIOLATION);
}

} // namespace

extern "C" {

void NTAPI ProbeForRead(const volatile void* Address, SIZE_T Length, ULONG Alignment) {
    CheckRange(Address, Length, Alignment);
}

void NTAPI ProbeForWrite(volatile void* Address, SIZE_T Length, ULONG Alignment) {
    CheckRange(Address, Length, Alignment);
    if (Length == 0) return;
    auto* at = static_cast<volatile UCHAR*>(Address);
    volatile UCHAR* const last = at + Length - 1;
    while (at <= last) {
        *at = *at;
        at += PAGE_SIZE - reinterpret_cast<ULONG_PTR>(at) % PAGE_SIZE; // start of the next page
    }
}

ULONG NTAPI ReadULongFromUser(const volatile ULONG* Source) {
    CheckRange(Source, sizeof(*Source), 1);
    return *Source;
}

void NTAPI WriteULongToUser(volatile ULONG* Destination, ULONG Value) {
    CheckRange(Destination, sizeof(*Destination), 1);
    *Destination = Value;
}

void NTAPI CopyFromUser(void* Destination, const volatile void* Source, SIZE_T Length) {
    CheckRange(Source, Length, 1);
    memcpy(Destination, const_cast<const void*>(Source), Length);
}

void NTAPI CopyToUser(volatile void* Destination, const void* Source, SIZE_T Length) {
    CheckRange(Destination, Length, 1);
    memcpy(const_cast<void*>(Destination), Source, Length);
}
}

// Probing and copying of user memory.
//
// In the books: "probing and capturing parameters". EXC-03
#include "rtl/useraccess.h"
#include "ke/bugcheck.h"
#include "rtl/exception.h"
#include "rtl/string.h"

// LAB(1.7) begin
namespace {

void CheckRange(const volatile void* address, SIZE_T length, ULONG alignment) {
    const auto start = reinterpret_cast<ULONG_PTR>(address);
    if (length == 0) return;
    if (start & (alignment - 1)) RtlRaiseStatus(STATUS_DATATYPE_MISALIGNMENT);
    if (start >= MM_USER_PROBE_ADDRESS || length > MM_USER_PROBE_ADDRESS - start)
        RtlRaiseStatus(STATUS_ACCESS_VIOLATION);
}

} // namespace
// LAB(1.7) else
//| // Room for helpers of your own.
// LAB(1.7) end

extern "C" {

/// Raises, by RtlRaiseStatus, STATUS_DATATYPE_MISALIGNMENT where the address is not a multiple of the alignment (1, 2, 4, 8); otherwise
/// STATUS_ACCESS_VIOLATION where one of the bytes is not below MM_USER_PROBE_ADDRESS. No bytes: nothing is raised. Touches nothing.
void NTAPI ProbeForRead(const volatile void* Address, SIZE_T Length, ULONG Alignment) {
    // LAB(1.7) begin
    CheckRange(Address, Length, Alignment);
    // LAB(1.7) else
    //| (void)Address;
    //| (void)Length;
    //| (void)Alignment;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Raises as ProbeForRead, before it touches anything. Then it writes in each page that has bytes of the range at least one of them, with
/// what it reads there: all bytes stay as they are. What such an access raises, the caller gets.
void NTAPI ProbeForWrite(volatile void* Address, SIZE_T Length, ULONG Alignment) {
    // LAB(1.7) begin
    CheckRange(Address, Length, Alignment);
    if (Length == 0) return;
    auto* at = static_cast<volatile UCHAR*>(Address);
    volatile UCHAR* const last = at + Length - 1;
    while (at <= last) {
        *at = *at;
        at += PAGE_SIZE - reinterpret_cast<ULONG_PTR>(at) % PAGE_SIZE; // start of the next page
    }
    // LAB(1.7) else
    //| (void)Address;
    //| (void)Length;
    //| (void)Alignment;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Reads one word, wherever it begins. Raises STATUS_ACCESS_VIOLATION as ProbeForRead, and so do all that follow.
ULONG NTAPI ReadULongFromUser(const volatile ULONG* Source) {
    // LAB(1.7) begin
    CheckRange(Source, sizeof(*Source), 1);
    return *Source;
    // LAB(1.7) else
    //| (void)Source;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Writes one word, wherever it begins.
void NTAPI WriteULongToUser(volatile ULONG* Destination, ULONG Value) {
    // LAB(1.7) begin
    CheckRange(Destination, sizeof(*Destination), 1);
    *Destination = Value;
    // LAB(1.7) else
    //| (void)Destination;
    //| (void)Value;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Copies from user memory. The destination is the kernel's, and is believed.
void NTAPI CopyFromUser(void* Destination, const volatile void* Source, SIZE_T Length) {
    // LAB(1.7) begin
    CheckRange(Source, Length, 1);
    memcpy(Destination, const_cast<const void*>(Source), Length);
    // LAB(1.7) else
    //| (void)Destination;
    //| (void)Source;
    //| (void)Length;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Copies to user memory. The source is the kernel's, and is believed.
void NTAPI CopyToUser(volatile void* Destination, const void* Source, SIZE_T Length) {
    // LAB(1.7) begin
    CheckRange(Destination, Length, 1);
    memcpy(const_cast<void*>(Destination), Source, Length);
    // LAB(1.7) else
    //| (void)Destination;
    //| (void)Source;
    //| (void)Length;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}
}

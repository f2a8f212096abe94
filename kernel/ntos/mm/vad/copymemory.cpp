// Copying memory from one process to another, through a buffer of the kernel's.
//
// The thread attaches to the one process, fills the buffer, attaches to the other one, and empties it. No piece crosses a page on
// either side, so what was copied when a page may not be used is known to the byte.
//
//     process A --(attached to A)--> buffer --(attached to B)--> process B
//
// Locks: none; a range may change or go meanwhile, which ends the copy there. IRQL: PASSIVE_LEVEL.
// In the books: "probing and capturing parameters", "attaching to a process". TRP-06, POL-06
#include "ex/pool.h"
#include "ke.h"
#include "mm/layout.h"
#include "mm/targetprocess.h"
#include "mm/virtual.h"
#include "ps/process.h"
#include "rtl/exception.h"
#include "rtl/string.h"
#include "rtl/useraccess.h"

namespace {

constexpr ULONG COPY_TAG = EX_TAG("MmCp");
constexpr SIZE_T STACK_BYTES = 512; ///< a copy that is not longer, or finds no pool, goes through the stack

/// One end of a copy.
struct END {
    EPROCESS* Process;
    ULONG_PTR Address;
    [[nodiscard]] bool IsSystem() const { return Address >= MM_SYSTEM_RANGE_START; }
};

/// The thread in another address space, while the object lives.
class VISIT {
public:
    explicit VISIT(EPROCESS* process) : m_away(process != MmCurrentProcess()) {
        if (m_away) KeStackAttachProcess(&process->Pcb, &m_saved);
    }
    ~VISIT() {
        if (m_away) KeUnstackDetachProcess(&m_saved);
    }
    VISIT(const VISIT&) = delete;
    VISIT& operator=(const VISIT&) = delete;

private:
    const bool m_away;
    KAPC_STATE m_saved;
};

/// Bytes up to `most` that lie in the page of an address.
SIZE_T InPage(ULONG_PTR address, SIZE_T most) {
    const SIZE_T left = PAGE_SIZE - address % PAGE_SIZE;
    return most < left ? most : left;
}

/// Moves bytes between the buffer and an end, in the end's address space. Raises if a page of user space may not be used so.
void MovePiece(const END& end, ULONG_PTR address, UCHAR* buffer, SIZE_T bytes, bool out) {
    auto* const there = reinterpret_cast<PVOID>(address);
    if (end.IsSystem()) { // a caller in the kernel is believed
        RtlCopyMemory(out ? there : buffer, out ? buffer : there, bytes);
    } else if (out) {
        CopyToUser(there, buffer, bytes);
    } else {
        CopyFromUser(buffer, there, bytes);
    }
}

/// Fills the buffer from an end, or empties it there (`out`). @returns bytes that were moved.
SIZE_T Move(const END& end, UCHAR* buffer, SIZE_T bytes, bool out) {
    const VISIT visit(end.Process);
    volatile SIZE_T moved = 0;
    __try {
        while (moved < bytes) {
            const ULONG_PTR address = end.Address + moved;
            const SIZE_T piece = InPage(address, bytes - moved);
            MovePiece(end, address, buffer + moved, piece, out);
            moved = moved + piece;
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return moved;
    }
    return moved;
}

SIZE_T Copy(END from, END to, SIZE_T bytes, UCHAR* buffer, SIZE_T room) {
    SIZE_T copied = 0;
    while (copied < bytes) {
        const SIZE_T wanted = bytes - copied < room ? bytes - copied : room;
        const SIZE_T got = Move(from, buffer, wanted, false);
        const SIZE_T put = Move(to, buffer, got, true);
        copied += put;
        if (put != wanted) break;
        from.Address += put;
        to.Address += put;
    }
    return copied;
}

/// Whether all bytes lie in user space.
bool IsUserRange(const volatile void* address, SIZE_T bytes) {
    const auto start = reinterpret_cast<ULONG_PTR>(address);
    return bytes == 0 || (start < MM_USER_PROBE_ADDRESS && bytes <= MM_USER_PROBE_ADDRESS - start);
}

/// A call of the caller's mode: probes the ends and tells how many bytes were copied. @param write from the caller to the process
NTSTATUS CopyAsAsked(HANDLE handle, bool write, const void* from, PVOID to, SIZE_T bytes, SIZE_T* told) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    if (mode != KernelMode) {
        if (!IsUserRange(from, bytes) || !IsUserRange(to, bytes)) return STATUS_ACCESS_VIOLATION;
        __try {
            if (told) ProbeForWrite(told, sizeof(*told), sizeof(ULONG));
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            return GetExceptionCode();
        }
    }
    MI_TARGET_PROCESS process;
    NT_TRY(process.Open(handle, write ? PROCESS_VM_WRITE : PROCESS_VM_READ, mode));
    SIZE_T copied = 0;
    EPROCESS* const current = MmCurrentProcess();
    const NTSTATUS status = write ? MmCopyVirtualMemory(current, from, process.Get(), to, bytes, mode, &copied)
                                  : MmCopyVirtualMemory(process.Get(), from, current, to, bytes, mode, &copied);
    if (!told) return status;
    if (mode == KernelMode) {
        *told = copied;
        return status;
    }
    __try {
        CopyToUser(told, &copied, sizeof(copied));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return status; // the work is done; the caller took its word away meanwhile
    }
    return status;
}

} // namespace

extern "C" {

NTSTATUS NTAPI MmCopyVirtualMemory(EPROCESS* FromProcess, const void* FromAddress, EPROCESS* ToProcess, PVOID ToAddress,
                                   SIZE_T BufferSize, KPROCESSOR_MODE PreviousMode, SIZE_T* NumberOfBytesCopied) {
    *NumberOfBytesCopied = 0;
    if (PreviousMode != KernelMode && (!IsUserRange(FromAddress, BufferSize) || !IsUserRange(ToAddress, BufferSize)))
        return STATUS_ACCESS_VIOLATION;
    if (FromProcess->AddressSpace.Deleted || ToProcess->AddressSpace.Deleted) return STATUS_PROCESS_IS_TERMINATING;

    UCHAR onStack[STACK_BYTES];
    UCHAR* buffer = nullptr;
    if (BufferSize > sizeof(onStack))
        buffer = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, COPY_TAG));
    const END from = {FromProcess, reinterpret_cast<ULONG_PTR>(FromAddress)};
    const END to = {ToProcess, reinterpret_cast<ULONG_PTR>(ToAddress)};
    *NumberOfBytesCopied =
        buffer ? Copy(from, to, BufferSize, buffer, PAGE_SIZE) : Copy(from, to, BufferSize, onStack, sizeof(onStack));
    if (buffer) ExFreePoolWithTag(buffer, COPY_TAG);
    return *NumberOfBytesCopied == BufferSize ? STATUS_SUCCESS : STATUS_PARTIAL_COPY;
}

NTSTATUS NTAPI NtReadVirtualMemory(HANDLE ProcessHandle, const void* BaseAddress, PVOID Buffer, SIZE_T BufferSize,
                                   SIZE_T* NumberOfBytesRead) {
    return CopyAsAsked(ProcessHandle, false, BaseAddress, Buffer, BufferSize, NumberOfBytesRead);
}

NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, const void* Buffer, SIZE_T BufferSize,
                                    SIZE_T* NumberOfBytesWritten) {
    return CopyAsAsked(ProcessHandle, true, Buffer, BaseAddress, BufferSize, NumberOfBytesWritten);
}
}

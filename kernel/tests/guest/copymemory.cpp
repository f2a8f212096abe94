// Memory of one process copied to another, and pages locked into a working set.
#include "attached.h"
#include "mm/layout.h"
#include "mm/wsl.h"
#include "rtl/string.h"
#include "usermode.h"

#include "guest_main.h"

namespace {

/// A second process, not attached to; the thread visits it.
class OTHER_PROCESS {
public:
    OTHER_PROCESS() { GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Other", &m_process)); }
    ~OTHER_PROCESS() { PspDeleteProcess(m_process); }
    template <typename ROUTINE> auto In(ROUTINE routine) {
        KAPC_STATE saved;
        KeStackAttachProcess(&m_process->Pcb, &saved);
        auto result = routine();
        KeUnstackDetachProcess(&saved);
        return result;
    }
    EPROCESS* Get() { return m_process; }

private:
    EPROCESS* m_process = nullptr;
};

UCHAR Pattern(SIZE_T i) { return UCHAR(i * 7 + (i >> 8)); }

void Fill(UCHAR* base, SIZE_T bytes) {
    for (SIZE_T i = 0; i < bytes; i++)
        base[i] = Pattern(i);
}

NTSTATUS Lock(PVOID base, SIZE_T size, ULONG type) {
    return NtLockVirtualMemory(NtCurrentProcess(), &base, &size, type);
}
NTSTATUS Unlock(PVOID base, SIZE_T size, ULONG type) {
    return NtUnlockVirtualMemory(NtCurrentProcess(), &base, &size, type);
}

} // namespace

// POL-06: lengths around the stack's and the pool's buffers, offsets on both sides
GUEST_TEST(BytesGoFromOneProcessToAnother) {
    ATTACHED_PROCESS process;
    OTHER_PROCESS other;
    constexpr ULONG pages = 5;
    UCHAR* const source = Allocate(pages);
    Fill(source, pages * PAGE_SIZE);
    UCHAR* const target = other.In([] { return Allocate(pages); });
    ULONG wrong = 0;
    constexpr SIZE_T lengths[] = {0, 1, 511, 513, 4096, 9001}, shifts[] = {0, 1, 4093};
    for (const SIZE_T bytes : lengths) {
        for (const SIZE_T shift : shifts) {
            SIZE_T copied = 77;
            GUEST_EQUAL(STATUS_SUCCESS, MmCopyVirtualMemory(process.Get(), source + shift, other.Get(), target + 100,
                                                            bytes, UserMode, &copied));
            GUEST_EQUAL(bytes, copied);
            wrong += other.In([&] {
                ULONG differ = 0;
                for (SIZE_T i = 0; i < bytes; i++)
                    differ += target[100 + i] != Pattern(shift + i);
                return differ + (target[100 + bytes] != 0 && bytes == 0);
            });
        }
    }
    GUEST_EQUAL(0, wrong);
}

// POL-06, TRP-06: the copy ends in front of the first page that may not be used so
GUEST_TEST(CopyEndsAtThePageThatCannotBeUsed) {
    ATTACHED_PROCESS process;
    OTHER_PROCESS other;
    UCHAR* const source = Allocate(4);
    Fill(source, 4 * PAGE_SIZE);
    UCHAR* const target = other.In([] { return Allocate(4); });
    SIZE_T copied = 0;
    Protect(source + 2 * PAGE_SIZE, 1, PAGE_NOACCESS);
    GUEST_EQUAL(STATUS_PARTIAL_COPY, MmCopyVirtualMemory(process.Get(), source + 10, other.Get(), target + 3,
                                                         4 * PAGE_SIZE - 10, UserMode, &copied));
    GUEST_EQUAL(2 * PAGE_SIZE - 10, copied);
    GUEST_EQUAL(Pattern(2 * PAGE_SIZE - 1), other.In([&] { return target[3 + copied - 1]; }));
    GUEST_EQUAL(0, other.In([&] { return target[3 + copied]; }));
    Protect(source + 2 * PAGE_SIZE, 1, PAGE_READWRITE);
    other.In([&] {
        Protect(target + PAGE_SIZE, 1, PAGE_READONLY);
        return 0;
    });
    GUEST_EQUAL(STATUS_PARTIAL_COPY,
                MmCopyVirtualMemory(process.Get(), source, other.Get(), target + 5, 3 * PAGE_SIZE, UserMode, &copied));
    GUEST_EQUAL(PAGE_SIZE - 5, copied);
    GUEST_EQUAL(STATUS_PARTIAL_COPY, // nothing is there at all
                MmCopyVirtualMemory(process.Get(), reinterpret_cast<PVOID>(0x20000), other.Get(), target, 100, UserMode,
                                    &copied));
    GUEST_EQUAL(0, copied);
}

// TRP-06
GUEST_TEST(CallsOfUserModeAreChecked) {
    ATTACHED_PROCESS process;
    UCHAR* const memory = Allocate(2);
    auto* const told = reinterpret_cast<SIZE_T*>(memory + PAGE_SIZE);
    auto* const kernel = reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START);
    const HANDLE self = NtCurrentProcess();
    memory[0] = 42;
    GUEST_EQUAL(STATUS_SUCCESS, AsUserMode([&] { return NtReadVirtualMemory(self, memory, memory + 100, 50, told); }));
    GUEST_EQUAL(50, *told);
    GUEST_EQUAL(42, memory[100]);
    GUEST_EQUAL(STATUS_SUCCESS, AsUserMode([&] { return NtWriteVirtualMemory(self, memory + 7, memory, 1, nullptr); }));
    GUEST_EQUAL(42, memory[7]);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION,
                AsUserMode([&] { return NtReadVirtualMemory(self, kernel, memory, 4, told); }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION,
                AsUserMode([&] { return NtReadVirtualMemory(self, memory, kernel, 4, told); }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION,
                AsUserMode([&] { return NtWriteVirtualMemory(self, kernel, memory, 4, told); }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, // it wraps round
                AsUserMode([&] { return NtReadVirtualMemory(self, memory, memory, ~SIZE_T(0) - 100, told); }));
    GUEST_EQUAL(
        STATUS_ACCESS_VIOLATION, // up to the no-access zone and a byte more
        AsUserMode([&] { return NtReadVirtualMemory(self, reinterpret_cast<PVOID>(0x7FFEFFFF), memory, 2, told); }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([&] {
                    return NtReadVirtualMemory(self, memory, memory, 4, reinterpret_cast<SIZE_T*>(kernel));
                }));
    GUEST_EQUAL(STATUS_DATATYPE_MISALIGNMENT, AsUserMode([&] {
                    return NtReadVirtualMemory(self, memory, memory, 4, reinterpret_cast<SIZE_T*>(memory + 1));
                }));
    GUEST_EQUAL(STATUS_INVALID_HANDLE,
                AsUserMode([&] { return NtReadVirtualMemory(nullptr, memory, memory, 4, told); }));
    ULONG word = 0; // from the kernel the same call is believed
    SIZE_T copied = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtReadVirtualMemory(self, memory, &word, 1, &copied));
    GUEST_EQUAL(42, word);
}

// MEM-04: code that is written is what runs, on each processor that runs the process
GUEST_TEST(WrittenCodeIsExecuted) {
    ATTACHED_PROCESS process;
    UCHAR* const code = Allocate(1, PAGE_EXECUTE_READWRITE);
    ULONG wrong = 0;
    for (ULONG value = 1; value < 50; value++) {
        const UCHAR routine[] = {0xB8, UCHAR(value), 0, 0, 0, 0xC3}; // mov eax, value; ret
        RtlCopyMemory(code, routine, sizeof(routine));
        GUEST_EQUAL(STATUS_SUCCESS, ZwFlushInstructionCache(NtCurrentProcess(), code, sizeof(routine)));
        wrong += reinterpret_cast<ULONG (*)()>(code)() != value;
    }
    GUEST_EQUAL(0, wrong);
    GUEST_EQUAL(STATUS_SUCCESS, AsUserMode([] { return NtFlushInstructionCache(NtCurrentProcess(), nullptr, 0); }));
    GUEST_EQUAL(STATUS_INVALID_HANDLE, NtFlushInstructionCache(nullptr, code, 4));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([] {
                    return NtFlushInstructionCache(NtCurrentProcess(), reinterpret_cast<PVOID>(0x80000000), 4);
                }));
}

// PFN-11, PFN-13
GUEST_TEST(LockedPagesStayInTheWorkingSet) {
    ATTACHED_PROCESS process;
    UCHAR* const memory = Allocate(8);
    *Word(memory, 0) = 7;
    GUEST_EQUAL(STATUS_SUCCESS, Lock(memory + 100, 2 * PAGE_SIZE, MAP_PROCESS)); // three pages, one of them used
    GUEST_TRUE(MmIsAddressValid(memory + 2 * PAGE_SIZE));
    *Word(memory, 5) = 9;
    ATTACHED_PROCESS::CheckAll();
    MmEmptyWorkingSet();
    GUEST_TRUE(MmIsAddressValid(memory) && MmIsAddressValid(memory + PAGE_SIZE) &&
               MmIsAddressValid(memory + 2 * PAGE_SIZE));
    GUEST_TRUE(!MmIsAddressValid(memory + 5 * PAGE_SIZE));
    GUEST_EQUAL(7, *Word(memory, 0));
    GUEST_EQUAL(STATUS_SUCCESS, Unlock(memory, 3 * PAGE_SIZE, MAP_PROCESS));
    GUEST_EQUAL(STATUS_NOT_LOCKED, Unlock(memory, 3 * PAGE_SIZE, MAP_PROCESS));
    ATTACHED_PROCESS::CheckAll();
    MmEmptyWorkingSet();
    GUEST_TRUE(!MmIsAddressValid(memory));
    GUEST_EQUAL(7, *Word(memory, 0));
}

// PFN-13: the two locks are apart; a range in which one page is not locked stays locked as it is
GUEST_TEST(BothLocksAreKnownApart) {
    ATTACHED_PROCESS process;
    UCHAR* const memory = Allocate(4);
    GUEST_EQUAL(STATUS_SUCCESS, Lock(memory, PAGE_SIZE, MAP_PROCESS));
    GUEST_EQUAL(STATUS_WAS_LOCKED, Lock(memory, 2 * PAGE_SIZE, MAP_PROCESS));
    GUEST_EQUAL(STATUS_WAS_LOCKED, Lock(memory, PAGE_SIZE, MAP_PROCESS | MAP_SYSTEM));
    GUEST_EQUAL(STATUS_NOT_LOCKED, Unlock(memory, 2 * PAGE_SIZE, MAP_SYSTEM)); // the second page has one lock only
    GUEST_EQUAL(STATUS_SUCCESS, Unlock(memory, 2 * PAGE_SIZE, MAP_PROCESS));
    MmEmptyWorkingSet();
    GUEST_TRUE(MmIsAddressValid(memory)); // MAP_SYSTEM
    GUEST_TRUE(!MmIsAddressValid(memory + PAGE_SIZE));
    GUEST_EQUAL(STATUS_SUCCESS, Unlock(memory, 1, MAP_SYSTEM));
    ATTACHED_PROCESS::CheckAll();
}

// PFN-13, POL-06: what fails changes nothing
GUEST_TEST(LockThatFailsLeavesNothingLocked) {
    ATTACHED_PROCESS process;
    UCHAR* const memory = Allocate(60);
    GUEST_EQUAL(STATUS_WORKING_SET_QUOTA, Lock(memory, 43 * PAGE_SIZE, MAP_PROCESS)); // of 50, 8 are kept
    GUEST_EQUAL(STATUS_SUCCESS, Lock(memory, 42 * PAGE_SIZE, MAP_PROCESS));
    GUEST_EQUAL(STATUS_WORKING_SET_QUOTA, Lock(memory + 50 * PAGE_SIZE, 1, MAP_SYSTEM));
    GUEST_EQUAL(STATUS_SUCCESS, Lock(memory, 42 * PAGE_SIZE, MAP_SYSTEM)); // they count already
    GUEST_EQUAL(STATUS_SUCCESS, Unlock(memory, 42 * PAGE_SIZE, MAP_SYSTEM | MAP_PROCESS));
    Protect(memory + 5 * PAGE_SIZE, 1, PAGE_NOACCESS);
    GUEST_EQUAL(STATUS_SUCCESS, Lock(memory + 2 * PAGE_SIZE, 1, MAP_PROCESS));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Lock(memory, 8 * PAGE_SIZE, MAP_PROCESS));
    GUEST_EQUAL(1, process.Get()->AddressSpace.Vm.VmWorkingSetList->FirstDynamic);
    MmEmptyWorkingSet();
    GUEST_EQUAL(1, process.WorkingSetSize());
    GUEST_EQUAL(STATUS_SUCCESS, Unlock(memory + 2 * PAGE_SIZE, 1, MAP_PROCESS)); // this one was locked before
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Lock(reinterpret_cast<PVOID>(0x200000), 1, MAP_PROCESS));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_4, Lock(memory, 1, 0));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_4, Lock(memory, 1, 4));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_3, Lock(memory, 0, MAP_PROCESS));
    GUEST_EQUAL(STATUS_WORKING_SET_QUOTA, Lock(reinterpret_cast<PVOID>(0x10000), 0x7FF00000, MAP_PROCESS));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_2, Lock(reinterpret_cast<PVOID>(0x80000000), 1, MAP_PROCESS));
    PVOID base = memory;
    SIZE_T size = 1;
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, // these words lie in system space
                AsUserMode([&] { return NtLockVirtualMemory(NtCurrentProcess(), &base, &size, MAP_PROCESS); }));
}

// PFN-13: a locked page that is freed, protected or copied
GUEST_TEST(LockedPageMayGoAndChange) {
    ATTACHED_PROCESS process;
    UCHAR* const memory = Allocate(3);
    GUEST_EQUAL(STATUS_SUCCESS, Lock(memory, 3 * PAGE_SIZE, MAP_PROCESS | MAP_SYSTEM));
    *Word(memory, 1) = 11;
    Protect(memory, 1, PAGE_NOACCESS);             // no page may be valid so: it leaves
    Protect(memory + PAGE_SIZE, 1, PAGE_READONLY); // this one stays
    GUEST_EQUAL(2, process.Get()->AddressSpace.Vm.VmWorkingSetList->FirstDynamic);
    ATTACHED_PROCESS::CheckAll();
    MmEmptyWorkingSet();
    GUEST_TRUE(!MmIsAddressValid(memory) && MmIsAddressValid(memory + PAGE_SIZE));
    Free(memory);
    GUEST_EQUAL(0, process.Get()->AddressSpace.Vm.VmWorkingSetList->FirstDynamic);
    GUEST_EQUAL(0, process.WorkingSetSize());
}

// Programs that are started from images in memory, for tests of processes.
#pragma once

#include "ex.h"
#include "guest_test.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/memorybacking.h"
#include "mm/virtual.h"
#include "ps.h"
#include "ps/services.h"
#include "rtl/useraccess.h"

extern "C" {
extern const UCHAR NtdllFile[], NtdllFileEnd[], NtdllThreadStart[], ProgramFile[], ProgramFileEnd[], ProgramReturn[],
    ProgramSpin[];
}

constexpr ULONG_PTR NTDLL_BASE = 0x7C900000;
constexpr ULONG_PTR PROGRAM_BASE = 0x00400000, PROGRAM_DATA = PROGRAM_BASE + 0x2000;

/// What a process costs, and gives back in the end.
struct PROCESS_STOCK {
    ULONG Pages;
    LONG Blocks;
    static PROCESS_STOCK Take() {
        constexpr ULONG tags[] = {EX_TAG("Proc"), EX_TAG("Thre"), EX_TAG("Obtb"), EX_TAG("Qblk"),
                                  EX_TAG("Pspa"), EX_TAG("Psap"), EX_TAG("Sect"), EX_TAG("Even"),
                                  EX_TAG("Debu"), EX_TAG("DbgE"), EX_TAG("DbgT"), EX_TAG("Job ")};
        PROCESS_STOCK stock = {MmQueryFreePages(), 0};
        for (ULONG tag : tags) {
            POOL_TRACKER_TABLE row;
            ExQueryPoolTag(tag, &row);
            stock.Blocks += row.NonPagedAllocs - row.NonPagedFrees + row.PagedAllocs - row.PagedFrees;
        }
        return stock;
    }
};

/// The library and the program as files. When it goes, nothing is left of the programs that have run.
class PROGRAMS {
public:
    PROGRAMS() {
        MmInitializeMemoryBacking(&m_library, const_cast<UCHAR*>(NtdllFile), ULONG(NtdllFileEnd - NtdllFile), TRUE);
        MmInitializeMemoryBacking(&m_program, const_cast<UCHAR*>(ProgramFile), ULONG(ProgramFileEnd - ProgramFile),
                                  TRUE);
        GUEST_EQUAL(STATUS_SUCCESS, PsInitializeSystemDll(&m_library.Backing));
        (void)Run(u"return"); // what the first process leaves for later ones: page tables of pools, a segment's pages
        m_before = PROCESS_STOCK::Take();
    }
    ~PROGRAMS() {
        Settle();
        const PROCESS_STOCK after = PROCESS_STOCK::Take();
        GUEST_EQUAL(m_before.Blocks, after.Blocks);
        GUEST_EQUAL(m_before.Pages, after.Pages);
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
        GUEST_EQUAL(1, m_program.Backing.ReferenceCount);
        GUEST_EQUAL(STATUS_SUCCESS, PsInitializeSystemDll(nullptr));
        GUEST_EQUAL(1, m_library.Backing.ReferenceCount);
    }
    PROGRAMS(const PROGRAMS&) = delete;
    PROGRAMS& operator=(const PROGRAMS&) = delete;

    MM_BACKING* Program() { return &m_program.Backing; }
    NTSTATUS Run(PCWSTR commandLine);

private:
    /// Threads that have ended give the rest back a little later.
    void Settle() const {
        for (ULONG tick = 0; tick < 100; tick++) {
            const PROCESS_STOCK now = PROCESS_STOCK::Take();
            if (now.Blocks == m_before.Blocks && now.Pages == m_before.Pages) return;
            LARGE_INTEGER delay = KeRelativeMilliseconds(1);
            (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
        }
    }
    MM_MEMORY_BACKING m_library{}, m_program{};
    PROCESS_STOCK m_before{};
};

/// A program that runs.
class PROGRAM {
public:
    PROGRAM(PROGRAMS& programs, PCWSTR commandLine) {
        UNICODE_STRING name, line;
        RtlInitUnicodeString(&name, u"program.exe");
        RtlInitUnicodeString(&line, commandLine);
        GUEST_EQUAL(STATUS_SUCCESS, PspStartProgram(programs.Program(), &name, &line, &m_handle));
        PVOID process = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS,
                    ObReferenceObjectByHandle(m_handle, 0, PsProcessType, KernelMode, &process, nullptr));
        m_process = static_cast<EPROCESS*>(process);
    }
    ~PROGRAM() {
        (void)ObDereferenceObject(m_process);
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_handle));
    }
    PROGRAM(const PROGRAM&) = delete;
    PROGRAM& operator=(const PROGRAM&) = delete;

    HANDLE Handle() const { return m_handle; }
    EPROCESS* Get() const { return m_process; }
    /// Waits for the end. @returns the exit status
    NTSTATUS Await() {
        (void)KeWaitForSingleObject(m_process, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        return m_process->ExitStatus;
    }
    /// A word of its data.
    ULONG Data(ULONG word) {
        ULONG value = 0;
        SIZE_T copied;
        const auto* const at = reinterpret_cast<const ULONG*>(PROGRAM_DATA) + word;
        GUEST_EQUAL(STATUS_SUCCESS, MmCopyVirtualMemory(m_process, at, PsInitialSystemProcess, &value, sizeof(value),
                                                        KernelMode, &copied));
        return value;
    }
    /// A handle to its first thread, in the table that the caller uses.
    HANDLE OpenThread(ACCESS_MASK access = THREAD_ALL_ACCESS) {
        HANDLE handle = nullptr;
        const nt::ObjectRef<ETHREAD> thread(FirstThread());
        if (GUEST_TRUE(thread.Get() != nullptr))
            GUEST_EQUAL(STATUS_SUCCESS,
                        ObOpenObjectByPointer(thread.Get(), 0, nullptr, access, PsThreadType, KernelMode, &handle));
        return handle;
    }
    /// Suspends its first thread, if there is one.
    void Suspend() {
        const nt::ObjectRef<ETHREAD> thread(FirstThread());
        HANDLE handle = nullptr;
        if (!thread.Get()) return;
        GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(thread.Get(), 0, nullptr, THREAD_ALL_ACCESS, PsThreadType,
                                                          KernelMode, &handle));
        const NTSTATUS status = NtSuspendThread(handle, nullptr);
        GUEST_TRUE(status == STATUS_SUCCESS || status == STATUS_THREAD_IS_TERMINATING);
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    }
    /// The same of the process.
    HANDLE OpenProcess(ACCESS_MASK access) {
        HANDLE handle = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS,
                    ObOpenObjectByPointer(m_process, 0, nullptr, access, PsProcessType, KernelMode, &handle));
        return handle;
    }
    /// Waits until the program has written its first word.
    void AwaitBeginning() {
        while (Data(0) == 0) {
            LARGE_INTEGER delay = KeRelativeMilliseconds(1);
            (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
        }
    }

private:
    /// The thread that has been there for longest, referenced; nullptr: there is none.
    PETHREAD FirstThread() {
        const nt::SpinLockGuard guard(m_process->Pcb.ProcessLock);
        for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(m_process->Pcb.ThreadListHead)) {
            auto* const first = CONTAINING_RECORD(thread, ETHREAD, Tcb);
            (void)ObReferenceObject(first);
            return first;
        }
        return nullptr;
    }

    HANDLE m_handle = nullptr;
    EPROCESS* m_process = nullptr;
};

inline NTSTATUS PROGRAMS::Run(PCWSTR commandLine) { return PROGRAM(*this, commandLine).Await(); }

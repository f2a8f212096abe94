// All processes of the system as they were at one moment, for tools that show them.
//
// IRQL: PASSIVE_LEVEL. In the books: "system processes". SYS-01, PRC-03
#pragma once

#include "ps/services.h"
#include "user/program.h"

#include "ps/systeminformation.h"

namespace nt {

/// What NtQuerySystemInformation tells of processes and threads, in memory of its own.
class ProcessList {
public:
    ProcessList() = default;
    ~ProcessList() { Free(); }
    ProcessList(const ProcessList&) = delete;
    ProcessList& operator=(const ProcessList&) = delete;

    /// Asks again. @returns as NtQuerySystemInformation; STATUS_NO_MEMORY
    NTSTATUS Take() {
        constexpr ULONG more = 4096;
        for (;;) {
            ULONG needed = 0;
            const NTSTATUS status =
                NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemProcessInformation, m_buffer, m_size, &needed);
            if (status != STATUS_INFO_LENGTH_MISMATCH) return status;
            Free();
            m_size = needed + more; // a process may come meanwhile
            m_buffer = static_cast<UCHAR*>(RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, m_size));
            if (!m_buffer) {
                m_size = 0;
                return STATUS_NO_MEMORY;
            }
        }
    }
    [[nodiscard]] const SYSTEM_PROCESS_INFORMATION* First() const {
        return reinterpret_cast<const SYSTEM_PROCESS_INFORMATION*>(m_buffer);
    }
    /// @returns nullptr: it was the last one
    static const SYSTEM_PROCESS_INFORMATION* Next(const SYSTEM_PROCESS_INFORMATION* process) {
        if (process->NextEntryOffset == 0) return nullptr;
        return reinterpret_cast<const SYSTEM_PROCESS_INFORMATION*>(reinterpret_cast<const UCHAR*>(process) +
                                                                   process->NextEntryOffset);
    }
    /// @returns nullptr: there is none of this ID
    [[nodiscard]] const SYSTEM_PROCESS_INFORMATION* Find(ULONG id) const {
        for (const auto* process = First(); process; process = Next(process))
            if (IdOf(*process) == id) return process;
        return nullptr;
    }
    static ULONG IdOf(const SYSTEM_PROCESS_INFORMATION& process) {
        return ULONG(reinterpret_cast<ULONG_PTR>(process.UniqueProcessId));
    }
    /// Time on processors, in 100 ns.
    static LONGLONG TimeOf(const SYSTEM_PROCESS_INFORMATION& process) {
        return process.KernelTime.QuadPart + process.UserTime.QuadPart;
    }

private:
    void Free() {
        if (m_buffer) (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, m_buffer);
        m_buffer = nullptr;
    }

    UCHAR* m_buffer = nullptr;
    ULONG m_size = 0;
};

/// Reads a process's ID that somebody has typed. @returns false: it is no number
inline bool ReadId(const UNICODE_STRING& text, ULONG* id) {
    return text.Length != 0 && text.Buffer[0] >= u'0' && text.Buffer[0] <= u'9' &&
           NT_SUCCESS(RtlUnicodeStringToInteger(&text, 0, id));
}

/// Opens a process by its ID, or prints that it cannot be. @returns as NtOpenProcess
inline NTSTATUS OpenProcess(ULONG id, ACCESS_MASK access, HANDLE* process) {
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, nullptr, 0, nullptr, nullptr);
    CLIENT_ID client = {reinterpret_cast<HANDLE>(ULONG_PTR(id)), nullptr};
    const NTSTATUS status = NtOpenProcess(process, access, &attributes, &client);
    if (!NT_SUCCESS(status)) Print("%u: no such process (%08x)\n", id, ULONG(status));
    return status;
}

} // namespace nt

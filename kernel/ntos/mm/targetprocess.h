// The process that a service of the memory manager works on: the caller's own, or another one's handle.
//
// Another process may end meanwhile. So the caller holds its rundown protection: the last thread of the process waits for that before the
// address space goes. In the books: "process address space", "rundown protection". POL-06, PRC-01
#pragma once

#include "ex/rundown.h"
#include "ke.h"
#include "mm/virtual.h"
#include "ps/process.h"

/// A process, by its handle, as long as this lives.
class MI_TARGET_PROCESS {
public:
    MI_TARGET_PROCESS() = default;
    MI_TARGET_PROCESS(const MI_TARGET_PROCESS&) = delete;
    MI_TARGET_PROCESS& operator=(const MI_TARGET_PROCESS&) = delete;
    ~MI_TARGET_PROCESS() {
        if (m_attached) KeUnstackDetachProcess(&m_saved);
        if (m_held) ExReleaseRundownProtection(&m_process->RundownProtect);
        if (m_other) (void)ObfDereferenceObject(m_process);
    }

    /// @param access a caller in user mode must have it. @returns STATUS_SUCCESS; STATUS_PROCESS_IS_TERMINATING; as
    /// ObReferenceObjectByHandle. @irql PASSIVE_LEVEL
    NTSTATUS Open(HANDLE handle, ACCESS_MASK access, KPROCESSOR_MODE mode) {
        if (handle == NtCurrentProcess()) { // it does not end while its thread is here
            m_process = MmCurrentProcess();
            return STATUS_SUCCESS;
        }
        NT_TRY(ObOpenProcessHandle(handle, access, mode, &m_process));
        m_other = true;
        m_held = ExAcquireRundownProtection(&m_process->RundownProtect);
        return m_held ? STATUS_SUCCESS : STATUS_PROCESS_IS_TERMINATING;
    }
    /// Makes its address space the current one.
    void Attach() {
        m_attached = m_other;
        if (m_attached) KeStackAttachProcess(&m_process->Pcb, &m_saved);
    }
    /// Goes back to the caller's.
    void Detach() {
        if (m_attached) KeUnstackDetachProcess(&m_saved);
        m_attached = false;
    }
    [[nodiscard]] EPROCESS* Get() const { return m_process; }

private:
    EPROCESS* m_process = nullptr;
    bool m_other = false, m_held = false, m_attached = false;
    KAPC_STATE m_saved;
};

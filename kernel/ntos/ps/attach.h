// A thread in another process's address space, while an object of this class lives.
#pragma once

#include "ps.h"

/// The calling thread in the address space of a process.
/// shared: no, on the thread's stack
class PSP_ATTACH {
public:
    explicit PSP_ATTACH(EPROCESS* process) { KeStackAttachProcess(&process->Pcb, &m_saved); }
    ~PSP_ATTACH() { KeUnstackDetachProcess(&m_saved); }
    PSP_ATTACH(const PSP_ATTACH&) = delete;
    PSP_ATTACH& operator=(const PSP_ATTACH&) = delete;

private:
    KAPC_STATE m_saved;
};

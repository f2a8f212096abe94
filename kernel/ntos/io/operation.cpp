// An operation on a file: who asks, which file, how the end is told.
//
// The operations of a synchronous file follow each other: the file's Lock is an event that lets one thread pass at a time. A thread
// that waits for it in user mode's name can be ended meanwhile. A stream has no position to guard: one thread writes to a console while
// another waits for what is typed.
// In the books: "synchronous and asynchronous I/O", "I/O completion". IOM-03, DSP-11
#include "io/iop.h"

namespace {

constexpr KPRIORITY IoIncrement = 1; ///< boost of a thread that waits for the end

void NTAPI FreeApc(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) { ExFreePoolWithTag(apc, IO_APC_TAG); }
void NTAPI RundownApc(PKAPC apc) { ExFreePoolWithTag(apc, IO_APC_TAG); }

} // namespace

NTSTATUS IOP_OPERATION::Reference(HANDLE handle, ACCESS_MASK access) {
    OBJECT_HANDLE_INFORMATION information;
    NT_TRY(m_file.Open(handle, 0, IoFileObjectType, m_mode, &information));
    m_granted = information.GrantedAccess;
    const bool allowed = m_mode == KernelMode || access == 0 || (m_granted & access) != 0;
    return allowed ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

NTSTATUS IOP_OPERATION::MakeApc(const NOTICE& notice) {
    if (!notice.ApcRoutine) return STATUS_SUCCESS;
    m_apc = static_cast<PKAPC>(ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), IO_APC_TAG));
    if (!m_apc) return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeApc(m_apc, KeGetCurrentThread(), CurrentApcEnvironment, FreeApc, RundownApc,
                    reinterpret_cast<PKNORMAL_ROUTINE>(notice.ApcRoutine), m_mode, notice.ApcContext);
    return STATUS_SUCCESS;
}

NTSTATUS IOP_OPERATION::Begin(HANDLE handle, ACCESS_MASK access, PIO_STATUS_BLOCK statusBlock, const NOTICE& notice) {
    NT_TRY(nt::Probe(m_mode, statusBlock));
    m_statusBlock = statusBlock;
    NT_TRY(Reference(handle, access));
    if (notice.Event) NT_TRY(m_event.Open(notice.Event, EVENT_MODIFY_STATE, ExEventObjectType, m_mode));
    NT_TRY(MakeApc(notice));
    if (IopIsSynchronous(File()) && !IopDescribe(File()).IsStream) {
        const NTSTATUS waited = IoWaitForFile(File(), &File()->Lock, m_mode);
        if (waited != STATUS_SUCCESS) return waited;
        m_locked = true;
    }
    if (m_event.Get()) KeClearEvent(m_event.Get());
    KeClearEvent(&File()->Event);
    return STATUS_SUCCESS;
}

NTSTATUS IOP_OPERATION::End(NTSTATUS status, ULONG_PTR information) {
    IO_STATUS_BLOCK told = {};
    told.Status = status;
    told.Information = information;
    const NTSTATUS written = nt::Tell(m_mode, m_statusBlock, told);
    if (m_event.Get()) (void)KeSetEvent(m_event.Get(), IoIncrement, FALSE);
    (void)KeSetEvent(&File()->Event, IoIncrement, FALSE);
    if (m_apc && NT_SUCCESS(status) && KeInsertQueueApc(m_apc, m_statusBlock, nullptr, 0)) m_apc = nullptr;
    NT_TRY(written);
    return status;
}

IOP_OPERATION::~IOP_OPERATION() {
    if (m_apc) ExFreePoolWithTag(m_apc, IO_APC_TAG);
    if (m_locked) (void)KeSetEvent(&File()->Lock, IoIncrement, FALSE);
}

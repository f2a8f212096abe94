// The calls that map and unmap: in the process that is named, whichever thread calls.
//
// In the books: "section objects", "attaching to a process". POL-08
#include "ke.h"
#include "mm/section/views.h"
#include "mm/vad/userpages.h"
#include "ps/process.h"

namespace {

/// Makes a process's address space the current one while it lives.
class ATTACHED {
public:
    explicit ATTACHED(EPROCESS* process) { KeStackAttachProcess(&process->Pcb, &m_saved); }
    ~ATTACHED() { KeUnstackDetachProcess(&m_saved); }
    ATTACHED(const ATTACHED&) = delete;
    ATTACHED& operator=(const ATTACHED&) = delete;

private:
    KAPC_STATE m_saved;
};

} // namespace

extern "C" {

NTSTATUS NTAPI MmMapViewOfSection(SECTION* Section, EPROCESS* Process, PVOID* BaseAddress, ULONG_PTR ZeroBits, SIZE_T,
                                  LARGE_INTEGER* SectionOffset, SIZE_T* ViewSize, SECTION_INHERIT InheritDisposition,
                                  ULONG AllocationType, ULONG Protect) {
    MI_VIEW_REQUEST request = {.Base = reinterpret_cast<ULONG_PTR>(*BaseAddress),
                               .ZeroBits = ZeroBits,
                               .Offset = SectionOffset ? ULONGLONG(SectionOffset->QuadPart) : 0,
                               .Size = *ViewSize,
                               .Inherit = InheritDisposition,
                               .AllocationType = AllocationType,
                               .Protect = Protect};
    const NTSTATUS status = MiMapViewOfSection(Process->AddressSpace, Section, &request);
    if (!NT_SUCCESS(status)) return status;
    *BaseAddress = reinterpret_cast<PVOID>(request.Base);
    *ViewSize = request.Size;
    return status;
}

NTSTATUS NTAPI MmUnmapViewOfSection(EPROCESS* Process, PVOID BaseAddress) {
    const ATTACHED attached(Process);
    MI_USER_PAGES pages(Process->AddressSpace);
    return MiUnmapViewOfSection(Process->AddressSpace, pages, reinterpret_cast<ULONG_PTR>(BaseAddress));
}

NTSTATUS NTAPI MmFlushVirtualMemory(EPROCESS* Process, PVOID* BaseAddress, SIZE_T* RegionSize) {
    const ATTACHED attached(Process);
    ULONG_PTR base = reinterpret_cast<ULONG_PTR>(*BaseAddress);
    const NTSTATUS status = MiFlushView(Process->AddressSpace, &base, RegionSize);
    *BaseAddress = reinterpret_cast<PVOID>(base);
    return status;
}
}

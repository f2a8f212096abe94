// Processes with an image: the address space that a program finds.
//
//     the library's base   ntdll.dll, the same in every process
//     the image's base     the program; somewhere else, relocated, where its base is taken
//     below 7FFE0000       PEB, TEBs
//
// Locks: none; no thread is in the process yet. What fails leaves the process to its last reference, which cleans up.
// IRQL: PASSIVE_LEVEL. In the books: "flow of CreateProcess", "image activation". PRC-05, ARC-15, POL-09
#include "rtl/capture.h"
#include "mm/section.h"
#include "ps/dbgk/dbgk.h"
#include "ps/job/pspjob.h"
#include "ps/psp.h"
#include "ps/services.h"

namespace {

constexpr ULONG PROCESS_CREATE_FLAGS_ALL = 0x1F;

/// The program's own view.
NTSTATUS MapImage(EPROCESS* process) {
    PVOID base = nullptr;
    SIZE_T size = 0;
    const NTSTATUS status =
        MmMapViewOfSection(process->SectionObject, process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_EXECUTE);
    NT_TRY(status);
    process->SectionBaseAddress = base;
    return status == STATUS_IMAGE_NOT_AT_BASE ? MmRelocateImage(process, base) : STATUS_SUCCESS;
}

NTSTATUS FillAddressSpace(EPROCESS* process, SECTION* section) {
    SECTION_IMAGE_INFORMATION image;
    NT_TRY(MmQueryImageSection(section, &image));
    (void)ObReferenceObject(section);
    process->SectionObject = section;
    process->EndsWithLastThread = TRUE;
    process->PriorityClass = PROCESS_PRIORITY_CLASS_NORMAL;
    NT_TRY(PspMapSystemDll(process));
    NT_TRY(MapImage(process));
    return PspCreatePeb(process);
}

} // namespace

NTSTATUS PspCreateImageProcess(EPROCESS* Parent, bool InheritHandles, SECTION* Section, DEBUG_OBJECT* DebugPort,
                               EPROCESS** Process) {
    EPROCESS* process;
    NT_TRY(PspMakeProcess(Parent, InheritHandles, MmQuerySectionName(Section), &process));
    NTSTATUS status = FillAddressSpace(process, Section);
    if (NT_SUCCESS(status)) status = PspInheritJob(process, Parent);
    if (NT_SUCCESS(status)) status = DbgkSetPortOfNewProcess(process, Parent, DebugPort);
    if (!NT_SUCCESS(status)) {
        (void)ObDereferenceObject(process);
        return status;
    }
    *Process = process;
    return STATUS_SUCCESS;
}

NTSTATUS PspCaptureHandleAttributes(KPROCESSOR_MODE Mode, const OBJECT_ATTRIBUTES* Attributes, ULONG* Captured) {
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes)};
    NT_TRY(nt::CaptureOptional(Mode, &attributes, Attributes));
    if (attributes.Length != sizeof(attributes)) return STATUS_INVALID_PARAMETER;
    if (attributes.ObjectName) return STATUS_OBJECT_NAME_INVALID; // processes and threads have no names
    if (attributes.Attributes & ~(OBJ_VALID_ATTRIBUTES & ~(OBJ_PERMANENT | OBJ_EXCLUSIVE | OBJ_OPENIF | OBJ_OPENLINK)))
        return STATUS_INVALID_PARAMETER;
    *Captured = attributes.Attributes & (OBJ_INHERIT | (Mode == KernelMode ? OBJ_KERNEL_HANDLE : 0));
    return STATUS_SUCCESS;
}

extern "C" {

NTSTATUS NTAPI NtCreateProcessEx(HANDLE* ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                 HANDLE ParentProcess, ULONG Flags, HANDLE SectionHandle, HANDLE DebugPort,
                                 HANDLE ExceptionPort, ULONG JobMemberLevel) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    ULONG attributes;
    NT_TRY(nt::Probe(mode, ProcessHandle));
    NT_TRY(PspCaptureHandleAttributes(mode, ObjectAttributes, &attributes));
    if ((Flags & ~PROCESS_CREATE_FLAGS_ALL) || JobMemberLevel != 0) return STATUS_INVALID_PARAMETER;
    if (!SectionHandle || ExceptionPort) return STATUS_NOT_SUPPORTED; // a copy of the parent; a port for messages
    nt::ObjectRef<EPROCESS> parent;
    nt::ObjectRef<SECTION> section;
    nt::ObjectRef<DEBUG_OBJECT> port;
    NT_TRY(parent.Open(ParentProcess, PROCESS_CREATE_PROCESS, PsProcessType, mode));
    NT_TRY(section.Open(SectionHandle, SECTION_MAP_EXECUTE, MmSectionObjectType, mode));
    if (DebugPort) NT_TRY(port.Open(DebugPort, DEBUG_PROCESS_ASSIGN, DbgkDebugObjectType, mode));
    EPROCESS* made;
    HANDLE handle;
    NT_TRY(PspCreateImageProcess(parent.Get(), (Flags & PROCESS_CREATE_FLAGS_INHERIT_HANDLES) != 0, section.Get(),
                                 port.Get(), &made));
    const nt::ObjectRef<EPROCESS> process(made); // without a handle the last reference cleans up
    made->NoDebugInherit = (Flags & PROCESS_CREATE_FLAGS_NO_DEBUG_INHERIT) != 0;
    NT_TRY(ObOpenObjectByPointer(made, attributes, nullptr, DesiredAccess, PsProcessType, mode, &handle));
    return nt::Tell(mode, ProcessHandle, handle);
}

NTSTATUS NTAPI NtCreateProcess(HANDLE* ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                               HANDLE ParentProcess, BOOLEAN InheritObjectTable, HANDLE SectionHandle, HANDLE DebugPort,
                               HANDLE ExceptionPort) {
    const ULONG flags = InheritObjectTable ? PROCESS_CREATE_FLAGS_INHERIT_HANDLES : 0;
    return NtCreateProcessEx(ProcessHandle, DesiredAccess, ObjectAttributes, ParentProcess, flags, SectionHandle,
                             DebugPort, ExceptionPort, 0);
}
}

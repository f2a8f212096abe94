// Handles of objects: the table of each process, kernel handles, what a handle allows.
//
// A handle's entry has the address of the object's header. Its three low bits are the lock, OBJ_INHERIT and OBJ_AUDIT_OBJECT_CLOSE.
// The other word is the granted access; one of its bits, which no right has, is OBJ_PROTECT_CLOSE.
// A kernel handle is a handle in the table of the System process with the highest bit set: it works in every process, in kernel mode.
// Two numbers are handles without an entry: the current process (-1) and the current thread (-2).
// IRQL: PASSIVE_LEVEL. In the books: "object handles and the process handle table". OBJ-06, OBJ-07
#pragma once

#include "ex/handle.h"
#include "ex/quotablock.h"
#include "ex/rundown.h"
#include "ob/names.h"

constexpr ACCESS_MASK PROCESS_DUP_HANDLE = 0x0040; ///< of a process: use its handles (documented value)
constexpr ULONG KERNEL_HANDLE_BIT = 0x8000'0000;
constexpr ULONG OB_HANDLE_ATTRIBUTES = OBJ_INHERIT | OBJ_AUDIT_OBJECT_CLOSE; ///< in the entry's low bits
constexpr ACCESS_MASK OB_PROTECT_CLOSE_ACCESS = MAXIMUM_ALLOWED;             ///< a bit that no granted access has

/// What a handle is.
struct OBJECT_HANDLE_INFORMATION {
    ULONG HandleAttributes; ///< OBJ_PROTECT_CLOSE, OBJ_INHERIT, OBJ_AUDIT_OBJECT_CLOSE
    ACCESS_MASK GrantedAccess;
};
using POBJECT_HANDLE_INFORMATION = OBJECT_HANDLE_INFORMATION*;

/// The object manager's part of a process. It lies in the process object.
struct OB_PROCESS {
    HANDLE_TABLE* volatile ObjectTable; ///< nullptr: the process has none, or none any more
    EX_RUNDOWN_REF TableRundown;        ///< held by threads of other processes while they use ObjectTable
    EPROCESS_QUOTA_BLOCK* QuotaBlock;   ///< nullptr: the process is not charged
};

/// How the object manager finds its part: processes stand above and register this.
struct OB_PROCESS_SOURCE {
    ULONG Offset; ///< of OB_PROCESS in the body of a process, which begins with its KPROCESS
    POBJECT_TYPE* ProcessType;
    POBJECT_TYPE* ThreadType; ///< the body of a thread begins with its KTHREAD
    EPROCESS* SystemProcess;
};

// What NtDuplicateObject may do besides (documented values).
constexpr ULONG DUPLICATE_CLOSE_SOURCE = 1;
constexpr ULONG DUPLICATE_SAME_ACCESS = 2;
constexpr ULONG DUPLICATE_SAME_ATTRIBUTES = 4;

extern "C" {
/// @param Source stays in use for ever. @irql any, boot
NTKERNELAPI void NTAPI ObRegisterProcesses(const OB_PROCESS_SOURCE* Source);
/// Gives a process its handle table and its quota. @param Parent its inheritable handles come along; nullptr: an empty table.
/// @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL; without a parent <= APC_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObInitProcess(EPROCESS* Parent, EPROCESS* Process);
/// Closes all handles of a process, and frees its table. No thread of its own uses it any more. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI ObKillProcess(EPROCESS* Process);

/// @returns how many handles a process has. @irql <= APC_LEVEL
ULONG NTAPI ObCountHandles(EPROCESS* Process);

/// References the object of a handle. @param DesiredAccess rights that a caller in user mode must have. @param ObjectType nullptr: any.
/// @param HandleInformation may be nullptr. @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE; STATUS_OBJECT_TYPE_MISMATCH;
/// STATUS_ACCESS_DENIED. @irql <= APC_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                                     KPROCESSOR_MODE AccessMode, PVOID* Object,
                                                     POBJECT_HANDLE_INFORMATION HandleInformation);
/// The same of a process's handle, for the floors below ps. @returns as ObReferenceObjectByHandle. @irql <= APC_LEVEL
NTSTATUS NTAPI ObOpenProcessHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE AccessMode,
                                   EPROCESS** Process);
/// Makes a handle to an object. @param PassedAccessState nullptr: DesiredAccess counts. @param Handle kernel memory.
/// @returns STATUS_SUCCESS; STATUS_OBJECT_TYPE_MISMATCH; STATUS_ACCESS_DENIED: also an exclusive object of another process;
/// STATUS_INSUFFICIENT_RESOURCES; what the open procedure says. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                                                 ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                                 KPROCESSOR_MODE AccessMode, HANDLE* Handle);
/// Closes a handle. @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE; STATUS_HANDLE_NOT_CLOSABLE. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode);
/// Makes a handle of one process's handle, in another process. @param SourceProcess, TargetProcess referenced. @param TargetHandle
/// kernel memory; may be nullptr with DUPLICATE_CLOSE_SOURCE only. @param Options DUPLICATE_*. @returns STATUS_SUCCESS;
/// STATUS_INVALID_HANDLE; STATUS_PROCESS_IS_TERMINATING; as ObOpenObjectByPointer. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObDuplicateObject(EPROCESS* SourceProcess, HANDLE SourceHandle, EPROCESS* TargetProcess,
                                             HANDLE* TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                                             ULONG Options, KPROCESSOR_MODE PreviousMode);
}

namespace nt {

/// A reference to an object as long as it lives; moves, does not copy. @irql <= DISPATCH_LEVEL
template <typename T> class ObjectRef {
public:
    ObjectRef() = default;
    explicit ObjectRef(T* referenced) : m_object(referenced) {}
    ObjectRef(ObjectRef&& other) : m_object(other.m_object) { other.m_object = nullptr; }
    ~ObjectRef() {
        if (m_object) (void)ObfDereferenceObject(m_object);
    }
    ObjectRef(const ObjectRef&) = delete;
    ObjectRef& operator=(const ObjectRef&) = delete;
    ObjectRef& operator=(ObjectRef&&) = delete;

    /// Takes the object of a handle. @returns as ObReferenceObjectByHandle. @irql <= APC_LEVEL
    NTSTATUS Open(HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, KPROCESSOR_MODE mode,
                  POBJECT_HANDLE_INFORMATION information = nullptr) {
        PVOID object = nullptr;
        NT_TRY(ObReferenceObjectByHandle(handle, access, type, mode, &object, information));
        m_object = static_cast<T*>(object);
        return STATUS_SUCCESS;
    }
    /// Gives the reference back before the end.
    void Release() {
        if (m_object) (void)ObfDereferenceObject(m_object);
        m_object = nullptr;
    }
    T* Get() const { return m_object; }
    T* operator->() const { return m_object; }

private:
    T* m_object = nullptr;
};

} // namespace nt

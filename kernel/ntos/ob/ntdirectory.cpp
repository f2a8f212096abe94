// Services on directories and symbolic links.
//
// NtQueryDirectoryObject builds its answer in a buffer of its own while it holds the directory, and copies it to the caller afterwards.
// In the books: "object directories", "symbolic links". OBJ-05, TRP-06
#include "rtl/capture.h"
#include "ke/pagedcode.h"
#include "ob/obp.h"
#include "rtl/string.h"

#pragma code_seg("PAGE")
namespace {

constexpr ULONG MAXIMUM_ANSWER = 64 * 1024; ///< bytes of one call; a caller with more room calls again

/// The answer of NtQueryDirectoryObject: entries from the front, texts behind them in the end.
class ANSWER {
public:
    ANSWER(UCHAR* buffer, ULONG length, PVOID callers)
        : m_entries(reinterpret_cast<OBJECT_DIRECTORY_INFORMATION*>(buffer)), m_length(length),
          m_callers(static_cast<UCHAR*>(callers)) {}

    /// The bytes that an entry needs, with the last, empty one.
    static ULONG Needs(const UNICODE_STRING& name, const UNICODE_STRING& type) {
        return 2 * ULONG(sizeof(OBJECT_DIRECTORY_INFORMATION)) + name.Length + type.Length + 2 * ULONG(sizeof(WCHAR));
    }
    /// Takes an object in. @returns false: there is no room
    bool Add(const UNICODE_STRING& name, const UNICODE_STRING& type) {
        const ULONG texts = name.Length + type.Length + 2 * ULONG(sizeof(WCHAR));
        const ULONG entries = (m_count + 2) * ULONG(sizeof(OBJECT_DIRECTORY_INFORMATION));
        if (entries + m_texts + texts > m_length) return false;
        m_entries[m_count].Name = PutText(name);
        m_entries[m_count].TypeName = PutText(type);
        m_entries[++m_count] = {};
        return true;
    }
    ULONG Count() const { return m_count; }
    ULONG Length() const { return m_length; } ///< all of the buffer: texts are at its end

private:
    /// Writes text with a 0 behind, and says where the caller will have it.
    UNICODE_STRING PutText(const UNICODE_STRING& text) {
        m_texts += text.Length + ULONG(sizeof(WCHAR));
        const ULONG at = (m_length - m_texts) & ~1u;
        UCHAR* const to = reinterpret_cast<UCHAR*>(m_entries) + at;
        RtlCopyMemory(to, text.Buffer, text.Length);
        RtlZeroMemory(to + text.Length, sizeof(WCHAR));
        return {text.Length, USHORT(text.Length + sizeof(WCHAR)), reinterpret_cast<PWSTR>(m_callers + at)};
    }

    OBJECT_DIRECTORY_INFORMATION* const m_entries;
    const ULONG m_length;
    UCHAR* const m_callers;
    ULONG m_count = 0, m_texts = 0;
};

/// What a scan of a directory is asked for, and has found.
struct SCAN {
    ULONG Context; ///< in: how many entries were told before; out: the same after this call
    bool Single;
    ULONG Needed; ///< out: bytes for the entry that found no room
};

NTSTATUS Scan(POBJECT_DIRECTORY directory, ANSWER& answer, SCAN* scan) {
    ULONG number = 0;
    const nt::FastMutexGuard guard(directory->Lock);
    for (OBJECT_DIRECTORY_ENTRY* bucket : directory->HashBuckets) {
        for (OBJECT_DIRECTORY_ENTRY* entry = bucket; entry; entry = entry->ChainLink) {
            if (number++ < scan->Context) continue;
            if (scan->Single && answer.Count() == 1) return STATUS_SUCCESS;
            POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(entry->Object);
            const UNICODE_STRING& name = OBJECT_HEADER_TO_NAME_INFO(header)->Name;
            if (!answer.Add(name, header->Type->Name)) {
                scan->Needed = ANSWER::Needs(name, header->Type->Name);
                return answer.Count() != 0 ? STATUS_MORE_ENTRIES : STATUS_BUFFER_TOO_SMALL;
            }
            scan->Context++;
        }
    }
    return answer.Count() != 0 ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
}

/// Copies a link's target from the caller into a block from pool.
NTSTATUS CaptureTarget(KPROCESSOR_MODE mode, PUNICODE_STRING from, UNICODE_STRING* target) {
    UNICODE_STRING given;
    NT_TRY(nt::Capture(mode, &given, from));
    if (given.Length == 0 || given.Length % sizeof(WCHAR) != 0 || given.MaximumLength < given.Length)
        return STATUS_INVALID_PARAMETER;
    auto* const text = static_cast<PWSTR>(ExAllocatePoolWithTag(NonPagedPool, given.Length, OB_NAME_TAG));
    if (!text) return STATUS_INSUFFICIENT_RESOURCES;
    const NTSTATUS status = RtlCaptureFromCaller(mode, text, given.Buffer, given.Length, alignof(WCHAR));
    if (!NT_SUCCESS(status)) ExFreePoolWithTag(text, OB_NAME_TAG);
    *target = {given.Length, given.Length, text};
    return status;
}

NTSTATUS Open(HANDLE* handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, POBJECT_TYPE type) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE opened;
    NT_TRY(nt::Probe(mode, handle));
    NT_TRY(ObOpenObjectByName(attributes, type, mode, nullptr, access, nullptr, &opened));
    return nt::Tell(mode, handle, opened);
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtCreateDirectoryObject(HANDLE* DirectoryHandle, ACCESS_MASK DesiredAccess,
                                       POBJECT_ATTRIBUTES ObjectAttributes) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    POBJECT_DIRECTORY directory;
    HANDLE handle;
    NT_TRY(nt::Probe(mode, DirectoryHandle));
    NT_TRY(ObpMakeDirectory(mode, ObjectAttributes, &directory));
    const NTSTATUS status = ObInsertObject(directory, nullptr, DesiredAccess, 0, nullptr, &handle);
    NT_TRY(status);
    NT_TRY(nt::Tell(mode, DirectoryHandle, handle));
    return status; // STATUS_OBJECT_NAME_EXISTS tells more
}

NTSTATUS NTAPI NtOpenDirectoryObject(HANDLE* DirectoryHandle, ACCESS_MASK DesiredAccess,
                                     POBJECT_ATTRIBUTES ObjectAttributes) {
    PAGED_CODE();
    return Open(DirectoryHandle, DesiredAccess, ObjectAttributes, ObpDirectoryObjectType);
}

NTSTATUS NTAPI NtQueryDirectoryObject(HANDLE DirectoryHandle, PVOID Buffer, ULONG Length, BOOLEAN ReturnSingleEntry,
                                      BOOLEAN RestartScan, ULONG* Context, ULONG* ReturnLength) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    SCAN scan = {.Single = ReturnSingleEntry != FALSE};
    NT_TRY(nt::Probe(mode, Context));
    NT_TRY(nt::ProbeOptional(mode, ReturnLength));
    if (!RestartScan) NT_TRY(nt::Capture(mode, &scan.Context, Context));
    nt::ObjectRef<OBJECT_DIRECTORY> directory;
    NT_TRY(directory.Open(DirectoryHandle, DIRECTORY_QUERY, ObpDirectoryObjectType, mode));
    const ULONG length = (Length < MAXIMUM_ANSWER ? Length : MAXIMUM_ANSWER) & ~1u;
    auto* const buffer = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, length, OB_DIRECTORY_TAG));
    if (!buffer) return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(buffer, length);
    ANSWER answer(buffer, length, Buffer);
    const NTSTATUS status = Scan(directory.Get(), answer, &scan);
    const bool told = NT_SUCCESS(status) && status != STATUS_NO_MORE_ENTRIES;
    NTSTATUS copied = told ? RtlProbeCaller(mode, Buffer, length, alignof(ULONG)) : STATUS_SUCCESS;
    if (told && NT_SUCCESS(copied)) copied = RtlTellCaller(mode, Buffer, buffer, length);
    ExFreePoolWithTag(buffer, OB_DIRECTORY_TAG);
    NT_TRY(copied);
    if (told) NT_TRY(nt::Tell(mode, Context, scan.Context));
    NT_TRY(nt::TellOptional(mode, ReturnLength, told ? length : scan.Needed));
    return status;
}

NTSTATUS NTAPI NtCreateSymbolicLinkObject(HANDLE* LinkHandle, ACCESS_MASK DesiredAccess,
                                          POBJECT_ATTRIBUTES ObjectAttributes, PUNICODE_STRING LinkTarget) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    UNICODE_STRING target;
    POBJECT_SYMBOLIC_LINK link;
    HANDLE handle;
    NT_TRY(nt::Probe(mode, LinkHandle));
    NT_TRY(CaptureTarget(mode, LinkTarget, &target));
    NT_TRY(ObpMakeSymbolicLink(mode, ObjectAttributes, target, &link));
    const NTSTATUS status = ObInsertObject(link, nullptr, DesiredAccess, 0, nullptr, &handle);
    NT_TRY(status);
    NT_TRY(nt::Tell(mode, LinkHandle, handle));
    return status;
}

NTSTATUS NTAPI NtOpenSymbolicLinkObject(HANDLE* LinkHandle, ACCESS_MASK DesiredAccess,
                                        POBJECT_ATTRIBUTES ObjectAttributes) {
    PAGED_CODE();
    return Open(LinkHandle, DesiredAccess, ObjectAttributes, ObpSymbolicLinkObjectType);
}

NTSTATUS NTAPI NtQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget, ULONG* ReturnedLength) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    UNICODE_STRING room;
    NT_TRY(nt::Probe(mode, LinkTarget));
    NT_TRY(nt::ProbeOptional(mode, ReturnedLength));
    NT_TRY(nt::Capture(mode, &room, LinkTarget));
    nt::ObjectRef<OBJECT_SYMBOLIC_LINK> link;
    NT_TRY(link.Open(LinkHandle, SYMBOLIC_LINK_QUERY, ObpSymbolicLinkObjectType, mode));
    const UNICODE_STRING& target = link->LinkTarget;
    NT_TRY(nt::TellOptional(mode, ReturnedLength, ULONG(target.Length)));
    if (room.MaximumLength < target.Length) return STATUS_BUFFER_TOO_SMALL;
    NT_TRY(RtlProbeCaller(mode, room.Buffer, target.Length, alignof(WCHAR)));
    NT_TRY(RtlTellCaller(mode, room.Buffer, target.Buffer, target.Length));
    room.Length = target.Length;
    return nt::Tell(mode, LinkTarget, room);
}
}
#pragma code_seg()

// NtQueryDirectoryFile: what is in a directory, entry behind entry, as much as there is room for.
//
// A scan belongs to the open file. Its pattern is that of the first call; a call goes on where the last one ended, or begins anew. An entry
// is built in a buffer of the kernel and copied to the caller.
// In the books: "file systems", "directory control". IOM-03, TRP-06
#include "io/iop.h"
#include "io/pattern.h"

namespace {

constexpr ULONG MAXIMUM_NAME = 255; ///< characters of an entry's name
constexpr ULONG ENTRY_ALIGNMENT = 8;

/// How far a scan of a directory has come: FILE_OBJECT::CompletionContext, under the file's Lock.
struct SCAN {
    ULONG Next;             ///< number of the entry to tell next
    bool Found;             ///< the scan has told an entry
    UNICODE_STRING Pattern; ///< its text lies behind; empty: each name
};

/// An entry as it is built: the largest of the forms, and the name.
union ENTRY {
    FILE_NAMES_INFORMATION Names;
    FILE_DIRECTORY_INFORMATION Directory;
    FILE_FULL_DIR_INFORMATION Full;
    FILE_BOTH_DIR_INFORMATION Both;
    UCHAR Bytes[offsetof(FILE_BOTH_DIR_INFORMATION, FileName) + MAXIMUM_NAME * sizeof(WCHAR)];
};

/// Where the name begins in the form of this class; 0: no class of directories.
ULONG NameOffset(FILE_INFORMATION_CLASS informationClass) {
    switch (informationClass) {
    case FILE_INFORMATION_CLASS::FileNamesInformation: return offsetof(FILE_NAMES_INFORMATION, FileName);
    case FILE_INFORMATION_CLASS::FileDirectoryInformation: return offsetof(FILE_DIRECTORY_INFORMATION, FileName);
    case FILE_INFORMATION_CLASS::FileFullDirectoryInformation: return offsetof(FILE_FULL_DIR_INFORMATION, FileName);
    case FILE_INFORMATION_CLASS::FileBothDirectoryInformation: return offsetof(FILE_BOTH_DIR_INFORMATION, FileName);
    default: return 0;
    }
}

/// Builds an entry. @returns its bytes. The forms begin alike; short names and extended attributes there are none.
ULONG Build(ENTRY* entry, FILE_INFORMATION_CLASS informationClass, ULONG number, const UNICODE_STRING& name,
            const IO_FILE_DESCRIPTION& description) {
    const ULONG nameOffset = NameOffset(informationClass);
    const ULONG length = name.Length < MAXIMUM_NAME * sizeof(WCHAR) ? name.Length : MAXIMUM_NAME * sizeof(WCHAR);
    RtlZeroMemory(entry, nameOffset);
    entry->Names.FileIndex = number;
    if (informationClass == FILE_INFORMATION_CLASS::FileNamesInformation) {
        entry->Names.FileNameLength = length;
    } else {
        entry->Directory.EndOfFile.QuadPart = LONGLONG(description.Size);
        entry->Directory.AllocationSize.QuadPart = LONGLONG(IopAllocationOf(description.Size));
        entry->Directory.FileAttributes = description.Attributes;
        entry->Directory.FileNameLength = length;
    }
    RtlCopyMemory(entry->Bytes + nameOffset, name.Buffer, length);
    return nameOffset + length;
}

/// One call: what was asked, and what has been told.
struct QUERY {
    IOP_OPERATION* Operation;
    SCAN* Scan;
    FILE_INFORMATION_CLASS Class;
    UCHAR* Buffer; ///< the caller's
    ULONG Length;
    bool Single;
    ULONG Used;       ///< bytes of the buffer, padding included
    ULONG LastOffset; ///< of the last entry
};

/// Copies an entry behind the others, and links the last one to it.
NTSTATUS Append(QUERY* query, const ENTRY& entry, ULONG bytes) {
    const KPROCESSOR_MODE mode = query->Operation->Mode();
    const ULONG at = (query->Used + ENTRY_ALIGNMENT - 1) & ~(ENTRY_ALIGNMENT - 1);
    NT_TRY(RtlTellCaller(mode, query->Buffer + at, &entry, bytes));
    if (query->Used != 0) {
        const ULONG distance = at - query->LastOffset;
        NT_TRY(RtlTellCaller(mode, query->Buffer + query->LastOffset, &distance, sizeof(distance)));
    }
    query->LastOffset = at;
    query->Used = at + bytes;
    return STATUS_SUCCESS;
}

/// Tells entries until there is no room or no entry.
NTSTATUS Tell(QUERY* query) {
    FILE_OBJECT* const file = query->Operation->File();
    const auto next = query->Operation->Calls().Entry;
    SCAN& scan = *query->Scan;
    ENTRY entry;
    for (;; scan.Next++) {
        UNICODE_STRING name;
        IO_FILE_DESCRIPTION description;
        if (!NT_SUCCESS(next(file, scan.Next, &name, &description))) break;
        if (scan.Pattern.Length != 0 && !nt::MatchesPattern(scan.Pattern, name)) continue;
        const ULONG bytes = Build(&entry, query->Class, scan.Next, name, description);
        const ULONG at = (query->Used + ENTRY_ALIGNMENT - 1) & ~(ENTRY_ALIGNMENT - 1);
        if (at + bytes > query->Length) {
            if (query->Used != 0) return STATUS_SUCCESS;
            // Not even one: as much of it as there is room for. The scan stays at it.
            NT_TRY(Append(query, entry, query->Length));
            return STATUS_BUFFER_OVERFLOW;
        }
        NT_TRY(Append(query, entry, bytes));
        scan.Found = true;
        if (query->Single) {
            scan.Next++;
            return STATUS_SUCCESS;
        }
    }
    if (query->Used != 0) return STATUS_SUCCESS;
    return scan.Found ? STATUS_NO_MORE_FILES : STATUS_NO_SUCH_FILE;
}

/// The file's scan; the first call makes it.
NTSTATUS ScanOf(const IOP_OPERATION& operation, const UNICODE_STRING* callersPattern, SCAN** scan) {
    FILE_OBJECT* const file = operation.File();
    *scan = static_cast<SCAN*>(file->CompletionContext);
    if (*scan) return STATUS_SUCCESS;
    UNICODE_STRING pattern = {};
    NT_TRY(nt::CaptureOptional(operation.Mode(), &pattern, callersPattern));
    if (pattern.Length % sizeof(WCHAR) != 0) return STATUS_OBJECT_NAME_INVALID;
    auto* const made =
        static_cast<SCAN*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(SCAN) + pattern.Length, IO_NAME_TAG));
    if (!made) return STATUS_INSUFFICIENT_RESOURCES;
    auto* const text = reinterpret_cast<PWSTR>(made + 1);
    *made = {.Pattern = {pattern.Length, pattern.Length, text}};
    const NTSTATUS status =
        RtlCaptureFromCaller(operation.Mode(), text, pattern.Buffer, pattern.Length, alignof(WCHAR));
    // Of a file that is not synchronous two threads may be here: one scan stays.
    if (NT_SUCCESS(status) && !InterlockedCompareExchangePointer<void>(&file->CompletionContext, made, nullptr)) {
        *scan = made;
        return STATUS_SUCCESS;
    }
    ExFreePoolWithTag(made, IO_NAME_TAG);
    *scan = static_cast<SCAN*>(file->CompletionContext);
    return status;
}

} // namespace

extern "C" NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine,
                                               PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                               ULONG Length, FILE_INFORMATION_CLASS FileInformationClass,
                                               BOOLEAN ReturnSingleEntry, PUNICODE_STRING FileName,
                                               BOOLEAN RestartScan) {
    const ULONG fixed = NameOffset(FileInformationClass);
    if (fixed == 0) return STATUS_INVALID_INFO_CLASS;
    if (Length < fixed) return STATUS_INFO_LENGTH_MISMATCH;
    IOP_OPERATION operation;
    NT_TRY(RtlProbeCaller(operation.Mode(), FileInformation, Length, alignof(ULONG)));
    const NTSTATUS begun =
        operation.Begin(FileHandle, FILE_LIST_DIRECTORY, IoStatusBlock, {Event, ApcRoutine, ApcContext});
    if (begun != STATUS_SUCCESS) return begun;
    if (!IopIsDirectory(IopDescribe(operation.File())) || !operation.Calls().Entry)
        return operation.End(STATUS_INVALID_PARAMETER, 0);
    QUERY query = {.Operation = &operation,
                   .Class = FileInformationClass,
                   .Buffer = static_cast<UCHAR*>(FileInformation),
                   .Length = Length,
                   .Single = ReturnSingleEntry != FALSE};
    NTSTATUS status = ScanOf(operation, FileName, &query.Scan);
    if (NT_SUCCESS(status)) {
        if (RestartScan) query.Scan->Next = 0;
        status = Tell(&query);
    }
    return operation.End(status, query.Used);
}

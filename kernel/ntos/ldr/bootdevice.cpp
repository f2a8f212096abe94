// \Boot: the boot files in the name space. C: leads to it, so that programs find what they know by a path.
//
// It is one directory, and all in it is read-only. A file's FsContext is its BOOT_FILE, the directory's is nullptr.
// In the books: "file systems", "device objects". BOO-04, IOM-03
#include "rtl/capture.h"
#include "io.h"
#include "ldr/bootlist.h"

namespace {

constexpr ACCESS_MASK CHANGES =
    FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | FILE_DELETE_CHILD | DELETE;

const BOOT_FILE* FileOf(const FILE_OBJECT* file) { return static_cast<const BOOT_FILE*>(file->FsContext); }

IO_FILE_DESCRIPTION DescriptionOf(const BOOT_FILE* file) {
    IO_FILE_DESCRIPTION description = {};
    description.Attributes = file ? FILE_ATTRIBUTE_READONLY : FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_DIRECTORY;
    description.Size = file ? file->Memory.Length : 0;
    description.Index = reinterpret_cast<ULONG_PTR>(file);
    return description;
}

/// The directory's own name is empty, a file's is one component.
NTSTATUS Find(const UNICODE_STRING& name, BOOT_FILE** found) {
    *found = nullptr;
    if (name.Length == 0) return STATUS_SUCCESS;
    const UNICODE_STRING component = {USHORT(name.Length - sizeof(WCHAR)), USHORT(name.Length - sizeof(WCHAR)),
                                      name.Buffer + 1};
    for (ULONG i = 0; i < component.Length / sizeof(WCHAR); i++) { // there are no other directories
        if (component.Buffer[i] == u'\\') return i == 0 ? STATUS_OBJECT_NAME_INVALID : STATUS_OBJECT_PATH_NOT_FOUND;
    }
    *found = LdrpFindBootFile(component);
    return *found ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS NTAPI Open(FILE_OBJECT* file, IO_OPEN* open) {
    BOOT_FILE* found;
    const NTSTATUS status = Find(file->FileName, &found);
    const bool makes = open->Disposition != FILE_OPEN && open->Disposition != FILE_OPEN_IF;
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && open->Disposition != FILE_OPEN && open->Disposition != FILE_OVERWRITE)
        return STATUS_MEDIA_WRITE_PROTECTED;
    NT_TRY(status);
    if (open->Disposition == FILE_CREATE) return STATUS_OBJECT_NAME_COLLISION;
    if (makes || (open->DesiredAccess & CHANGES) != 0) return STATUS_ACCESS_DENIED;
    if (found) {
        MmReferenceBacking(&found->Memory.Backing);
        file->SectionObjectPointer = &found->Memory.Backing.SectionObjectPointer;
    }
    file->FsContext = found;
    open->Information = FILE_OPENED;
    return STATUS_SUCCESS;
}

void NTAPI Close(FILE_OBJECT* file) {
    if (file->FsContext) MmDereferenceBacking(&static_cast<BOOT_FILE*>(file->FsContext)->Memory.Backing);
}

void NTAPI Describe(FILE_OBJECT* file, IO_FILE_DESCRIPTION* description) { *description = DescriptionOf(FileOf(file)); }

NTSTATUS NTAPI Read(FILE_OBJECT* file, IO_TRANSFER* transfer) {
    const MM_MEMORY_BACKING& memory = FileOf(file)->Memory;
    if (transfer->Length == 0) return STATUS_SUCCESS;
    if (transfer->Offset >= memory.Length) return STATUS_END_OF_FILE;
    const ULONG left = memory.Length - ULONG(transfer->Offset);
    const ULONG bytes = transfer->Length < left ? transfer->Length : left;
    NT_TRY(RtlTellCaller(transfer->Mode, transfer->Buffer, memory.Data + transfer->Offset, bytes));
    transfer->Information = bytes;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI Write(FILE_OBJECT*, IO_TRANSFER*) { return STATUS_ACCESS_DENIED; }

NTSTATUS NTAPI Entry(FILE_OBJECT*, ULONG number, UNICODE_STRING* name, IO_FILE_DESCRIPTION* description) {
    for (SINGLE_LIST_ENTRY* entry = LdrpBootFiles.Next; entry; entry = entry->Next) {
        if (number-- != 0) continue;
        auto* const file = CONTAINING_RECORD(entry, BOOT_FILE, Next);
        *name = *file->Name;
        *description = DescriptionOf(file);
        return STATUS_SUCCESS;
    }
    return STATUS_NO_MORE_FILES;
}

constexpr IO_DEVICE_CALLS BootCalls = {.Open = Open,
                                       .Cleanup = nullptr,
                                       .Close = Close,
                                       .Describe = Describe,
                                       .Read = Read,
                                       .Write = Write,
                                       .Entry = Entry,
                                       .Control = nullptr};

} // namespace

NTSTATUS LdrpCreateBootDevice() {
    return IoCreateFileDevice(u"\\Boot", u"\\??\\C:", &BootCalls, FILE_DEVICE_DISK, FILE_READ_ONLY_DEVICE);
}

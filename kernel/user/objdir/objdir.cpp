// objdir [DIRECTORY]: what is in a directory of the object manager's name space, and of what type.
//
// In the books: "object directories". OBJ-05
#include "user/program.h"

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"\\");
    if (words.Count() > 1) name = words[1];
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    HANDLE directory;
    NT_TRY(NtOpenDirectoryObject(&directory, DIRECTORY_QUERY, &attributes));
    for (ULONG context = 0;;) {
        alignas(8) UCHAR buffer[1024];
        ULONG length;
        const NTSTATUS status =
            NtQueryDirectoryObject(directory, buffer, sizeof(buffer), TRUE, FALSE, &context, &length);
        if (status == STATUS_NO_MORE_ENTRIES) return STATUS_SUCCESS;
        NT_TRY(status);
        const auto* const entry = reinterpret_cast<const OBJECT_DIRECTORY_INFORMATION*>(buffer);
        nt::Print("%-24wZ %wZ\n", &entry->Name, &entry->TypeName);
    }
}

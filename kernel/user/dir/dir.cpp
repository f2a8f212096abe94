// dir [PATTERN]: the files of \Boot, with their sizes.
//
// In the books: "file systems". IOM-03, BOO-04
#include "user/program.h"

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    UNICODE_STRING pattern = words.Count() > 1 ? words[1] : UNICODE_STRING{};
    UNICODE_STRING boot;
    RtlInitUnicodeString(&boot, u"\\Boot");
    HANDLE directory;
    NT_TRY(nt::OpenForReading(&boot, FILE_DIRECTORY_FILE, 0, &directory));
    for (;;) {
        alignas(8) UCHAR buffer[700];
        IO_STATUS_BLOCK block;
        const NTSTATUS status =
            NtQueryDirectoryFile(directory, nullptr, nullptr, nullptr, &block, buffer, sizeof(buffer),
                                 FILE_INFORMATION_CLASS::FileDirectoryInformation, TRUE, &pattern, FALSE);
        if (status == STATUS_NO_MORE_FILES) return STATUS_SUCCESS;
        NT_TRY(status);
        const auto* const entry = reinterpret_cast<const FILE_DIRECTORY_INFORMATION*>(buffer);
        const auto length = USHORT(entry->FileNameLength);
        const UNICODE_STRING name = {length, length, const_cast<PWSTR>(entry->FileName)};
        nt::Print("%10u  %wZ\n", ULONG(entry->EndOfFile.QuadPart), &name);
    }
}

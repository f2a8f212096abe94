// hexdump [FILE]: a file's bytes, sixteen a line; without a name those of the standard input.
//
// In the books: "file object". IOM-03
#include "user/program.h"

namespace {

constexpr ULONG BYTES = 16;

void Line(ULONG offset, const UCHAR* bytes, ULONG count) {
    CHAR text[80];
    ULONG at = 0;
    for (ULONG i = 0; i < BYTES; i++, at += 3)
        (void)RtlStringCbPrintf(text + at, sizeof(text) - at, i < count ? "%02x " : "   ", i < count ? bytes[i] : 0u);
    for (ULONG i = 0; i < count; i++)
        text[at++] = bytes[i] >= ' ' && bytes[i] < 0x7F ? CHAR(bytes[i]) : '.';
    text[at] = 0;
    nt::Print("%08x  %s\n", offset, text);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    HANDLE file = Peb->ProcessParameters->StandardInput;
    if (words.Count() > 2) {
        nt::Print("hexdump [FILE]\n");
        return STATUS_INVALID_PARAMETER;
    }
    if (words.Count() == 2) {
        nt::FullName name(words[1], u"");
        NT_TRY(nt::OpenForReading(name.Get(), FILE_NON_DIRECTORY_FILE, 0, &file));
    }
    for (ULONG offset = 0;; offset += BYTES) {
        UCHAR bytes[BYTES];
        IO_STATUS_BLOCK block;
        const NTSTATUS status = NtReadFile(file, nullptr, nullptr, nullptr, &block, bytes, BYTES, nullptr, nullptr);
        if (status == STATUS_END_OF_FILE) return STATUS_SUCCESS;
        NT_TRY(status);
        Line(offset, bytes, ULONG(block.Information));
    }
}

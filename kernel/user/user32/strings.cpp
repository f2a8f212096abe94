// Texts of an image's resources; formatted text. Contract: the public documentation.
//
// Texts stand in tables of 16: a table is the resource of type 6 whose number is that of the text, divided by 16, plus 1. In it each text is
// its length and its characters, one behind the other.
// In the books: none; the public specification of PE images. EXE-01
#include "ntdll.h"

#include "ntimage.h"
#include "resources.h"

namespace {

constexpr ULONG RT_STRING = 6, TEXTS = 16, RESOURCE_DIRECTORY = 2; ///< documented

/// @param[out] length characters; there is no 0. @returns nullptr: there is no such text
const WCHAR* FindText(PVOID module, ULONG id, ULONG* length) {
    const auto* const image = static_cast<const UCHAR*>(module ? module : NtCurrentPeb()->ImageBaseAddress);
    const auto* const dos = reinterpret_cast<const IMAGE_DOS_HEADER*>(image);
    const IMAGE_OPTIONAL_HEADER& header =
        reinterpret_cast<const IMAGE_NT_HEADERS*>(image + dos->e_lfanew)->OptionalHeader;
    if (header.NumberOfRvaAndSizes <= RESOURCE_DIRECTORY) return nullptr;
    const ULONG directory = header.DataDirectory[RESOURCE_DIRECTORY].VirtualAddress;
    if (directory == 0) return nullptr;
    const nt::Resource table = nt::FindResource(image, header.SizeOfImage, directory, RT_STRING, id / TEXTS + 1);
    const auto* at = reinterpret_cast<const WCHAR*>(table.Data);
    ULONG left = table.Size / sizeof(WCHAR);
    for (ULONG i = 0; left != 0 && *at < left; i++) {
        if (i == id % TEXTS) {
            *length = *at;
            return at + 1;
        }
        left -= 1 + *at;
        at += 1 + *at;
    }
    return nullptr;
}

} // namespace

extern "C" {

/// @param Room characters with the 0; 0: Buffer receives the text's own place, and it is not cut
/// @returns characters; 0: there is no such text
int NTAPI LoadStringW(PVOID Instance, ULONG Id, WCHAR* Buffer, int Room) {
    ULONG length = 0;
    const WCHAR* const text = Buffer && Room >= 0 ? FindText(Instance, Id & 0xFFFF, &length) : nullptr;
    if (Room == 0 && Buffer) {
        *reinterpret_cast<const WCHAR**>(Buffer) = text;
        return int(length);
    }
    if (Buffer && Room > 0) {
        if (length >= ULONG(Room)) length = ULONG(Room) - 1;
        if (text) RtlCopyMemory(Buffer, text, length * sizeof(WCHAR));
        Buffer[length] = 0;
    }
    return int(length);
}

/// @param Buffer room for 1024 characters. @returns characters without the 0
int CDECL wsprintfW(WCHAR* Buffer, const WCHAR* Format, ...) {
    constexpr SIZE_T room = 1024; // documented
    va_list arguments;
    va_start(arguments, Format);
    const int length = _vsnwprintf(Buffer, room - 1, Format, arguments);
    va_end(arguments);
    Buffer[room - 1] = 0;
    return length >= 0 ? length : int(room - 1);
}

BOOLEAN NTAPI DllMain(PVOID, ULONG, PVOID) { return TRUE; }
}

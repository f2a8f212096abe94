// Texts of errors. Contract: the public documentation.
//
// Simplified: the errors that this DLL notes have a text, in English; a text has no inserts, and none comes from a module's table.
// In the books: "system errors". SYS-01
#include "k32.h"

namespace {

constexpr DWORD ALLOCATE = 0x100, FROM_STRING = 0x400, FROM_SYSTEM = 0x1000; ///< documented flags

/// An error and its documented text.
struct MESSAGE {
    DWORD Error;
    PCSTR Text;
};
constexpr MESSAGE Messages[] = {
    {ERROR_SUCCESS, "The operation completed successfully.\r\n"},
    {ERROR_FILE_NOT_FOUND, "The system cannot find the file specified.\r\n"},
    {ERROR_PATH_NOT_FOUND, "The system cannot find the path specified.\r\n"},
    {ERROR_ACCESS_DENIED, "Access is denied.\r\n"},
    {ERROR_INVALID_HANDLE, "The handle is invalid.\r\n"},
    {ERROR_NOT_ENOUGH_MEMORY, "Not enough memory resources are available to process this command.\r\n"},
    {ERROR_INVALID_PARAMETER, "The parameter is incorrect.\r\n"},
    {ERROR_INSUFFICIENT_BUFFER, "The data area passed to a system call is too small.\r\n"},
    {ERROR_MOD_NOT_FOUND, "The specified module could not be found.\r\n"},
    {ERROR_PROC_NOT_FOUND, "The specified procedure could not be found.\r\n"},
    {ERROR_ALREADY_EXISTS, "Cannot create a file when that file already exists.\r\n"},
};

PCSTR TextOf(DWORD error) {
    for (const MESSAGE& message : Messages)
        if (message.Error == error) return message.Text;
    return nullptr;
}

DWORD Fail(DWORD error) {
    SetLastError(error);
    return 0;
}

} // namespace

extern "C" {

/// @param Buffer with FORMAT_MESSAGE_ALLOCATE_BUFFER the address of a pointer, which LocalFree's block goes to
/// @returns characters without the 0; 0: GetLastError says why
DWORD NTAPI FormatMessageA(DWORD Flags, const void* Source, DWORD MessageId, DWORD, PSTR Buffer, DWORD Size, va_list*) {
    const PCSTR text = (Flags & FROM_STRING)   ? static_cast<PCSTR>(Source)
                       : (Flags & FROM_SYSTEM) ? TextOf(MessageId)
                                               : nullptr;
    if (!text || !Buffer) return Fail(text ? ERROR_INVALID_PARAMETER : ERROR_MR_MID_NOT_FOUND);
    const SIZE_T length = strlen(text);
    if (Flags & ALLOCATE) {
        const SIZE_T room = length + 1 > Size ? length + 1 : Size;
        const PVOID block = RtlAllocateHeap(GetProcessHeap(), 0, room);
        *reinterpret_cast<PVOID*>(Buffer) = block;
        if (!block) return Fail(ERROR_NOT_ENOUGH_MEMORY);
        Buffer = static_cast<PSTR>(block);
    } else if (length >= Size) {
        return Fail(ERROR_INSUFFICIENT_BUFFER);
    }
    RtlCopyMemory(Buffer, text, length + 1);
    return DWORD(length);
}

/// @returns nullptr; the block: it is none
PVOID NTAPI LocalFree(PVOID Memory) {
    if (!Memory || HeapFree(GetProcessHeap(), 0, Memory)) return nullptr;
    SetLastError(ERROR_INVALID_HANDLE);
    return Memory;
}
}

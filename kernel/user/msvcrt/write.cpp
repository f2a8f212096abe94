// Bytes that leave the process: the handle behind a descriptor, and the ends of lines. Contract: crt.h.
//
// A process without a standard output, the first one and those of tests, writes on the system's console.
#include "crt.h"

#include "ps/services.h"
#include "io/services.h"

namespace {

constexpr ULONG PIECE = 128; ///< bytes that are translated at once

HANDLE HandleOf(int descriptor) {
    const RTL_USER_PROCESS_PARAMETERS& parameters = *NtCurrentPeb()->ProcessParameters;
    return descriptor == 1 ? parameters.StandardOutput : parameters.StandardError;
}

bool Show(const char* bytes, ULONG count) {
    WCHAR wide[PIECE * 2];
    ULONG length = 0;
    if (!NT_SUCCESS(RtlMultiByteToUnicodeN(wide, sizeof(wide), &length, bytes, count))) return false;
    UNICODE_STRING text{USHORT(length), USHORT(length), wide};
    return NT_SUCCESS(NtDisplayString(&text));
}

bool WritePiece(int descriptor, const char* bytes, ULONG count) {
    HANDLE const handle = HandleOf(descriptor);
    if (!handle) return Show(bytes, count);
    IO_STATUS_BLOCK status{};
    return NT_SUCCESS(NtWriteFile(handle, nullptr, nullptr, nullptr, &status, const_cast<char*>(bytes), count, nullptr,
                                  nullptr)) &&
           status.Information == count;
}

} // namespace

bool CrtWrite(int descriptor, const char* bytes, SIZE_T count) {
    if (descriptor != 1 && descriptor != 2) {
        *_errno() = EBADF;
        return false;
    }
    char piece[PIECE];
    ULONG length = 0;
    for (SIZE_T i = 0; i < count; i++) {
        if (bytes[i] == '\n') piece[length++] = '\r';
        piece[length++] = bytes[i];
        if (length < PIECE - 1 && i + 1 < count) continue;
        if (!WritePiece(descriptor, piece, length)) {
            *_errno() = EBADF;
            return false;
        }
        length = 0;
    }
    return true;
}

// RtlDosPathNameToNtPathName_U: dospath.cpp with the process's current directory and its heap. Contract: user/files.h.
#include "ntdllp.h"

#include "files/dospath.h"

namespace {

/// A copy of the current directory, which another thread may change. @param to its buffer has room
void CopyCurrentDirectory(PUNICODE_STRING to) {
    const RTL_USER_PROCESS_PARAMETERS* const parameters = NtCurrentPeb()->ProcessParameters;
    (void)RtlEnterCriticalSection(NtCurrentPeb()->FastPebLock);
    RtlCopyUnicodeString(to, parameters ? &parameters->CurrentDirectory.DosPath : nullptr);
    (void)RtlLeaveCriticalSection(NtCurrentPeb()->FastPebLock);
}

constexpr ULONG MAXIMUM_PATH = 260; ///< characters of a current directory (documented)

} // namespace

extern "C" BOOLEAN NTAPI RtlDosPathNameToNtPathName_U(PCWSTR DosPathName, PUNICODE_STRING NtPathName, PWSTR* FilePart,
                                                      PVOID) {
    UNICODE_STRING name;
    if (!NT_SUCCESS(RtlInitUnicodeStringEx(&name, DosPathName))) return FALSE;
    WCHAR room[MAXIMUM_PATH];
    UNICODE_STRING current = {0, sizeof(room), room};
    CopyCurrentDirectory(&current);
    const ULONG bytes = name.Length + current.Length + RTLP_PATH_EXTRA * ULONG(sizeof(WCHAR));
    if (bytes > MAXIMUM_USHORT) return FALSE;
    const auto buffer = static_cast<PWSTR>(RtlAllocateStringRoutine(bytes));
    if (!buffer) return FALSE;
    UNICODE_STRING path = {0, USHORT(bytes), buffer};
    if (!NT_SUCCESS(RtlpDosPathToNtPath(&name, &current, &path))) {
        RtlFreeStringRoutine(buffer);
        return FALSE;
    }
    ULONG part = path.Length / ULONG(sizeof(WCHAR));
    while (part != 0 && buffer[part - 1] != u'\\')
        part--;
    if (FilePart) *FilePart = part * sizeof(WCHAR) < path.Length ? buffer + part : nullptr;
    *NtPathName = path;
    return TRUE;
}

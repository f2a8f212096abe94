// Other programs, started and waited for. Contract: the C standard and the public documentation.
//
// imports: kernel32
// The shell is what COMSPEC names. Simplified: there are no pipes, so _popen starts nothing.
// In the books: "process creation". PRC-04
#include "crt.h"

#include "kernel32.h"

namespace {

constexpr int ENOEXEC = 8, ENOSYS = 40, ECHILD = 10;

/// @returns the program's exit status; -1: errno says why
int RunAndWait(char* line) {
    STARTUPINFOA start{};
    PROCESS_INFORMATION made{};
    start.cb = sizeof(start);
    if (!CreateProcessA(nullptr, line, nullptr, nullptr, TRUE, 0, nullptr, nullptr, &start, &made)) {
        const DWORD error = GetLastError();
        *_errno() = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? ENOENT : ENOEXEC;
        return -1;
    }
    DWORD status = 0;
    (void)WaitForSingleObject(made.hProcess, INFINITE);
    (void)GetExitCodeProcess(made.hProcess, &status);
    (void)CloseHandle(made.hThread);
    (void)CloseHandle(made.hProcess);
    return int(status);
}

} // namespace

extern "C" {

/// @param command nullptr: is there a shell? @returns that; else the shell's exit status, -1: errno says why
int CDECL system(const char* command) {
    const char* const shell = getenv("COMSPEC");
    if (!command) return shell != nullptr;
    if (!shell) {
        *_errno() = ENOENT;
        return -1;
    }
    const SIZE_T room = strlen(shell) + strlen(command) + sizeof(" /c ");
    auto* const line = static_cast<char*>(malloc(room));
    if (!line) return -1;
    (void)_snprintf(line, room, "%s /c %s", shell, command);
    CrtFlushAll(); // what the program has written stands before what the other one writes
    const int status = RunAndWait(line);
    free(line);
    return status;
}

FILE* CDECL _popen(const char* command, const char* mode) {
    (void)command, (void)mode;
    *_errno() = ENOSYS;
    return nullptr;
}
int CDECL _pclose(FILE* stream) { // no stream comes from _popen
    (void)stream;
    *_errno() = ECHILD;
    return -1;
}
}

// Starting a program, for programs that do not use kernel32.
//
// IRQL: PASSIVE_LEVEL. In the books: "process parameters", "flow of process creation". PRC-05
#pragma once

#include "ntdll.h"

namespace nt {

/// What a program is started with, beside its command line.
struct StartOptions {
    BOOLEAN Inherits = TRUE;         ///< it gets the inheritable handles
    HANDLE DebugPort = nullptr;      ///< a debug object
    const HANDLE* Streams = nullptr; ///< standard input, output and error; nullptr: the caller's own
};

/// Makes a program's process. Its first thread waits for NtResumeThread. @param path of the image, in the name space. @param line its
/// command line. @returns as RtlCreateProcessParameters, RtlCreateUserProcess
inline NTSTATUS CreateProgram(PUNICODE_STRING path, PUNICODE_STRING line, RTL_USER_PROCESS_INFORMATION* made,
                              const StartOptions& options = {}) {
    RTL_USER_PROCESS_PARAMETERS* parameters;
    NT_TRY(RtlCreateProcessParameters(&parameters, path, nullptr, nullptr, line, nullptr, nullptr, nullptr, nullptr,
                                      nullptr));
    if (options.Streams) {
        parameters->StandardInput = options.Streams[0];
        parameters->StandardOutput = options.Streams[1];
        parameters->StandardError = options.Streams[2];
    }
    const NTSTATUS status = RtlCreateUserProcess(path, OBJ_CASE_INSENSITIVE, parameters, nullptr, nullptr, nullptr,
                                                 options.Inherits, options.DebugPort, nullptr, made);
    (void)RtlDestroyProcessParameters(parameters);
    return status;
}

} // namespace nt

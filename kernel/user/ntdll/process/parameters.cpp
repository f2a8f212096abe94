// Parameters of a process, as one block: the structure and behind it the texts. Contract: user/environment.h.
//
// A block that is to be copied into another process has offsets where its strings' addresses belong: it is good at any address.
// In the books: "process parameters". PRC-04
#include "ntdllp.h"

namespace {

constexpr ULONG STRINGS = 8;

/// The strings of a block, in the order in which their texts lie.
void StringsOf(RTL_USER_PROCESS_PARAMETERS* parameters, UNICODE_STRING* (&strings)[STRINGS]) {
    UNICODE_STRING* const all[STRINGS] = {&parameters->CurrentDirectory.DosPath,
                                          &parameters->DllPath,
                                          &parameters->ImagePathName,
                                          &parameters->CommandLine,
                                          &parameters->WindowTitle,
                                          &parameters->DesktopInfo,
                                          &parameters->ShellInfo,
                                          &parameters->RuntimeData};
    memcpy(strings, all, sizeof(all));
}

/// Moves all addresses.
RTL_USER_PROCESS_PARAMETERS* Shift(RTL_USER_PROCESS_PARAMETERS* parameters, ULONG_PTR distance) {
    UNICODE_STRING* strings[STRINGS];
    StringsOf(parameters, strings);
    for (UNICODE_STRING* const each : strings)
        if (each->Buffer) each->Buffer = reinterpret_cast<PWSTR>(reinterpret_cast<ULONG_PTR>(each->Buffer) + distance);
    return parameters;
}

constexpr SIZE_T ALIGNMENT = sizeof(PVOID);

SIZE_T Room(PCUNICODE_STRING text) {
    return text ? (text->Length + sizeof(WCHAR) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : 0;
}

void Put(RTL_USER_PROCESS_PARAMETERS* parameters, UNICODE_STRING* string, PCUNICODE_STRING text) {
    if (!text) return;
    UCHAR* const to = reinterpret_cast<UCHAR*>(parameters) + parameters->Length;
    memcpy(to, text->Buffer, text->Length); // the 0 behind it is there
    *string = {text->Length, USHORT(text->Length + sizeof(WCHAR)), reinterpret_cast<PWSTR>(to)};
    parameters->Length += ULONG(Room(text));
}

} // namespace

extern "C" {

NTSTATUS NTAPI RtlCreateProcessParameters(RTL_USER_PROCESS_PARAMETERS** ProcessParameters,
                                          PCUNICODE_STRING ImagePathName, PCUNICODE_STRING DllPath,
                                          PCUNICODE_STRING CurrentDirectory, PCUNICODE_STRING CommandLine,
                                          PWSTR Environment, PCUNICODE_STRING WindowTitle, PCUNICODE_STRING DesktopInfo,
                                          PCUNICODE_STRING ShellInfo, PCUNICODE_STRING RuntimeData) {
    const PEB* const peb = NtCurrentPeb();
    const RTL_USER_PROCESS_PARAMETERS* const own = peb->ProcessParameters;
    if (!CurrentDirectory && own) CurrentDirectory = &own->CurrentDirectory.DosPath;
    if (!CommandLine) CommandLine = ImagePathName;
    const PCUNICODE_STRING texts[STRINGS] = {CurrentDirectory, DllPath,     ImagePathName, CommandLine,
                                             WindowTitle,      DesktopInfo, ShellInfo,     RuntimeData};
    SIZE_T bytes = sizeof(RTL_USER_PROCESS_PARAMETERS);
    for (const PCUNICODE_STRING text : texts)
        bytes += Room(text);
    auto* const made =
        static_cast<RTL_USER_PROCESS_PARAMETERS*>(RtlAllocateHeap(peb->ProcessHeap, HEAP_ZERO_MEMORY, bytes));
    if (!made) return STATUS_NO_MEMORY;
    made->MaximumLength = ULONG(bytes);
    made->Length = sizeof(*made);
    made->Flags = RTL_USER_PROC_PARAMS_NORMALIZED;
    UNICODE_STRING* strings[STRINGS];
    StringsOf(made, strings);
    for (ULONG i = 0; i < STRINGS; i++)
        Put(made, strings[i], texts[i]);
    if (own) {
        made->ConsoleHandle = own->ConsoleHandle;
        made->ConsoleFlags = own->ConsoleFlags;
        made->StandardInput = own->StandardInput;
        made->StandardOutput = own->StandardOutput;
        made->StandardError = own->StandardError;
    }
    made->Environment = Environment ? Environment : own ? own->Environment : nullptr;
    *ProcessParameters = RtlDeNormalizeProcessParams(made);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlDestroyProcessParameters(RTL_USER_PROCESS_PARAMETERS* ProcessParameters) {
    return RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, ProcessParameters) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

RTL_USER_PROCESS_PARAMETERS* NTAPI RtlNormalizeProcessParams(RTL_USER_PROCESS_PARAMETERS* ProcessParameters) {
    if (!ProcessParameters || (ProcessParameters->Flags & RTL_USER_PROC_PARAMS_NORMALIZED)) return ProcessParameters;
    ProcessParameters->Flags |= RTL_USER_PROC_PARAMS_NORMALIZED;
    return Shift(ProcessParameters, reinterpret_cast<ULONG_PTR>(ProcessParameters));
}

RTL_USER_PROCESS_PARAMETERS* NTAPI RtlDeNormalizeProcessParams(RTL_USER_PROCESS_PARAMETERS* ProcessParameters) {
    if (!ProcessParameters || !(ProcessParameters->Flags & RTL_USER_PROC_PARAMS_NORMALIZED)) return ProcessParameters;
    ProcessParameters->Flags &= ~RTL_USER_PROC_PARAMS_NORMALIZED;
    return Shift(ProcessParameters, 0 - reinterpret_cast<ULONG_PTR>(ProcessParameters));
}
}

// RtlCreateUserProcess: a file, a section, a process, its parameters, a stack, a thread. Contract: user/process.h.
//
// The kernel starts its first program in the same steps (ntos/ps/initialprocess.cpp). What fails ends the process that is half made.
// In the books: "flow of CreateProcess". PRC-05
#include "ntdllp.h"

#include "ntimage.h"
#include "ps/information.h"

namespace {

/// A handle that is closed at the end, unless it is handed over.
class OWNED {
public:
    OWNED() = default;
    ~OWNED() {
        if (m_handle) (void)NtClose(m_handle);
    }
    OWNED(const OWNED&) = delete;
    OWNED& operator=(const OWNED&) = delete;

    HANDLE* Receive() { return &m_handle; }
    [[nodiscard]] HANDLE Get() const { return m_handle; }
    HANDLE HandOver() {
        const HANDLE handle = m_handle;
        m_handle = nullptr;
        return handle;
    }

private:
    HANDLE m_handle = nullptr;
};

/// The image of a file, as a section.
NTSTATUS OpenImage(PUNICODE_STRING path, ULONG attributes, HANDLE* section) {
    OBJECT_ATTRIBUTES object;
    IO_STATUS_BLOCK io;
    OWNED file;
    InitializeObjectAttributes(&object, path, attributes & (OBJ_CASE_INSENSITIVE | OBJ_INHERIT), nullptr, nullptr);
    NT_TRY(NtOpenFile(file.Receive(), FILE_EXECUTE | FILE_READ_DATA | SYNCHRONIZE, &object, &io, FILE_SHARE_READ,
                      FILE_SYNCHRONOUS_IO_NONALERT));
    return NtCreateSection(section, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_EXECUTE, SEC_IMAGE, file.Get());
}

/// A process that is being made.
class NEW_PROCESS {
public:
    explicit NEW_PROCESS(HANDLE process) : m_process(process) {}

    NTSTATUS FindPeb() {
        PROCESS_BASIC_INFORMATION basic;
        NT_TRY(NtQueryInformationProcess(m_process, PROCESSINFOCLASS::ProcessBasicInformation, &basic, sizeof(basic),
                                         nullptr));
        m_peb = basic.PebBaseAddress;
        return STATUS_SUCCESS;
    }

    /// Copies the parameters, as offsets, and the environment behind them; the process finds them in its PEB.
    NTSTATUS GiveParameters(RTL_USER_PROCESS_PARAMETERS* parameters) {
        const PWSTR environment = static_cast<PWSTR>(parameters->Environment);
        const SIZE_T environmentBytes = environment ? SizeOfEnvironment(environment) : 0;
        RTL_USER_PROCESS_PARAMETERS head = *RtlDeNormalizeProcessParams(parameters);
        PVOID block = nullptr;
        SIZE_T bytes = head.MaximumLength + environmentBytes;
        NT_TRY(NtAllocateVirtualMemory(m_process, &block, 0, &bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
        PVOID const behind = static_cast<UCHAR*>(block) + head.MaximumLength;
        head.Environment = environment ? behind : nullptr;
        NT_TRY(Write(block, parameters, head.MaximumLength));
        NT_TRY(Write(block, &head, sizeof(head)));
        if (environment) NT_TRY(Write(behind, environment, environmentBytes));
        return Write(&m_peb->ProcessParameters, &block, sizeof(block));
    }

    /// @param section of its image. @param[out] entry where its program begins
    NTSTATUS FindEntry(HANDLE section, const SECTION_IMAGE_INFORMATION& image, ULONG* entry) {
        SECTION_BASIC_INFORMATION own;
        PVOID base = nullptr;
        NT_TRY(NtQuerySection(section, SECTION_INFORMATION_CLASS::SectionBasicInformation, &own, sizeof(own), nullptr));
        NT_TRY(NtReadVirtualMemory(m_process, &m_peb->ImageBaseAddress, &base, sizeof(base), nullptr));
        const auto offset =
            reinterpret_cast<ULONG_PTR>(image.TransferAddress) - reinterpret_cast<ULONG_PTR>(own.BaseAddress);
        *entry = ULONG(reinterpret_cast<ULONG_PTR>(base) + offset); // it may have moved
        return STATUS_SUCCESS;
    }

    NTSTATUS StartThread(const SECTION_IMAGE_INFORMATION& image, ULONG entry, HANDLE* thread, CLIENT_ID* client) {
        INITIAL_TEB stack;
        NT_TRY(RtlpCreateUserStack(m_process, image.MaximumStackSize, image.CommittedStackSize, &stack));
        CONTEXT context;
        RtlpInitialContext(&context, stack.StackBase, reinterpret_cast<PVOID>(ULONG_PTR(entry)), m_peb);
        return NtCreateThread(thread, MAXIMUM_ALLOWED, nullptr, m_process, client, &context, &stack, TRUE);
    }

private:
    NTSTATUS Write(PVOID to, const void* from, SIZE_T bytes) {
        return NtWriteVirtualMemory(m_process, to, from, bytes, nullptr);
    }
    static SIZE_T SizeOfEnvironment(PCWSTR environment) {
        SIZE_T length = 0;
        while (environment[length] != 0 || environment[length + 1] != 0) {
            if (length == 0 && environment[0] == 0) return sizeof(WCHAR); // an empty one
            length++;
        }
        return (length + 2) * sizeof(WCHAR);
    }

    const HANDLE m_process;
    PEB* m_peb = nullptr; ///< in the process
};

NTSTATUS Fill(NEW_PROCESS& process, HANDLE section, RTL_USER_PROCESS_PARAMETERS* parameters,
              const SECTION_IMAGE_INFORMATION& image, HANDLE* thread, CLIENT_ID* client) {
    ULONG entry = 0;
    NT_TRY(process.FindPeb());
    NT_TRY(process.GiveParameters(parameters));
    NT_TRY(process.FindEntry(section, image, &entry));
    return process.StartThread(image, entry, thread, client);
}

} // namespace

extern "C" NTSTATUS NTAPI RtlCreateUserProcess(PUNICODE_STRING NtImagePathName, ULONG Attributes,
                                               RTL_USER_PROCESS_PARAMETERS* ProcessParameters, PVOID, PVOID,
                                               HANDLE ParentProcess, BOOLEAN InheritHandles, HANDLE DebugPort,
                                               HANDLE ExceptionPort, RTL_USER_PROCESS_INFORMATION* ProcessInformation) {
    SECTION_IMAGE_INFORMATION image;
    OWNED section, process, thread;
    CLIENT_ID client;
    NT_TRY(OpenImage(NtImagePathName, Attributes, section.Receive()));
    NT_TRY(NtQuerySection(section.Get(), SECTION_INFORMATION_CLASS::SectionImageInformation, &image, sizeof(image),
                          nullptr));
    if (image.ImageCharacteristics & IMAGE_FILE_DLL) return STATUS_INVALID_IMAGE_FORMAT;
    NT_TRY(NtCreateProcessEx(
        process.Receive(), MAXIMUM_ALLOWED, nullptr, ParentProcess ? ParentProcess : NtCurrentProcess(),
        InheritHandles ? PROCESS_CREATE_FLAGS_INHERIT_HANDLES : 0, section.Get(), DebugPort, ExceptionPort, 0));
    NEW_PROCESS made(process.Get());
    const NTSTATUS status = Fill(made, section.Get(), ProcessParameters, image, thread.Receive(), &client);
    if (!NT_SUCCESS(status)) {
        (void)NtTerminateProcess(process.Get(), status);
        return status;
    }
    *ProcessInformation = {.Length = sizeof(*ProcessInformation),
                           .Process = process.HandOver(),
                           .Thread = thread.HandOver(),
                           .ClientId = client,
                           .ImageInformation = image};
    return STATUS_SUCCESS;
}

// A program that the kernel starts itself: the first process, and those of tests. Later ones start their own (ntdll's RtlCreateUserProcess),
// in the same steps.
//
//     section of the file -> process -> parameters -> stack -> thread
//
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: "flow of CreateProcess", "session manager". PRC-16, SYS-03
#include "ldr/bootfiles.h"
#include "mm/faults.h"
#include "mm/section.h"
#include "ps/attach.h"
#include "ps/psp.h"
#include "ps/services.h"
#include "rtl/string.h"

namespace {

constexpr SIZE_T LEAST_STACK = 256 * 1024;
constexpr WCHAR BOOT_FOLDER[] = u"\\Boot\\";

/// The block of parameters as it is built: in the kernel, with the addresses that it will have in the process.
class PARAMETERS {
public:
    PARAMETERS() {}
    ~PARAMETERS() {
        if (m_block) ExFreePoolWithTag(m_block, PS_PARAMETERS_TAG);
    }
    PARAMETERS(const PARAMETERS&) = delete;
    PARAMETERS& operator=(const PARAMETERS&) = delete;

    bool Allocate(SIZE_T bytes) {
        m_block = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, bytes, PS_PARAMETERS_TAG));
        if (m_block) RtlZeroMemory(m_block, bytes);
        m_used = sizeof(RTL_USER_PROCESS_PARAMETERS);
        return m_block != nullptr;
    }
    RTL_USER_PROCESS_PARAMETERS& Get() { return *reinterpret_cast<RTL_USER_PROCESS_PARAMETERS*>(m_block); }
    /// Adds a text in two parts, with a 0 behind it. @param base where the block will lie
    void Add(PVOID base, PUNICODE_STRING text, PCWSTR folder, SIZE_T folderBytes, PCUNICODE_STRING name) {
        text->Buffer = reinterpret_cast<PWSTR>(static_cast<UCHAR*>(base) + m_used);
        text->Length = USHORT(folderBytes + name->Length);
        text->MaximumLength = USHORT(text->Length + sizeof(WCHAR));
        RtlCopyMemory(m_block + m_used, folder, folderBytes);
        RtlCopyMemory(m_block + m_used + folderBytes, name->Buffer, name->Length);
        m_used += text->MaximumLength;
    }
    [[nodiscard]] SIZE_T Used() const { return m_used; }

private:
    UCHAR* m_block = nullptr;
    SIZE_T m_used = 0;
};

/// Gives a process its parameters. Its address space is the current one.
NTSTATUS GiveParameters(const EPROCESS* process, PCUNICODE_STRING name, PCUNICODE_STRING commandLine) {
    constexpr SIZE_T folder = sizeof(BOOT_FOLDER) - sizeof(WCHAR);
    const UNICODE_STRING empty = {};
    const SIZE_T bytes = sizeof(RTL_USER_PROCESS_PARAMETERS) + 2 * (folder + sizeof(WCHAR)) + name->Length +
                         commandLine->Length + 4 * sizeof(WCHAR);
    PARAMETERS parameters;
    if (!parameters.Allocate(bytes)) return STATUS_INSUFFICIENT_RESOURCES;
    PVOID block, environment;
    NT_TRY(PspAllocateUser(bytes, &block));
    NT_TRY(PspAllocateUser(PAGE_SIZE, &environment)); // zeros: an empty one
    RTL_USER_PROCESS_PARAMETERS& told = parameters.Get();
    told.Flags = RTL_USER_PROC_PARAMS_NORMALIZED;
    told.Environment = environment;
    parameters.Add(block, &told.CurrentDirectory.DosPath, BOOT_FOLDER, folder, &empty);
    parameters.Add(block, &told.ImagePathName, BOOT_FOLDER, folder, name);
    parameters.Add(block, &told.CommandLine, BOOT_FOLDER, 0, commandLine);
    told.MaximumLength = told.Length = ULONG(parameters.Used());
    NT_TRY(PspWriteUser(block, &told, parameters.Used()));
    return PspWriteUser(&process->Peb->ProcessParameters, &block, sizeof(block));
}

/// Makes the stack that the image asks for. Its process's address space is the current one.
NTSTATUS MakeStack(const SECTION_IMAGE_INFORMATION& image, INITIAL_TEB* stack) {
    const SIZE_T commit = (SIZE_T(image.CommittedStackSize) + PAGE_SIZE) & ~SIZE_T(PAGE_SIZE - 1);
    SIZE_T reserve = image.MaximumStackSize;
    if (reserve < commit + LEAST_STACK) reserve = commit + LEAST_STACK;
    reserve = (reserve + MM_ALLOCATION_GRANULARITY - 1) & ~SIZE_T(MM_ALLOCATION_GRANULARITY - 1);
    PVOID top;
    NT_TRY(MmCreateUserStack(reserve, commit, &top));
    *stack = {.PreviousStackBase = nullptr,
              .PreviousStackLimit = nullptr,
              .StackBase = top,
              .StackLimit = static_cast<UCHAR*>(top) - commit,
              .AllocatedStackBase = static_cast<UCHAR*>(top) - reserve};
    return STATUS_SUCCESS;
}

/// Parameters, stack, thread.
NTSTATUS Begin(EPROCESS* process, HANDLE handle, PCUNICODE_STRING name, PCUNICODE_STRING commandLine) {
    SECTION_IMAGE_INFORMATION image;
    INITIAL_TEB stack;
    NT_TRY(MmQueryImageSection(process->SectionObject, &image));
    {
        const PSP_ATTACH attached(process);
        NT_TRY(GiveParameters(process, name, commandLine));
        NT_TRY(MakeStack(image, &stack));
    }
    SECTION_BASIC_INFORMATION own;
    MmQuerySection(process->SectionObject, &own);
    const auto entry = static_cast<UCHAR*>(process->SectionBaseAddress) +
                       (static_cast<UCHAR*>(image.TransferAddress) - static_cast<UCHAR*>(own.BaseAddress));
    CONTEXT context = {};
    context.ContextFlags = CONTEXT_FULL;
    context.Eip = ULONG(PspSystemDll.RtlUserThreadStart);
    context.Eax = ULONG(reinterpret_cast<ULONG_PTR>(entry));
    context.Ebx = ULONG(reinterpret_cast<ULONG_PTR>(process->Peb));
    context.Esp = ULONG(reinterpret_cast<ULONG_PTR>(stack.StackBase)) - 2 * sizeof(ULONG);
    HANDLE thread;
    NT_TRY(ZwCreateThread(&thread, THREAD_ALL_ACCESS, PspKernelHandle(), handle, nullptr, &context, &stack, FALSE));
    return ZwClose(thread);
}

NTSTATUS SectionOf(MM_BACKING* file, SECTION** section) {
    PVOID object;
    NT_TRY(MmCreateSection(&object, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_EXECUTE, SEC_IMAGE, nullptr, file));
    *section = static_cast<SECTION*>(object);
    return STATUS_SUCCESS;
}

} // namespace

POBJECT_ATTRIBUTES PspKernelHandle() {
    static OBJECT_ATTRIBUTES attributes = {.Length = sizeof(OBJECT_ATTRIBUTES), .Attributes = OBJ_KERNEL_HANDLE};
    return &attributes;
}

NTSTATUS NTAPI PspStartProgram(MM_BACKING* File, PCUNICODE_STRING Name, PCUNICODE_STRING CommandLine,
                               HANDLE* ProcessHandle) {
    constexpr ULONG longest = 0x4000; // bytes of a text, so that all fit into counted strings
    if (Name->Length > longest || CommandLine->Length > longest) return STATUS_NAME_TOO_LONG;
    SECTION* made;
    EPROCESS* process;
    HANDLE handle;
    NT_TRY(SectionOf(File, &made));
    const nt::ObjectRef<SECTION> section(made);
    NT_TRY(PspCreateImageProcess(PsInitialSystemProcess, false, made, nullptr, &process));
    const nt::ObjectRef<EPROCESS> reference(process);
    NT_TRY(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, nullptr, PROCESS_ALL_ACCESS, PsProcessType, KernelMode,
                                 &handle));
    const NTSTATUS status = Begin(process, handle, Name, CommandLine);
    if (!NT_SUCCESS(status)) {
        PspTerminateProcess(process, status); // a thread may run already
        (void)ObCloseHandle(handle, KernelMode);
        return status;
    }
    *ProcessHandle = handle;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI PsCreateInitialUserProcess(PCUNICODE_STRING BootFileName, PCUNICODE_STRING CommandLine,
                                          HANDLE* ProcessHandle) {
    MM_BACKING* file;
    NT_TRY(LdrOpenBootFile(BootFileName, &file));
    const NTSTATUS status = PspStartProgram(file, BootFileName, CommandLine, ProcessHandle);
    MmDereferenceBacking(file);
    return status;
}

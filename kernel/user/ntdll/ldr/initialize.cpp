// LdrInitializeThunk: what runs in a thread before its start routine.
//
// The kernel queues it as the first user APC of a new thread. In a process's first thread it makes the process ready: the program's imports
// are bound. Then NtContinue goes on to the context that the thread's creator has given.
// In the books: "image loader", "process creation". PRC-04, BOO-01
#include "ldr/imageview.h"

namespace {

constexpr PCSTR NTDLL_NAME = "ntdll.dll";

/// The images of the process.
class MODULES final : public nt::PeModules {
public:
    explicit MODULES(const nt::PeModule* system) : m_system(system) {}
    NTSTATUS Find(PCSTR name, const nt::PeModule** module) override {
        if (_stricmp(name, NTDLL_NAME) != 0 && _stricmp(name, "ntdll") != 0) return STATUS_DLL_NOT_FOUND;
        *module = m_system;
        return STATUS_SUCCESS;
    }

private:
    const nt::PeModule* const m_system;
};

NTSTATUS Describe(PCSTR name, PVOID base, LDRP_IMAGE_VIEW* view, nt::PeModule* module, nt::PeError* error) {
    *module = {.Name = name, .Image = view, .Base = ULONG(reinterpret_cast<ULONG_PTR>(base)), .Headers = {}};
    return nt::PeReadHeaders(*view, view->Size(), &module->Headers, error);
}

ULONG SizeOfImage(PVOID base) {
    const auto* const bytes = static_cast<UCHAR*>(base);
    const auto* const dos = reinterpret_cast<const IMAGE_DOS_HEADER*>(bytes);
    return reinterpret_cast<const IMAGE_NT_HEADERS*>(bytes + dos->e_lfanew)->OptionalHeader.SizeOfImage;
}

NTSTATUS BindProgram(PVOID programBase, PVOID systemBase) {
    LDRP_IMAGE_VIEW program(programBase, SizeOfImage(programBase)), system(systemBase, SizeOfImage(systemBase));
    nt::PeModule programModule, systemModule;
    nt::PeError error;
    NT_TRY(Describe("program", programBase, &program, &programModule, &error));
    NT_TRY(Describe(NTDLL_NAME, systemBase, &system, &systemModule, &error));
    MODULES modules(&systemModule);
    NT_TRY(nt::PeBind(programModule, modules, &error));
    return program.Close();
}

} // namespace

extern "C" void NTAPI LdrInitializeThunk(CONTEXT*, PVOID SystemArgument1, PVOID) {
    PEB* const peb = NtCurrentPeb();
    const NTSTATUS status = BindProgram(peb->ImageBaseAddress, SystemArgument1);
    if (!NT_SUCCESS(status)) RtlExitUserThread(status);
}

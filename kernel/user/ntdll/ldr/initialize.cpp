// LdrInitializeThunk: what runs in a thread before its start routine.
//
// The kernel queues it as the first user APC of a new thread. In a process's first thread it makes the process ready: heap, locks, lists of
// images, the program's imports, DllMains. In other threads it makes the thread-local variables and calls the DLLs. Then NtContinue goes on
// to the context that the thread's creator has given. A program that cannot be loaded ends here, with the reason as its exit status.
// In the books: "image loader", "process creation". PRC-04, BOO-01
#include "ldr/ldrp.h"

#include "nt/atomic.h"

namespace {

constexpr PCSTR SYSTEM_LIBRARY = "ntdll.dll";
constexpr PCSTR NAMELESS_PROGRAM = "program.exe"; ///< its creator gave no parameters
constexpr LONGLONG RETRY = -100'000;              ///< 10 ms, in 100 ns

/// How far the process is. shared: interlocked
enum STATE : LONG { NotBegun, Begun, Done };
volatile LONG State;

// shared: set up by the first thread, before another one gets here
PEB_LDR_DATA Lists;
RTL_CRITICAL_SECTION LoaderLock;
RTL_CRITICAL_SECTION PebLock;
RTL_BITMAP TlsBitmap;
RTL_BITMAP TlsExpansionBitmap;

ULONG SizeOfImage(PVOID base) {
    const auto* const bytes = static_cast<UCHAR*>(base);
    const auto* const dos = reinterpret_cast<const IMAGE_DOS_HEADER*>(bytes);
    const ULONG size = reinterpret_cast<const IMAGE_NT_HEADERS*>(bytes + dos->e_lfanew)->OptionalHeader.SizeOfImage;
    return (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

/// The program's own name, without its path.
void ProgramName(const RTL_USER_PROCESS_PARAMETERS* parameters, CHAR (&name)[LDRP_NAME_SIZE]) {
    (void)RtlStringCbPrintf(name, sizeof(name), "%s", NAMELESS_PROGRAM);
    if (!parameters || parameters->ImagePathName.Length == 0) return;
    const UNICODE_STRING& path = parameters->ImagePathName;
    ULONG length = 0;
    for (ULONG i = 0; i < path.Length / sizeof(WCHAR); i++) {
        const WCHAR character = path.Buffer[i];
        if (character == u'\\')
            length = 0;
        else if (length < LDRP_NAME_SIZE - 1)
            name[length++] = character < 0x7F ? CHAR(character) : '?';
    }
    name[length] = 0;
}

NTSTATUS InitializePeb(PEB* peb) {
    peb->ProcessHeap = RtlCreateHeap(HEAP_GROWABLE, nullptr, 0, 0, nullptr, nullptr);
    if (!peb->ProcessHeap) return STATUS_NO_MEMORY;
    NT_TRY(RtlInitializeCriticalSection(&LoaderLock));
    NT_TRY(RtlInitializeCriticalSection(&PebLock));
    RtlpInitializeVectoredHandlers();
    (void)RtlNormalizeProcessParams(peb->ProcessParameters);
    peb->LoaderLock = &LoaderLock;
    peb->FastPebLock = &PebLock;
    RtlInitializeBitMap(&TlsBitmap, peb->TlsBitmapBits, TLS_MINIMUM_AVAILABLE);
    RtlInitializeBitMap(&TlsExpansionBitmap, peb->TlsExpansionBitmapBits, sizeof(peb->TlsExpansionBitmapBits) * 8);
    peb->TlsBitmap = &TlsBitmap;
    peb->TlsExpansionBitmap = &TlsExpansionBitmap;
    Lists.Length = sizeof(Lists);
    InitializeListHead(&Lists.InLoadOrderModuleList);
    InitializeListHead(&Lists.InMemoryOrderModuleList);
    InitializeListHead(&Lists.InInitializationOrderModuleList);
    peb->Ldr = &Lists;
    return STATUS_SUCCESS;
}

/// What the first thread's loading has come to.
struct PROGRAM {
    CHAR Name[LDRP_NAME_SIZE];
    LDRP_MODULE* Module;
    nt::PeError Error;
};

NTSTATUS LoadProgram(PEB* peb, PVOID systemBase, PROGRAM* program) {
    LDRP_MODULE* system = nullptr;
    ProgramName(peb->ProcessParameters, program->Name);
    NT_TRY(LdrpInsertModule(program->Name, peb->ImageBaseAddress, SizeOfImage(peb->ImageBaseAddress), false,
                            &program->Module, &program->Error));
    NT_TRY(LdrpInsertModule(SYSTEM_LIBRARY, systemBase, SizeOfImage(systemBase), false, &system, &program->Error));
    LdrpPin(system);
    LdrpPin(program->Module); // before others are loaded: it is there, whatever becomes of them
    NT_TRY(LdrpBind(program->Module, &program->Error));
    LdrpPin(program->Module);
    return STATUS_SUCCESS;
}

/// Calls what shall run before the program. @param context its first registers, which DllMain may know of
NTSTATUS Attach(PROGRAM* program, CONTEXT* context) {
    NT_TRY(LdrpInitializeTls());
    NT_TRY(LdrpAllocateTls());
    LDRP_MODULE* failed = nullptr;
    const NTSTATUS status = LdrpCallAttach(program->Module, context, &failed);
    if (failed) {
        (void)DbgPrint("%s: %s does not begin (%08x)\n", program->Name, failed->Name, static_cast<ULONG>(status));
        return status;
    }
    LdrpCallTlsCallbacks(program->Module, DLL_PROCESS_ATTACH);
    return status;
}

NTSTATUS InitializeProcess(CONTEXT* context, PVOID systemBase) {
    PEB* const peb = NtCurrentPeb();
    NT_TRY(InitializePeb(peb));
    LDRP_GUARD guard;
    PROGRAM program{};
    const NTSTATUS status = LoadProgram(peb, systemBase, &program);
    if (!NT_SUCCESS(status)) {
        LdrpReport(program.Name, status, program.Error);
        return status;
    }
    if (peb->BeingDebugged) DbgBreakPoint(); // all images are there, and none has run
    NT_TRY(Attach(&program, context));
    Lists.Initialized = TRUE;
    return STATUS_SUCCESS;
}

NTSTATUS InitializeThread() {
    while (State != Done) { // another thread makes the process ready
        LARGE_INTEGER interval{.QuadPart = RETRY};
        (void)NtDelayExecution(FALSE, &interval);
    }
    LDRP_GUARD guard;
    NT_TRY(LdrpAllocateTls());
    LdrpCallForThread(DLL_THREAD_ATTACH);
    return STATUS_SUCCESS;
}

} // namespace

extern "C" void NTAPI LdrInitializeThunk(CONTEXT* Context, PVOID SystemArgument1, PVOID) {
    if (InterlockedCompareExchange(&State, LONG(Begun), LONG(NotBegun)) == NotBegun) {
        const NTSTATUS status = InitializeProcess(Context, SystemArgument1);
        if (!NT_SUCCESS(status)) RtlExitUserProcess(status);
        InterlockedExchange(&State, Done);
        return;
    }
    const NTSTATUS status = InitializeThread();
    if (!NT_SUCCESS(status)) RtlExitUserThread(status);
}

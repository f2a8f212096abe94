// A program that calls system services at random: `fuzz SEED CALLS`.
//
// Two threads call, a third one rewrites the memory that their arguments lie in. The kernel must bear all of it, and have nothing left of it
// once the program is gone; what becomes of the program does not matter. kernel/tests/guest/hostile starts it and looks.
// TRP-04, TRP-05, TRP-06, EXC-03
#include "fuzz.h"

#include "../hostilelog.h"
#include "../numbers.h"
#include "servicekinds.h"
#include "ntdll.h"
#include "nt/atomic.h"

namespace {

constexpr ULONG CALLERS = 2;

#define SERVICE_NUMBER(number, name, kinds, gives) SERVICE_##name = (number),
enum SERVICE_NUMBERS : ULONG { SERVICE_ARGUMENTS(SERVICE_NUMBER) SERVICE_COUNT };

/// A row of the table.
struct SERVICE {
    ULONG Number;
    const char* Kinds;
    ULONG Gives; ///< type of the handle that it gives
};
#define SERVICE_ROW(number, name, kinds, gives) {number, kinds, gives},
constexpr SERVICE SERVICES[] = {SERVICE_ARGUMENTS(SERVICE_ROW)};
static_assert(SERVICES[SERVICE_NtClose].Number == SERVICE_NtClose);
static_assert(SERVICE_COUNT <= HOSTILE_ROWS);

HOSTILE_LOG* Log;
LONG Limit; ///< of calls
RANDOM Randoms[CALLERS + 1] = {RANDOM(0), RANDOM(0), RANDOM(0)};
volatile LONG Finished; ///< callers that have made their calls

/// By sysenter, from a stack on which the arguments lie: it has room for two words below them.
[[gnu::naked]] NTSTATUS CDECL CallFast(ULONG /*service*/, ULONG /*arguments*/) {
    __asm__("pushl %ebp\n pushl %ebx\n pushl %esi\n pushl %edi\n"
            "movl 20(%esp), %eax\n movl 24(%esp), %ecx\n movl %esp, %ebp\n"
            "leal -4(%ecx), %esp\n movl $0x7FFE0300, %edx\n call *(%edx)\n"
            "movl %ebp, %esp\n popl %edi\n popl %esi\n popl %ebx\n popl %ebp\n ret");
}

/// By int 2Eh: the arguments may be anywhere.
[[gnu::naked]] NTSTATUS CDECL CallGate(ULONG /*service*/, ULONG /*arguments*/) {
    __asm__("pushl %ebx\n pushl %esi\n pushl %edi\n movl 16(%esp), %eax\n movl 20(%esp), %edx\n"
            "int $0x2E\n popl %edi\n popl %esi\n popl %ebx\n ret");
}

/// Services that end the caller or stop it: others have their turn, too.
bool IsLast(ULONG service) {
    switch (service) {
    case SERVICE_NtTerminateProcess:
    case SERVICE_NtTerminateThread:
    case SERVICE_NtSuspendThread:
    case SERVICE_NtContinue:
    case SERVICE_NtRaiseException:
    case SERVICE_NtSetContextThread:
    case SERVICE_NtReadFile:
    case SERVICE_NtQueueApcThread: return true;
    default: return false;
    }
}

/// Writes a block of arguments. @returns its address: in a page that ends where memory does
ULONG Block(RANDOM& random, const ULONG* words, ULONG count) {
    if (random.OneIn(32)) return FuzzBadPointer(random);
    ULONG address = FUZZ_BLOCKS + 16 + 4 * random.Below(0x300);
    if (random.OneIn(12)) address = FUZZ_ARENA_END - 4 * random.Below(count + 2); // beyond the edge, or just not
    for (ULONG i = 0; i < count && address + 4 * i < FUZZ_ARENA_END; i++)
        reinterpret_cast<ULONG*>(ULONG_PTR(address))[i] = words[i];
    return address;
}

void MakeCall(ULONG caller) {
    RANDOM& random = Randoms[caller];
    const SERVICE* service = &SERVICES[random.Below(SERVICE_COUNT)];
    if (IsLast(service->Number) && !random.OneIn(8)) service = &SERVICES[random.Below(SERVICE_COUNT)];
    // Everybody may make objects permanent until there are privileges. One in a directory without a name stays for good: no name leads to it.
    if (service->Number == SERVICE_NtMakePermanentObject) service = &SERVICES[SERVICE_NtClose];
    ULONG words[HOSTILE_WORDS] = {};
    FuzzArguments(random, service->Kinds, service->Gives, FUZZ_TIDY + caller * FUZZ_TIDY_BYTES, words);
    ULONG count = 0;
    while (service->Kinds[count] != 0)
        count++;
    const ULONG number = random.OneIn(64) ? random.Next() : service->Number;
    const ULONG block = Block(random, words, count);
    const ULONG row = ULONG(InterlockedIncrement(&Log->Calls));
    HOSTILE_CALL& call = Log->Recent[row % HOSTILE_RECENT];
    call = {row, caller, number, block, {}, 0};
    memcpy(call.Arguments, words, sizeof(words));
    const bool fast = block >= FUZZ_BLOCKS + 8 && block < FUZZ_ARENA_END && random.OneIn(2);
    const NTSTATUS status = fast ? CallFast(number, block) : CallGate(number, block);
    call.Back = 1;
    if (number != service->Number) return;
    (void)InterlockedIncrement(&Log->Made[number]);
    if (!NT_SUCCESS(status)) return;
    (void)InterlockedIncrement(&Log->Succeeded);
    (void)InterlockedIncrement(&Log->Good[number]);
    if (service->Kinds[0] == 'h') FuzzLearn(random, service->Gives, words[0]);
    if (number == SERVICE_NtDuplicateObject) FuzzLearn(random, SERVICE_HANDLE_TYPES, words[3]);
}

[[noreturn]] void Work(ULONG caller) {
    while (Log->Calls < Limit)
        MakeCall(caller);
    if (InterlockedIncrement(&Finished) == CALLERS || caller == 0)
        (void)NtTerminateProcess(NtCurrentProcess(), STATUS_SUCCESS);
    for (;;)
        (void)NtYieldExecution();
}

NTSTATUS NTAPI Call(PVOID parameter) { Work(ULONG(reinterpret_cast<ULONG_PTR>(parameter))); }

/// Other registers, which a call has given this thread, lead here.
void Resume() { Work(1); }

/// The memory that arguments lie in changes, from the first look that a service takes at it to its last.
NTSTATUS NTAPI Rewrite(PVOID) {
    RANDOM& random = Randoms[CALLERS];
    LONG seen = -1;
    for (;;) {
        for (ULONG i = 0; i < 64; i++) {
            const ULONG at = random.OneIn(4) ? FUZZ_BLOCKS + 4 * random.Below(0x400)
                                             : FUZZ_ARENA + 4 * random.Below(FUZZ_CROWDED / 4);
            *reinterpret_cast<volatile ULONG*>(ULONG_PTR(at)) = FuzzWord(random);
            __asm__ __volatile__("pause"); // QEMU: the next processor's turn
        }
        if (Log->Calls == seen) {
            LARGE_INTEGER pause{.QuadPart = -100'000};
            (void)NtDelayExecution(FALSE, &pause);
        }
        seen = Log->Calls;
        (void)NtYieldExecution();
    }
}

NTSTATUS OpenLog() {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE section;
    PVOID view = nullptr;
    SIZE_T size = 0;
    RtlInitUnicodeString(&name, HOSTILE_LOG_NAME);
    InitializeObjectAttributes(&attributes, &name, 0, nullptr, nullptr);
    NT_TRY(NtOpenSection(&section, SECTION_ALL_ACCESS, &attributes));
    NT_TRY(NtMapViewOfSection(section, NtCurrentProcess(), &view, 0, 0, nullptr, &size, SECTION_INHERIT::ViewUnmap, 0,
                              PAGE_READWRITE));
    Log = static_cast<HOSTILE_LOG*>(view);
    return NtClose(section);
}

} // namespace

ULONG FuzzResumeAddress() { return ULONG(reinterpret_cast<ULONG_PTR>(&Resume)); }

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* peb) {
    PCWSTR text = peb->ProcessParameters->CommandLine.Buffer;
    const ULONG seed = NextNumber(&text);
    NT_TRY(OpenLog());
    Limit = LONG(NextNumber(&text));
    for (ULONG i = 0; i <= CALLERS; i++)
        Randoms[i] = RANDOM(seed * (CALLERS + 1) + i);
    FuzzPrepare();
    NT_TRY(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Rewrite, nullptr, nullptr, nullptr));
    NT_TRY(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Call, reinterpret_cast<PVOID>(ULONG_PTR(1)),
                               nullptr, nullptr));
    Work(0);
}

// A program that is killed at any moment: `victim SEED CHILDREN`. Its threads allocate, wait, map sections, create objects, own mutants,
// set timers, begin threads and start programs, until somebody ends them. kernel/tests/guest/hostile does, and looks what is left.
// PRC-09, PRC-12, DSP-08, OBJ-07
#include "fuzz/fuzz.h"
#include "ntdll.h"
#include "numbers.h"
#include "user/start.h"

/// A service that the programs' headers do not declare yet.
extern "C" NTIMPORT NTSTATUS NTAPI NtQueueApcThread(HANDLE ThreadHandle, PVOID ApcRoutine, PVOID ApcArgument1,
                                                    PVOID ApcArgument2, PVOID ApcArgument3);

namespace {

constexpr ULONG WORKERS = 3;
constexpr LONGLONG MILLISECOND = 10'000;

ULONG Seed;
volatile ULONG Children;     ///< that may be started still
HANDLE Mutant, Event, Timer; ///< of the driver's: others see what becomes of them

HANDLE Open(PCWSTR text, NTSTATUS(NTAPI* open)(HANDLE*, ACCESS_MASK, POBJECT_ATTRIBUTES)) {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle = nullptr;
    RtlInitUnicodeString(&name, text);
    InitializeObjectAttributes(&attributes, &name, OBJ_INHERIT, nullptr, nullptr);
    return NT_SUCCESS(open(&handle, MAXIMUM_ALLOWED, &attributes)) ? handle : nullptr;
}

void UseMemory(RANDOM& random) {
    PVOID base = nullptr;
    SIZE_T size = 0x1000 * (1 + random.Below(40));
    if (!NT_SUCCESS(
            NtAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)))
        return;
    for (SIZE_T at = 0; at < size; at += 0x1000)
        static_cast<volatile UCHAR*>(base)[at] = 1;
    size = 0;
    if (!random.OneIn(8)) (void)NtFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE);
    PVOID const block = RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, 16 + random.Below(5000));
    if (block && !random.OneIn(8)) (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, block);
}

void UseSections(RANDOM& random) {
    HANDLE section;
    LARGE_INTEGER bytes{.QuadPart = 0x1000 * (1 + random.Below(20))};
    if (!NT_SUCCESS(
            NtCreateSection(&section, SECTION_ALL_ACCESS, nullptr, &bytes, PAGE_READWRITE, SEC_COMMIT, nullptr)))
        return;
    PVOID view = nullptr;
    SIZE_T size = 0;
    if (NT_SUCCESS(NtMapViewOfSection(section, NtCurrentProcess(), &view, 0, 0, nullptr, &size,
                                      SECTION_INHERIT::ViewShare, 0, PAGE_READWRITE))) {
        *static_cast<volatile ULONG*>(view) = 1;
        if (!random.OneIn(8)) (void)NtUnmapViewOfSection(NtCurrentProcess(), view);
    }
    if (!random.OneIn(8)) (void)NtClose(section);
}

void UseTimers(RANDOM& random) {
    HANDLE timer;
    LARGE_INTEGER due{.QuadPart = -MILLISECOND * LONG(1 + random.Below(100))};
    if (!NT_SUCCESS(NtCreateTimer(&timer, TIMER_ALL_ACCESS, nullptr, TIMER_TYPE::NotificationTimer))) return;
    (void)NtSetTimer(timer, &due, nullptr, nullptr, FALSE, LONG(random.Below(20)), nullptr);
    if (!random.OneIn(8)) (void)NtClose(timer);
    (void)NtSetTimer(Timer, &due, nullptr, nullptr, FALSE, 0, nullptr);
}

void Wait(RANDOM& random) {
    LARGE_INTEGER limit{.QuadPart = -MILLISECOND * LONG(random.Below(30))};
    HANDLE objects[] = {Mutant, Event, Timer};
    switch (random.Below(4)) {
    case 0:
        if (NT_SUCCESS(NtWaitForSingleObject(Mutant, FALSE, &limit)) && random.OneIn(2))
            (void)NtReleaseMutant(Mutant, nullptr);
        break;
    case 1: (void)NtWaitForMultipleObjects(3, objects, random.OneIn(2) ? WaitAll : WaitAny, TRUE, &limit); break;
    case 2: (void)NtWaitForSingleObject(Event, TRUE, random.OneIn(4) ? nullptr : &limit); break; // nobody signals it
    default: (void)NtDelayExecution(TRUE, &limit); break;
    }
}

void UseObjects(RANDOM& random) {
    HANDLE handles[4] = {};
    (void)NtCreateEvent(&handles[0], EVENT_ALL_ACCESS, nullptr, EVENT_TYPE::SynchronizationEvent, FALSE);
    (void)NtCreateMutant(&handles[1], MUTANT_ALL_ACCESS, nullptr, TRUE);
    (void)NtCreateSemaphore(&handles[2], SEMAPHORE_ALL_ACCESS, nullptr, 1, 4);
    (void)NtDuplicateObject(NtCurrentProcess(), handles[0], NtCurrentProcess(), &handles[3], 0, OBJ_INHERIT,
                            DUPLICATE_SAME_ACCESS);
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE named;
    RtlInitUnicodeString(&name, u"\\BaseNamedObjects\\VictimEvent");
    InitializeObjectAttributes(&attributes, &name, OBJ_OPENIF, nullptr, nullptr);
    if (NT_SUCCESS(NtCreateEvent(&named, EVENT_ALL_ACCESS, &attributes, EVENT_TYPE::NotificationEvent, FALSE)) &&
        !random.OneIn(8))
        (void)NtClose(named);
    for (const HANDLE handle : handles) {
        if (!random.OneIn(12)) (void)NtClose(handle);
    }
}

NTSTATUS NTAPI Short(PVOID) { return STATUS_SUCCESS; }
void NTAPI Apc(PVOID, PVOID, PVOID) {}

void UseThreads(RANDOM& random) {
    HANDLE thread;
    if (!NT_SUCCESS(RtlCreateUserThread(NtCurrentProcess(), nullptr, random.OneIn(4), 0, 0, 0, Short, nullptr, &thread,
                                        nullptr)))
        return;
    LARGE_INTEGER limit{.QuadPart = -MILLISECOND * 20};
    (void)NtQueueApcThread(thread, reinterpret_cast<PVOID>(&Apc), nullptr, nullptr, nullptr);
    if (random.OneIn(2)) (void)NtWaitForSingleObject(thread, FALSE, &limit);
    if (random.OneIn(3)) (void)NtTerminateThread(thread, STATUS_SUCCESS);
    (void)NtClose(thread);
}

void StartChild() {
    if (Children == 0) return;
    Children = Children - 1;
    RTL_USER_PROCESS_INFORMATION child{};
    UNICODE_STRING image, line;
    RtlInitUnicodeString(&image, u"\\Boot\\victim.exe");
    RtlInitUnicodeString(&line, u"victim 1 0");
    if (NT_SUCCESS(nt::CreateProgram(&image, &line, &child)))
        (void)NtResumeThread(child.Thread, nullptr); // its handles stay open
}

[[noreturn]] void Work(ULONG number) {
    RANDOM random(Seed * (WORKERS + 1) + number);
    for (;;) {
        switch (random.Below(10)) {
        case 0:
        case 1: UseMemory(random); break;
        case 2: UseSections(random); break;
        case 3: UseTimers(random); break;
        case 4:
        case 5: Wait(random); break;
        case 6: UseThreads(random); break;
        case 7: StartChild(); break;
        default: UseObjects(random); break;
        }
        __asm__ __volatile__("pause");
    }
}

NTSTATUS NTAPI Worker(PVOID number) { Work(ULONG(reinterpret_cast<ULONG_PTR>(number))); }

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* peb) {
    PCWSTR text = peb->ProcessParameters->CommandLine.Buffer;
    Seed = NextNumber(&text);
    Children = NextNumber(&text);
    Mutant = Open(u"\\BaseNamedObjects\\HostileMutant", NtOpenMutant);
    Event = Open(u"\\BaseNamedObjects\\HostileEvent", NtOpenEvent);
    Timer = Open(u"\\BaseNamedObjects\\HostileTimer", NtOpenTimer);
    for (ULONG i = 1; i <= WORKERS; i++)
        (void)RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Worker,
                                  reinterpret_cast<PVOID>(ULONG_PTR(i)), nullptr, nullptr);
    Work(0);
}

// Programs that are killed at any moment: nothing of them is left, and what they shared with others is in order.
//
// The driver's thread is the only one of its priority. It lets the program run until a tick of the clock that comes at a random place of
// the program's work, since the driver has stalled for a random while before. PRC-09, PRC-12, DSP-08, DSP-22
#include "leftovers.h"
#include "hal.h"
#include "program.h"

namespace {

constexpr ULONG TICK_MICROSECONDS = 10'000;
constexpr ULONG MOST_TICKS = 5;

HANDLE Mutant, Event, Timer; ///< which programs use, too
ULONG Abandoned;             ///< programs that were killed while they owned the mutant

template <typename... ARGUMENTS>
HANDLE Make(PCWSTR text, NTSTATUS(NTAPI* create)(HANDLE*, ACCESS_MASK, POBJECT_ATTRIBUTES, ARGUMENTS...),
            ARGUMENTS... arguments) {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle = nullptr;
    RtlInitUnicodeString(&name, text);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, nullptr, nullptr);
    GUEST_EQUAL(STATUS_SUCCESS, create(&handle, MAXIMUM_ALLOWED, &attributes, arguments...));
    return handle;
}

/// What others have of the objects that the program used: the mutant has no owner, no thread waits.
bool AreFree() {
    LARGE_INTEGER now{};
    const NTSTATUS status = ZwWaitForSingleObject(Mutant, FALSE, &now);
    if (status != STATUS_SUCCESS && status != STATUS_ABANDONED)
        return SayLeftover(LEFTOVER::Held, LONG(status), "mutant", 6);
    Abandoned += status == STATUS_ABANDONED;
    (void)ZwReleaseMutant(Mutant, nullptr);
    const HANDLE all[] = {Mutant, Event, Timer};
    for (HANDLE handle : all) {
        PVOID object;
        if (!NT_SUCCESS(ObReferenceObjectByHandle(handle, 0, nullptr, KernelMode, &object, nullptr))) return false;
        const LIST_ENTRY& waiters = static_cast<DISPATCHER_HEADER*>(object)->WaitListHead;
        const bool waited = waiters.Flink != &waiters;
        (void)ObDereferenceObject(object);
        if (waited) return SayLeftover(LEFTOVER::Held, 1, "a wait", 6);
    }
    return true;
}

bool KillOne(ULONG seed) {
    ULONG random = seed * 2654435761u;
    STARTED_PROGRAM program;
    const NTSTATUS status = program.Start(u"victim.exe", seed, seed % 4 == 0 ? 2 : 0);
    if (!NT_SUCCESS(status)) return SayLeftover(LEFTOVER::NoStart, LONG(status), "", 0);
    KeStallExecutionProcessor((random >> 8) % TICK_MICROSECONDS);
    if (const ULONG ticks = (random >> 24) % MOST_TICKS) {
        if (program.HasEnded(ticks)) return SayLeftover(LEFTOVER::NoStart, 0, "it ended by itself", 18);
    }
    return program.Kill() || SayLeftover(LEFTOVER::Hang, 0, "", 0);
}

} // namespace

extern "C" {
/// Prepares: what the first programs leave for later ones is there.
NTEXPORT void NTAPI HostileBeginKills() {
    (void)KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY);
    Mutant = Make(u"\\BaseNamedObjects\\HostileMutant", ZwCreateMutant, BOOLEAN(FALSE));
    Event = Make(u"\\BaseNamedObjects\\HostileEvent", ZwCreateEvent, EVENT_TYPE::NotificationEvent, BOOLEAN(FALSE));
    Timer = Make(u"\\BaseNamedObjects\\HostileTimer", ZwCreateTimer, TIMER_TYPE::NotificationTimer);
    Leftovers.Begin();
    for (ULONG seed = 0; seed < 8; seed += 4) {
        (void)KillOne(seed);
        (void)Leftovers.End(); // caches have grown
    }
    Leftovers.Begin();
}
/// Starts a program and kills it. @returns programs that owned the mutant so far; HostileSeen tells what is wrong
NTEXPORT ULONG NTAPI HostileKill(ULONG seed) {
    HostileSeen = {};
    if (KillOne(seed) && Leftovers.End()) (void)AreFree();
    return Abandoned;
}
}

GUEST_TEST(AProgramThatIsKilledAtAnyMomentLeavesNothingBehind) {
    HostileBeginKills();
    for (ULONG seed = 1; seed <= 8; seed++) {
        (void)HostileKill(seed);
        if (!GUEST_EQUAL(LEFTOVER::Nothing, HostileSeen.What)) break;
    }
}

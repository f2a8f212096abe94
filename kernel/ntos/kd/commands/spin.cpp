// spin: threads that compute for ever, so that the ready queues have threads in them.
//
// While they compute, the prompt's own thread runs above them: otherwise `spin 0` could not be typed on one processor.
// `threads` shows it. Locks: none; the monitor is used by one person at a time, and the threads only read Stop.
// In the books: "thread scheduling", "thread states", "quantum". SCH-01, SCH-03
#include "kd/commands.h"
#include "ps.h"
#include "rtl/string.h"

namespace {

constexpr ULONG LIMIT = 8;
constexpr ULONG DEFAULT_PRIORITY = 8;
constexpr KPRIORITY PROMPT_PRIORITY = LOW_REALTIME_PRIORITY; ///< boosts and relief of the others end one below

PETHREAD Spinners[LIMIT]; ///< referenced; the first Count
ULONG Count;
volatile bool Stop;
PKTHREAD Prompt; ///< whose priority was raised
KPRIORITY PromptPriority;

void NTAPI Spin(PVOID) {
    while (!Stop)
        YieldProcessor();
}

void RaisePrompt() {
    Prompt = KeGetCurrentThread();
    PromptPriority = Prompt->BasePriority;
    if (PromptPriority < PROMPT_PRIORITY) (void)KeSetPriorityThread(Prompt, PROMPT_PRIORITY);
}

void EndAll(KD_SESSION& session) {
    const ULONG ended = Count;
    Stop = true;
    while (Count) {
        PETHREAD const thread = Spinners[--Count];
        (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(thread);
    }
    Stop = false;
    if (ended) (void)KeSetPriorityThread(Prompt, PromptPriority);
    session.Print("%u thread%s ended\n", ended, KdpPlural(ended));
}

/// @returns how many were made: fewer than `count` where memory is short.
ULONG Start(ULONG count, ULONG priority) {
    ULONG made = 0;
    if (Count == 0) RaisePrompt();
    for (; made < count; made++) {
        CHAR name[16];
        (void)RtlStringCbPrintf(name, sizeof(name), "Spin%u", Count + 1); // it fits
        if (!NT_SUCCESS(PsStartSystemThread(&Spinners[Count], name, KPRIORITY(priority), Spin, nullptr))) break;
        Count++;
    }
    if (Count == 0) (void)KeSetPriorityThread(Prompt, PromptPriority);
    return made;
}

void PrintCount(KD_SESSION& session) {
    const ULONG processors = ULONG(KeNumberProcessors);
    if (Count == 0) return session.Print("no thread computes; `spin 3` starts three\n");
    session.Print("%u thread%s, %u processor%s: %s; `spin 0` ends %s\n", Count, KdpPlural(Count), processors,
                  KdpPlural(processors), Count > processors ? "`ready` shows who waits" : "none has to wait yet",
                  Count == 1 ? "it" : "them");
}

} // namespace

KD_COMMAND(spin, "[n] [prio]", "n threads that compute for ever, at priority 8 or 1..15; 0 ends them") {
    ULONG count = 0;
    ULONG priority = DEFAULT_PRIORITY;
    if (!session.HasWord()) return PrintCount(session);
    if (!session.NextNumber(&count) || (session.HasWord() && !session.NextNumber(&priority))) return;
    if (session.Stopped()) {
        session.Print("the kernel stands still, and no thread can start or end; `go` first\n");
    } else if (count == 0) {
        EndAll(session);
    } else if (priority == 0 || priority >= ULONG(PROMPT_PRIORITY)) {
        session.Print("a priority from 1 to %d, please\n", PROMPT_PRIORITY - 1);
    } else if (count > LIMIT - Count) {
        session.Print("at most %u threads; %u compute already, `spin 0` ends them\n", LIMIT, Count);
    } else {
        const ULONG made = Start(count, priority);
        if (made < count) session.Print("memory for %u of %u threads only\n", made, count);
        PrintCount(session);
    }
}

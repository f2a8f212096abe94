// The machine of the challenge: working sets, the kernel's own ageing and trimming, and a policy. A program of the host's.
//
// The host (grader/challenge) knows the references and counts the faults. It tells this program, line by line, what has happened up
// to now, so nothing of the future is here:
//
//     u N N N ...     pages were used, in this order: N is working set * 65536 + page; one that is not in its set comes into it
//     t N             the host takes a page away
//     s A W           a second has passed; A pages are available, W are wanted
//     m A W           memory is short
//
// It answers s and m with the pages that were taken, in a line: `r N N ...`. The argument is `given` or `yours`: whose policy decides.
// Between mechanism and policy stands a gate: a policy sees numbers of a working set, and no pointer to its list.
#include "challenge.h"

#include "etw.h"
#include "ke.h"
#include "ke/bugcheck.h"
#include "mm/ws/trim.h"
#include "nt/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

constexpr ULONG SETS = 4, PAGES = 65536, ENTRIES = 8192;
constexpr int WRONG = 3; ///< exit code: the policy has broken its contract

/// A working set of the machine.
struct CHALLENGE_SET {
    MMSUPPORT Support;
    bool Used[PAGES], There[PAGES];
    ULONG Index[PAGES];
    MMWSL List;
    alignas(PAGE_SIZE) MMWSLE Entries[ENTRIES];
};

CHALLENGE_SET Sets[SETS];
MM_MEMORY_STATE Memory;
ULONG Taken[SETS * ENTRIES], TakenCount;
ULONGLONG Seconds;

[[noreturn]] void Wrong(PCSTR what) {
    printf("w %s\n", what);
    fflush(stdout);
    _Exit(WRONG);
}

CHALLENGE_SET& Of(MMSUPPORT* workingSet) { return *CONTAINING_RECORD(workingSet, CHALLENGE_SET, Support); }
ULONG NumberOf(const MMSUPPORT* workingSet) {
    return ULONG(CONTAINING_RECORD(const_cast<MMSUPPORT*>(workingSet), CHALLENGE_SET, Support) - Sets);
}

bool MapPage(MMSUPPORT*, PVOID) { return false; } // all of the list is there from the start
void UnmapPage(MMSUPPORT*, PVOID) {}
bool TestAndClearAccessed(MMSUPPORT* workingSet, ULONG vpn) {
    const bool used = Of(workingSet).Used[vpn];
    Of(workingSet).Used[vpn] = false;
    return used;
}
bool RemovePage(MMSUPPORT* workingSet, ULONG vpn) {
    Of(workingSet).There[vpn] = false;
    Taken[TakenCount++] = NumberOf(workingSet) * PAGES + vpn;
    Memory.Available++; // on the standby list
    return true;
}
void SetWsIndex(MMSUPPORT* workingSet, ULONG vpn, ULONG index) { Of(workingSet).Index[vpn] = index; }
bool Enter(MMSUPPORT*) { return true; }
void Leave(MMSUPPORT*) {}

constexpr MI_WORKING_SET_CALLS CALLS = {MapPage, UnmapPage, TestAndClearAccessed, RemovePage, SetWsIndex, Enter, Leave};

/// Tells a policy numbers, and asks whether its answers are some.
class GATE final : public MM_TRIM_POLICY {
public:
    ULONG PagesToTrim(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory, ULONG pass) override {
        return Policy->PagesToTrim(Seen(workingSet), memory, pass);
    }
    bool MayTake(const MMSUPPORT& workingSet, ULONG age, ULONG pass) override {
        return Policy->MayTake(Seen(workingSet), age, pass);
    }
    ULONG EntriesToAge(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory) override {
        return Policy->EntriesToAge(Seen(workingSet), memory);
    }
    ULONG AgeAfterLook(const MMSUPPORT& workingSet, ULONG age, bool used) override {
        const ULONG after = Policy->AgeAfterLook(Seen(workingSet), age, used);
        if (after > MM_MAXIMUM_AGE) Wrong("AgeAfterLook returned an age above 3");
        return after;
    }
    bool IsClaimed(const MMSUPPORT& workingSet, ULONG age) override { return Policy->IsClaimed(Seen(workingSet), age); }
    MM_TRIM_POLICY* Policy = nullptr;

private:
    const MMSUPPORT& Seen(const MMSUPPORT& workingSet) {
        MMSUPPORT& told = m_told[NumberOf(&workingSet)];
        told.LastTrimTime = workingSet.LastTrimTime;
        told.PageFaultCount = workingSet.PageFaultCount;
        told.PeakWorkingSetSize = workingSet.PeakWorkingSetSize;
        told.MinimumWorkingSetSize = workingSet.MinimumWorkingSetSize;
        told.MaximumWorkingSetSize = workingSet.MaximumWorkingSetSize;
        told.Claim = workingSet.Claim;
        told.WorkingSetSize = workingSet.WorkingSetSize;
        return told;
    }
    MMSUPPORT m_told[SETS]{};
};

GATE Gate;

void Use(ULONG number) {
    if (number >= SETS * PAGES) Wrong("there is no such page");
    CHALLENGE_SET& set = Sets[number / PAGES];
    const ULONG vpn = number % PAGES;
    if (!set.There[vpn]) {
        if (!set.Support.Flags.Linked) MiLinkWorkingSet(&set.Support);
        const ULONG index = MiAllocateWsle(&set.Support, vpn, 4, true);
        if (index == WSLE_NULL_INDEX) Wrong("a working set has no room");
        set.There[vpn] = true;
        set.Index[vpn] = index;
        set.Support.PageFaultCount++;
    }
    set.Used[vpn] = true;
}

void TakeAway(ULONG number) {
    CHALLENGE_SET& set = Sets[number / PAGES % SETS];
    const ULONG vpn = number % PAGES;
    if (!set.There[vpn]) Wrong("a page that is not there was to be taken");
    MiReleaseWsle(&set.Support, set.Index[vpn]);
    set.There[vpn] = false;
}

MM_MEMORY_STATE Ask() { return Memory; }

void Manage(char* words, bool second) {
    Memory.Available = ULONG(strtoul(words, &words, 10));
    Memory.Wanted = ULONG(strtoul(words, &words, 10));
    Seconds += second;
    TakenCount = 0;
    (void)MiManageWorkingSets(second, Ask);
    printf("r");
    for (ULONG i = 0; i < TakenCount; i++)
        printf(" %u", unsigned(Taken[i]));
    printf("\n");
    fflush(stdout);
}

void Start(bool given) {
    Gate.Policy = given ? &MiTrimPolicy() : &ChallengePolicy();
    (void)MmSetTrimPolicy(&Gate);
    MiInitializeWorkingSetManager();
    for (CHALLENGE_SET& set : Sets) {
        set.Support.Calls = &CALLS;
        MI_WORKING_SET_ROOM room{};
        room.Wsle = set.Entries;
        room.MappedEntries = room.MaximumEntries = ENTRIES;
        MiInitializeWorkingSetList(&set.Support, &set.List, room);
    }
}

} // namespace

// ---- what the kernel's sources stand on ---------------------------------------------------------------------------

extern "C" {
KSPIN_LOCK KiQueuedSpinLock[LockQueueMaximumLock];

KIRQL FASTCALL KeAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER) NO_THREAD_SAFETY_ANALYSIS { // there is one thread
    return PASSIVE_LEVEL;
}
void FASTCALL KeReleaseQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER, KIRQL) NO_THREAD_SAFETY_ANALYSIS {} // as above

void NTAPI KeInitializeEvent(PRKEVENT, EVENT_TYPE, BOOLEAN) {}
void NTAPI KeClearEvent(PRKEVENT) {}
LONG NTAPI KeSetEvent(PRKEVENT, KPRIORITY, BOOLEAN) { return 0; }
NTSTATUS NTAPI KeWaitForSingleObject(PVOID, KWAIT_REASON, KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER) {
    return STATUS_SUCCESS;
}
ULONGLONG NTAPI KeQueryInterruptTime() { return Seconds * 10'000'000; }

[[noreturn]] void NTAPI RtlAssert(PCSTR Expression, PCSTR, ULONG, PCSTR) { Wrong(Expression); }
}

void NTAPI EtwTraceEvent(ETW_EVENT, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR) {}

int main(int count, char** words) {
    Start(count > 1 && strcmp(words[1], "given") == 0);
    char* line = nullptr;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        char* rest = line + 1;
        switch (line[0]) {
        case 'u':
            for (char* end = rest;; rest = end) {
                const unsigned long number = strtoul(rest, &end, 10);
                if (end == rest) break;
                Use(ULONG(number));
            }
            break;
        case 't': TakeAway(ULONG(strtoul(rest, nullptr, 10))); break;
        case 's': Manage(rest, true); break;
        case 'm': Manage(rest, false); break;
        default: Wrong("a line that means nothing");
        }
    }
    return 0;
}

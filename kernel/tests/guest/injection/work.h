// The work whose allocations fail: its parts, and what each tells.
//
// A part goes on after an error as a program would: it gives back what it has. What it leaves behind is a mistake.
#pragma once

#include "ke.h"
#include "ntstatus.h"

/// What a part of the work told; read by the host.
struct INJECTION_SEEN {
    ULONG Failed;    ///< allocations that were made to fail
    NTSTATUS Status; ///< the first error that is no lack of memory; else STATUS_SUCCESS
    PCSTR File;      ///< where it was seen
    ULONG Line;
    ULONG Tag;       ///< of pool that was not given back, or 0
    LONG Bytes;      ///< of it
    LONG Commitment; ///< pages more than before
    LONG Pages;      ///< pages fewer than before
    PCSTR Broken;    ///< an invariant that does not hold, or nullptr
};

extern "C" NTEXPORT INJECTION_SEEN InjectionSeen;

inline bool IsLackOfMemory(NTSTATUS status) {
    return status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY || status == STATUS_COMMITMENT_LIMIT;
}

/// Notes an error that is no lack of memory. @returns whether it is a success.
inline bool Well(NTSTATUS status, PCSTR file, ULONG line) {
    if (NT_SUCCESS(status)) return true;
    if (!IsLackOfMemory(status) && InjectionSeen.Status == STATUS_SUCCESS) {
        InjectionSeen.Status = status;
        InjectionSeen.File = file;
        InjectionSeen.Line = line;
    }
    return false;
}
/// Notes something that must be true whatever fails.
inline void Must(bool met, PCSTR file, ULONG line) {
    (void)Well(met ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL, file, line);
}
#define WELL(status) Well(status, __FILE__, __LINE__)
#define MUST(met) Must(met, __FILE__, __LINE__)

/// A part of the work.
struct PART {
    PCSTR Name;
    void (*Do)();
    ULONG PagesLeft = 0; ///< so many are free while the part is done; 0: all
};

// executive.cpp
void Threads();
void Resources();
void TimersAndWorkers();
void Pools();

// memory.cpp
void Processes();
void PrivateMemory();
void UserStack();
void Sections();
void Images();
void Files();
void Mdls();
void Paging();
void SectionObjects();

// The part of a scenario driver that exists once: the ends of the table, the actors' threads, DriverEntry.
#pragma once

#include "ps.h"
#include "scenario.h"

extern "C" {
__attribute__((section(".kxscn$a"), used)) extern const KX_SCENARIO KxScenarioFirst = {};
__attribute__((section(".kxscn$z"), used)) extern const KX_SCENARIO KxScenarioLast = {};
}

/// Makes the threads that the actors run in: once, at boot, so that no run allocates anything.
inline NTSTATUS KxStartActors() {
#if defined(MICA_EXPLORE)
    static constexpr PCSTR names[KX_MAXIMUM_ACTORS] = {"Actor 0", "Actor 1", "Actor 2"};
    constexpr KPRIORITY priority = 8;
    for (ULONG_PTR i = 0; i < KX_MAXIMUM_ACTORS; i++)
        NT_TRY(PsCreateSystemThread(nullptr, names[i], priority, KxActorThread, reinterpret_cast<PVOID>(i)));
#endif
    return STATUS_SUCCESS;
}

#if !defined(KX_OWN_DRIVER_ENTRY)
extern "C" NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) { return KxStartActors(); }
#endif

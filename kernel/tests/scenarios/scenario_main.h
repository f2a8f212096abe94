// The part of a scenario driver that exists once: the ends of the table, the actors' threads, DriverEntry.
#pragma once

#include "ps.h"
#include "scenario.h"

extern "C" {
__attribute__((section(".kxscn$a"), used)) extern const KX_SCENARIO KxScenarioFirst = {};
__attribute__((section(".kxscn$z"), used)) extern const KX_SCENARIO KxScenarioLast = {};
}

/// The canary: two increments of one word, not interlocked. The host asks for it whenever it found nothing else: an
/// explorer that does not find this one proves nothing.
struct KxCanary {
    static constexpr ULONG Flags = KX_SCENARIO_PLANTED;
    static inline volatile LONG Counter; // shared: by mistake, on purpose
    static void Setup() { Counter = 0; }
    static void Actor0() { Counter = Counter + 1; }
    static void Actor1() { Counter = Counter + 1; }
    static void Check() { CHECK_EQUAL(2, Counter); }
};
extern "C" __attribute__((section(".kxscn$m"), used)) const KX_SCENARIO KxScenario_Canary =
    KxDescribe<KxCanary>("Canary", __FILE__, __LINE__);

/// Makes the threads that the actors run in: once, at boot, so that no run allocates anything.
inline NTSTATUS KxStartActors() {
#if defined(MICA_EXPLORE)
    static constexpr PCSTR names[KX_MAXIMUM_ACTORS] = {"Actor 0", "Actor 1", "Actor 2"};
    constexpr KPRIORITY priority = 8;
    for (ULONG_PTR i = 0; i < KX_MAXIMUM_ACTORS; i++)
        NT_TRY(PsStartSystemThread(nullptr, names[i], priority, KxActorThread, reinterpret_cast<PVOID>(i)));
#endif
    return STATUS_SUCCESS;
}

#if !defined(KX_OWN_DRIVER_ENTRY)
extern "C" NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) { return KxStartActors(); }
#endif

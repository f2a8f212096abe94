// Characters between an interrupt's service routine, which takes them off a port, and the console.
#pragma once

#include "io/console/console.h"
#include "ke/dpc.h"

/// A ring of typed characters, which a DPC gives to the console.
/// shared: Typed is written by the one service routine, Taken by one run of the DPC at a time
class IOP_TYPING {
public:
    void Initialize() {
        KeInitializeSpinLock(&m_takeLock, KLOCK_RANK::None);
        KeInitializeDpc(&m_dpc, Deliver, this);
    }
    /// From the service routine. What finds no room is lost.
    void Put(CHAR character) {
        if (m_typed - m_taken == SIZE) return;
        m_ring[m_typed & (SIZE - 1)] = character;
        WriteRelease(&m_typed, m_typed + 1);
    }
    /// The end of a service routine that has put something.
    void Request() { (void)KeInsertQueueDpc(&m_dpc, nullptr, nullptr); }

private:
    static constexpr LONG SIZE = 64; ///< a power of two

    static void NTAPI Deliver(PKDPC, PVOID context, PVOID, PVOID) {
        auto& typing = *static_cast<IOP_TYPING*>(context);
        const nt::SpinLockGuard guard(typing.m_takeLock);
        while (typing.m_taken != ReadAcquire(&typing.m_typed)) {
            const CHAR character = typing.m_ring[typing.m_taken & (SIZE - 1)];
            WriteRelease(&typing.m_taken, typing.m_taken + 1);
            IoTypeCharacter(character);
        }
    }

    CHAR m_ring[SIZE];
    volatile LONG m_typed, m_taken; // how many ever; they may wrap round
    KSPIN_LOCK m_takeLock;          // one run of the DPC at a time: it may run on two processors
    KDPC m_dpc;
};

/// Connects the interrupt of an ISA line. @returns as KeConnectInterrupt
bool IopConnectLine(PKINTERRUPT interrupt, ULONG line, PKSERVICE_ROUTINE service);

// What the interrupt tests share: a service routine that notes when it was called, and a UART that asks for it.
#pragma once

#include "busline.h"
#include "guest_test.h"
#include "periodic.h"
#include "uart.h"

/// What a service routine shall do, and what it saw.
struct DEVICE {
    KINTERRUPT Interrupt;
    char Name;
    bool Claims; ///< serves the UART if it was asking
    ULONG Calls;
    KIRQL Irql;
    bool PendingInside; ///< its own level was in KPCR::IRR while it was served
};

inline char Order[16];
inline ULONG OrderLength;

inline void Note(char letter) {
    if (OrderLength < sizeof Order) Order[OrderLength++] = letter;
}
inline bool IsPending(KIRQL level) { return (KeGetPcr()->IRR >> ULONG(level) & 1) != 0; }
inline bool OrderIs(PCSTR expected) {
    return OrderLength == strlen(expected) && strncmp(Order, expected, OrderLength) == 0;
}

inline BOOLEAN NTAPI Serve(PKINTERRUPT Interrupt, PVOID ServiceContext) {
    auto* const device = static_cast<DEVICE*>(ServiceContext);
    ++device->Calls;
    device->Irql = KeGetCurrentIrql();
    Note(device->Name);
    KeStallExecutionProcessor(uart::LONG_ENOUGH);
    device->PendingInside = IsPending(device->Irql);
    return device->Claims && uart::Withdraw();
}

inline void Prepare(DEVICE& device, char name, bool claims, KINTERRUPT_MODE mode, bool share = false,
                    const BusLine& line = BusLine(uart::LINE)) {
    device = {};
    device.Name = name;
    device.Claims = claims;
    KeInitializeInterrupt(&device.Interrupt, Serve, &device, nullptr, line.Vector, line.Irql, line.Irql, mode, share,
                          0);
}

/// A device connected for the length of a test.
class Connected {
public:
    explicit Connected(DEVICE& device) : m_device(device) {
        GUEST_TRUE(KeConnectInterrupt(&m_device.Interrupt));
        KeStallExecutionProcessor(uart::LONG_ENOUGH); // an edge that the controller latched long ago
        m_device.Calls = OrderLength = 0;
    }
    ~Connected() {
        uart::Quiet();
        periodic::Quiet();
        KeDisconnectInterrupt(&m_device.Interrupt);
    }
    Connected(const Connected&) = delete;
    Connected& operator=(const Connected&) = delete;

private:
    DEVICE& m_device;
};

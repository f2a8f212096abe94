// Switching the machine off as ACPI describes it.
#pragma once

#include "nt/array.h"

/// What to write where. Port 0: this machine does not say.
struct HALP_SOFT_OFF {
    USHORT Port;
    USHORT Value;
};

/// @param fadt the FADT ("FACP"). @returns the physical address of the DSDT, 0 if there is none.
ULONG HalpDsdtAddress(nt::Span<const UCHAR> fadt);
/// @param dsdt the DSDT, whose package \_S5 holds the value that means "off".
HALP_SOFT_OFF HalpParseSoftOff(nt::Span<const UCHAR> fadt, nt::Span<const UCHAR> dsdt);

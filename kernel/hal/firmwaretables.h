// Finding the firmware's tables in memory.
#pragma once

#include "apictables.h"

struct LOADER_PARAMETER_BLOCK;

/// @returns an ACPI table by its signature; empty if there is none.
nt::Span<const UCHAR> HalpFindAcpiTable(const LOADER_PARAMETER_BLOCK& block, PCSTR signature);
/// The DSDT or another table that is known by its address; empty if it cannot be read.
nt::Span<const UCHAR> HalpMapAcpiTable(ULONG address);
/// MADT, else MP tables. @returns false if neither describes an APIC machine.
bool HalpReadApicTables(const LOADER_PARAMETER_BLOCK& block, HALP_APIC_INFO& info);

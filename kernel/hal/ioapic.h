// I/O APICs: from device lines to a vector of a processor.
#pragma once

#include "apictables.h"

/// Maps the I/O APICs and masks every input. @returns false if one cannot be mapped.
bool HalpInitializeIoApics(const HALP_APIC_INFO& info);
/// @returns whether an input exists.
bool HalpIoApicHasInput(ULONG input);
/// Sends an input to a processor, masked.
void HalpRouteIoApicInput(const HALP_LINE_ROUTE& route, ULONG vector, UCHAR localApicId);
void HalpMaskIoApicInput(ULONG input, bool masked);

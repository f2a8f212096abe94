// What the processors can do, by the numbers that drivers ask with.
//
// In the books: the processor manual. ARC-08
#pragma once

#include "nt/types.h"

constexpr ULONG PF_FLOATING_POINT_EMULATED = 1;
constexpr ULONG PF_COMPARE_EXCHANGE_DOUBLE = 2;
constexpr ULONG PF_MMX_INSTRUCTIONS_AVAILABLE = 3;
constexpr ULONG PF_XMMI_INSTRUCTIONS_AVAILABLE = 6;
constexpr ULONG PF_RDTSC_INSTRUCTION_AVAILABLE = 8;
constexpr ULONG PF_PAE_ENABLED = 9;
constexpr ULONG PF_XMMI64_INSTRUCTIONS_AVAILABLE = 10;
constexpr ULONG PF_SSE3_INSTRUCTIONS_AVAILABLE = 13;

extern "C" {
/// @param ProcessorFeature PF_XXX. @returns whether the processors have it (and the system uses it, of the ones that say
/// ENABLED); false for a number that is not known. @irql any
NTKERNELAPI BOOLEAN NTAPI ExIsProcessorFeaturePresent(ULONG ProcessorFeature);
}

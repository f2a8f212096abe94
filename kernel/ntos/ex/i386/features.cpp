// What the processors can do: asked of CPUID.
//
// All processors of a machine are of one kind, so any of them may answer.
// In the books: the processor manual. ARC-08
#include "ex/features.h"
#include "nt/array.h"

namespace {

constexpr ULONG CPUID_FEATURES = 1;

struct FEATURE {
    ULONG Number; ///< PF_XXX
    bool InEcx;   ///< else in EDX
    ULONG Bit;
};
constexpr FEATURE Features[] = {
    {PF_COMPARE_EXCHANGE_DOUBLE, false, 8},        {PF_MMX_INSTRUCTIONS_AVAILABLE, false, 23},
    {PF_XMMI_INSTRUCTIONS_AVAILABLE, false, 25},   {PF_RDTSC_INSTRUCTION_AVAILABLE, false, 4},
    {PF_XMMI64_INSTRUCTIONS_AVAILABLE, false, 26}, {PF_SSE3_INSTRUCTIONS_AVAILABLE, true, 0},
};

} // namespace

BOOLEAN NTAPI ExIsProcessorFeaturePresent(ULONG ProcessorFeature) {
    ULONG eax, ebx, ecx, edx;
    __asm__ __volatile__("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(CPUID_FEATURES));
    for (const FEATURE& feature : Features) {
        if (feature.Number == ProcessorFeature) return ((feature.InEcx ? ecx : edx) >> feature.Bit) & 1;
    }
    return FALSE; // emulated, PAE enabled: not here
}

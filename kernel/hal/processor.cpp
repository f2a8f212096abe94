// Which processor this is, from CPUID into the KPRCB.
#include "halp.h"

namespace {

constexpr ULONG BRAND_FIRST = 0x80000002, BRAND_LAST = 0x80000004;

/// Four characters, as CPUID packs them into a register.
UCHAR* Append(UCHAR* to, ULONG value) {
    for (ULONG i = 0; i < 4; ++i, value >>= 8)
        *to++ = UCHAR(value);
    return to;
}

void ReadBrand(CHAR* brand) {
    auto* to = reinterpret_cast<UCHAR*>(brand);
    for (ULONG function = BRAND_FIRST; function <= BRAND_LAST; ++function) {
        const auto part = nt::cpu::CpuId(function);
        to = Append(Append(Append(Append(to, part.Eax), part.Ebx), part.Ecx), part.Edx);
    }
    *to = 0;
}

} // namespace

void HalpIdentifyProcessor(KPRCB& prcb) {
    const auto vendor = nt::cpu::CpuId(0);
    *Append(Append(Append(prcb.CpuVendor, vendor.Ebx), vendor.Edx), vendor.Ecx) = 0;
    if (vendor.Eax >= 1) {
        const auto features = nt::cpu::CpuId(1);
        prcb.CpuSignature = features.Eax;
        prcb.CpuFeatures = features.Edx;
    }
    prcb.CpuBrand[0] = 0;
    if (nt::cpu::CpuId(0x80000000).Eax >= BRAND_LAST) ReadBrand(prcb.CpuBrand);
}

// What an address is called: the module that it lies in, and the export next to it. Contract: ldrp.h.
//
// Exports are all the names that an image in memory has. A routine without one is told by the export before it, if that is near.
#include "ldr/imageview.h"
#include "ldr/ldrp.h"

namespace {

constexpr ULONG NEAR = 0x1000; ///< bytes: what lies farther behind an export is another routine

/// The export that is next before an offset.
struct NEAREST {
    ULONG Name;   ///< where its text is
    ULONG Offset; ///< where it begins; 0: there is none
};

NTSTATUS FindNearest(const LDRP_MODULE& module, ULONG offset, NEAREST* nearest) {
    const IMAGE_DATA_DIRECTORY& place = module.Image.Headers.Directory(IMAGE_DIRECTORY_ENTRY_EXPORT);
    nt::PeImage& image = *module.Image.Image;
    IMAGE_EXPORT_DIRECTORY exports;
    *nearest = {};
    if (place.Size == 0) return STATUS_SUCCESS;
    NT_TRY(image.Get(place.VirtualAddress, &exports));
    for (ULONG i = 0; i < exports.NumberOfNames; i++) {
        USHORT which;
        ULONG begin;
        NT_TRY(image.Get(exports.AddressOfNameOrdinals + i * ULONG(sizeof(which)), &which));
        NT_TRY(image.Get(exports.AddressOfFunctions + which * ULONG(sizeof(begin)), &begin));
        const bool forwarder = begin - place.VirtualAddress < place.Size;
        if (forwarder || begin > offset || begin <= nearest->Offset) continue;
        nearest->Offset = begin;
        NT_TRY(image.Get(exports.AddressOfNames + i * ULONG(sizeof(nearest->Name)), &nearest->Name));
    }
    return STATUS_SUCCESS;
}

LDRP_MODULE* ModuleAt(ULONG_PTR address, ULONG* offset) {
    LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InLoadOrderModuleList;
    for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
        LDRP_MODULE* const module = LdrpModuleOf(link);
        *offset = ULONG(address - reinterpret_cast<ULONG_PTR>(module->Entry.DllBase));
        if (*offset < module->Entry.SizeOfImage) return module;
    }
    return nullptr;
}

} // namespace

bool LdrpIsInModule(ULONG_PTR address) {
    ULONG offset;
    return ModuleAt(address, &offset) != nullptr;
}

void LdrpDescribeAddress(ULONG_PTR address, CHAR (&text)[LDRP_ADDRESS_SIZE]) {
    ULONG offset;
    NEAREST nearest;
    CHAR name[64] = {};
    const LDRP_MODULE* const module = ModuleAt(address, &offset);
    if (!module) {
        (void)RtlStringCbPrintf(text, sizeof(text), "0x%08x", ULONG(address));
        return;
    }
    const bool named = NT_SUCCESS(FindNearest(*module, offset, &nearest)) && nearest.Offset != 0 &&
                       offset - nearest.Offset < NEAR &&
                       NT_SUCCESS(module->Image.Image->GetText(nearest.Name, name, sizeof(name)));
    (void)RtlStringCbPrintf(text, sizeof(text), named ? "%s+0x%x  %s+0x%x" : "%s+0x%x", module->Name, offset, name,
                            named ? offset - nearest.Offset : 0);
}

// Thread-local variables of images, and the callbacks beside them. Contract: ldrp.h.
//
//     TEB::ThreadLocalStoragePointer -> [0] copy of a.exe's variables
//                                       [1] copy of b.dll's variables       index: *AddressOfIndex of each image
//
// Simplified: only images that are there when the process begins have variables (as in NT 5); the callbacks of later ones are called.
// In the books: "thread-local storage". PRC-08
#include "ldr/ldrp.h"

namespace {

using TLS_CALLBACK = void NTAPI(PVOID DllHandle, ULONG Reason, PVOID Reserved);

ULONG TlsImages; ///< with variables. shared: written once, before the second thread

const IMAGE_TLS_DIRECTORY32* DirectoryOf(const LDRP_MODULE* module) {
    const IMAGE_DATA_DIRECTORY& directory = module->Image.Headers.Directory(IMAGE_DIRECTORY_ENTRY_TLS);
    if (directory.VirtualAddress == 0 || directory.Size < sizeof(IMAGE_TLS_DIRECTORY32)) return nullptr;
    if (!module->Image.Image->Has(directory.VirtualAddress, sizeof(IMAGE_TLS_DIRECTORY32))) return nullptr;
    return reinterpret_cast<const IMAGE_TLS_DIRECTORY32*>(static_cast<UCHAR*>(module->Entry.DllBase) +
                                                          directory.VirtualAddress);
}

template <typename T> T* At(ULONG address) { return reinterpret_cast<T*>(ULONG_PTR(address)); }

/// A new copy of an image's variables. @returns nullptr: no memory
PVOID NewCopy(const IMAGE_TLS_DIRECTORY32& directory) {
    const ULONG filled = directory.EndAddressOfRawData - directory.StartAddressOfRawData;
    const PVOID copy =
        RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, HEAP_ZERO_MEMORY, SIZE_T(filled) + directory.SizeOfZeroFill);
    if (copy) memcpy(copy, At<void>(directory.StartAddressOfRawData), filled);
    return copy;
}

/// The modules that have an index.
template <typename ACTION> NTSTATUS ForEach(ACTION action) {
    LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InLoadOrderModuleList;
    for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
        LDRP_MODULE* const module = LdrpModuleOf(link);
        const IMAGE_TLS_DIRECTORY32* const directory = DirectoryOf(module);
        if (directory) NT_TRY(action(module, *directory));
    }
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS LdrpInitializeTls() {
    return ForEach([](LDRP_MODULE* module, const IMAGE_TLS_DIRECTORY32& directory) {
        *At<ULONG>(directory.AddressOfIndex) = TlsImages++;
        module->Entry.TlsIndex = LDRP_HAS_TLS_INDEX;
        return STATUS_SUCCESS;
    });
}

NTSTATUS LdrpAllocateTls() {
    if (TlsImages == 0) return STATUS_SUCCESS;
    auto* const copies =
        static_cast<PVOID*>(RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, HEAP_ZERO_MEMORY, TlsImages * sizeof(PVOID)));
    if (!copies) return STATUS_NO_MEMORY;
    NtCurrentTeb()->ThreadLocalStoragePointer = copies;
    return ForEach([copies](LDRP_MODULE* module, const IMAGE_TLS_DIRECTORY32& directory) {
        if (module->Entry.TlsIndex != LDRP_HAS_TLS_INDEX) return STATUS_SUCCESS;
        PVOID* const place = &copies[*At<ULONG>(directory.AddressOfIndex)];
        *place = NewCopy(directory);
        return *place ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    });
}

void LdrpFreeTls() {
    auto* const copies = static_cast<PVOID*>(NtCurrentTeb()->ThreadLocalStoragePointer);
    if (!copies) return;
    NtCurrentTeb()->ThreadLocalStoragePointer = nullptr;
    for (ULONG i = 0; i < TlsImages; i++)
        (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, copies[i]);
    (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, copies);
}

void LdrpCallTlsCallbacks(LDRP_MODULE* module, ULONG reason) {
    const IMAGE_TLS_DIRECTORY32* const directory = DirectoryOf(module);
    if (!directory || directory->AddressOfCallBacks == 0) return;
    for (const ULONG* each = At<const ULONG>(directory->AddressOfCallBacks); *each != 0; each++)
        At<TLS_CALLBACK> (*each)(module->Entry.DllBase, reason, nullptr);
}

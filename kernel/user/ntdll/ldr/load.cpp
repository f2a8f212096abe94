// Loading: a DLL, what it imports from, and what that imports from. Contract: ldrp.h.
//
// rtl/pe binds; it asks MODULES for each image by name, and that is where an image is loaded that is not there yet. A module is on the
// lists before its own imports are bound: images that import from each other find each other.
// In the books: "image loader: import resolution". BOO-01
#include "ldr/imageview.h"
#include "ldr/ldrp.h"

namespace {

constexpr PCSTR EXTENSION = ".dll";

/// The images that one module may import from.
class MODULES final : public nt::PeModules {
public:
    explicit MODULES(LDRP_MODULE* importer) : m_importer(importer) {}

    NTSTATUS Find(PCSTR name, const nt::PeModule** module) override {
        LDRP_MODULE* found = nullptr;
        nt::PeError inner;
        const NTSTATUS status = LdrpLoad(name, &found, &inner);
        if (!NT_SUCCESS(status)) {
            m_inner = inner;
            return status;
        }
        *module = &found->Image;
        return Note(found);
    }
    /// What is really wrong: a fault of a DLL that could not be loaded tells more than that it could not be.
    void Explain(nt::PeError* error) const {
        if (m_inner.Fault != nt::PeFault::None) *error = m_inner;
    }

private:
    NTSTATUS Note(LDRP_MODULE* found) {
        if (found == m_importer || LdrpDependsOn(m_importer, found)) return STATUS_SUCCESS;
        auto* const each =
            static_cast<LDRP_DEPENDENCY*>(RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, sizeof(LDRP_DEPENDENCY)));
        if (!each) return STATUS_NO_MEMORY;
        *each = {.Next = nullptr, .Module = found};
        LDRP_DEPENDENCY** end = &m_importer->Dependencies; // in the order of the import table
        while (*end)
            end = &(*end)->Next;
        *end = each;
        return STATUS_SUCCESS;
    }

    LDRP_MODULE* const m_importer;
    nt::PeError m_inner;
};

bool HasExtension(PCSTR name) {
    for (; *name != 0; name++)
        if (*name == '.') return true;
    return false;
}

/// A DLL's name as it is on the lists. @returns false: it is too long
bool CompleteName(PCSTR name, CHAR (&complete)[LDRP_NAME_SIZE]) {
    return NT_SUCCESS(RtlStringCbPrintf(complete, sizeof(complete), "%s%s", name, HasExtension(name) ? "" : EXTENSION));
}

NTSTATUS MapAndBind(PCSTR name, LDRP_MODULE** module, nt::PeError* error) {
    PVOID base = nullptr;
    SIZE_T viewSize = 0;
    const NTSTATUS mapped = LdrpMapDll(name, &base, &viewSize);
    if (mapped == STATUS_DLL_NOT_FOUND) (void)error->SetNames(nt::PeFault::ModuleMissing, name, nullptr);
    NT_TRY(mapped);
    const NTSTATUS status = LdrpInsertModule(name, base, viewSize, true, module, error);
    if (!NT_SUCCESS(status)) {
        (void)NtUnmapViewOfSection(NtCurrentProcess(), base);
        return status;
    }
    return LdrpBind(*module, error); // if that fails the module has the count 0
}

bool Unloading; ///< shared: the loader lock guards it

/// Of the modules that nobody counts, the one that was initialized last; nullptr: none is initialized
LDRP_MODULE* LastUnused() {
    LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InInitializationOrderModuleList;
    for (LIST_ENTRY* link = head->Blink; link != head; link = link->Blink)
        if (LdrpInitializedModuleOf(link)->Entry.LoadCount == 0) return LdrpInitializedModuleOf(link);
    return nullptr;
}

} // namespace

NTSTATUS LdrpLoad(PCSTR name, LDRP_MODULE** module, nt::PeError* error) {
    CHAR complete[LDRP_NAME_SIZE];
    if (!CompleteName(name, complete)) return STATUS_DLL_NOT_FOUND;
    *module = LdrpFindByName(complete);
    return *module ? STATUS_SUCCESS : MapAndBind(complete, module, error);
}

NTSTATUS LdrpBind(LDRP_MODULE* module, nt::PeError* error) {
    MODULES modules(module);
    const NTSTATUS status = nt::PeBind(module->Image, modules, error);
    const NTSTATUS closed = module->View->Close();
    if (!NT_SUCCESS(status)) modules.Explain(error);
    return NT_SUCCESS(status) ? closed : status;
}

NTSTATUS LdrpFindExport(LDRP_MODULE* module, PCSTR name, ULONG ordinal, ULONG* address, nt::PeError* error) {
    MODULES modules(module);
    return nt::PeFindExport(module->Image, name, ordinal, modules, address, error);
}

void LdrpUnloadUnused() {
    if (Unloading) return; // a DllMain that is told of its end unloads, too: the loop below sees what that comes to
    Unloading = true;
    while (LDRP_MODULE* const module = LastUnused())
        LdrpCallDetach(module, nullptr);
    LIST_ENTRY* const all = &NtCurrentPeb()->Ldr->InLoadOrderModuleList;
    for (LIST_ENTRY* link = all->Flink; link != all;) {
        LDRP_MODULE* const module = LdrpModuleOf(link);
        link = link->Flink;
        if (module->Entry.LoadCount != 0) continue;
        const PVOID base = module->Entry.DllBase;
        LdrpRemoveModule(module);
        (void)NtUnmapViewOfSection(NtCurrentProcess(), base);
    }
    Unloading = false;
}

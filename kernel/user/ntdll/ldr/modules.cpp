// The images of the process, as lists. Contract: ldrp.h.
#include "ldr/imageview.h"
#include "ldr/ldrp.h"

inline void* operator new(SIZE_T, LDRP_IMAGE_VIEW* place) noexcept { return place; }

namespace {

constexpr WCHAR DIRECTORY[] = u"\\Boot\\";
constexpr USHORT DIRECTORY_LENGTH = sizeof(DIRECTORY) / sizeof(WCHAR) - 1;

/// A module and its view, as they are allocated.
struct ALLOCATION {
    LDRP_MODULE Module;
    alignas(LDRP_IMAGE_VIEW) UCHAR View[sizeof(LDRP_IMAGE_VIEW)];
};

PEB_LDR_DATA& Lists() { return *NtCurrentPeb()->Ldr; }

void SetNames(LDRP_MODULE* module, PCSTR name) {
    USHORT length = 0;
    for (; name[length] != 0 && length < LDRP_NAME_SIZE - 1; length++)
        module->Name[length] = name[length];
    for (USHORT i = 0; i < DIRECTORY_LENGTH; i++)
        module->FullName[i] = DIRECTORY[i];
    for (USHORT i = 0; i < length; i++)
        module->FullName[DIRECTORY_LENGTH + i] = WCHAR(static_cast<UCHAR>(name[i]));
    const auto describe = [](PWSTR text, USHORT characters) {
        const auto bytes = USHORT(characters * sizeof(WCHAR));
        return UNICODE_STRING{bytes, USHORT(bytes + sizeof(WCHAR)), text};
    };
    module->Entry.FullDllName = describe(module->FullName, USHORT(DIRECTORY_LENGTH + length));
    module->Entry.BaseDllName = describe(module->FullName + DIRECTORY_LENGTH, length);
}

/// Fills in what the headers say.
void Describe(LDRP_MODULE* module, PVOID base) {
    const nt::PeHeaders& headers = module->Image.Headers;
    LDR_DATA_TABLE_ENTRY& entry = module->Entry;
    entry.DllBase = base;
    if (headers.Optional().AddressOfEntryPoint != 0)
        entry.EntryPoint = static_cast<UCHAR*>(base) + headers.Optional().AddressOfEntryPoint;
    entry.SizeOfImage = headers.Optional().SizeOfImage;
    entry.Flags = (headers.Nt.FileHeader.Characteristics & IMAGE_FILE_DLL) ? LDRP_IMAGE_DLL : 0;
    entry.CheckSum = headers.Optional().CheckSum;
    entry.TimeDateStamp = headers.Nt.FileHeader.TimeDateStamp;
    entry.OriginalBase = headers.Optional().ImageBase;
}

NTSTATUS Prepare(LDRP_MODULE* module, PVOID base, bool relocate, nt::PeError* error) {
    module->Image.Name = module->Name;
    module->Image.Image = module->View;
    module->Image.Base = ULONG(reinterpret_cast<ULONG_PTR>(base));
    NT_TRY(nt::PeReadHeaders(*module->View, module->View->Size(), &module->Image.Headers, error));
    Describe(module, base);
    if (module->Entry.OriginalBase == module->Image.Base) return STATUS_SUCCESS;
    module->Entry.Flags |= LDRP_IMAGE_NOT_AT_BASE;
    if (!relocate) return STATUS_SUCCESS;
    const NTSTATUS status = nt::PeRelocate(*module->View, module->Image.Headers, module->Image.Base, error);
    const NTSTATUS closed = module->View->Close();
    return NT_SUCCESS(status) ? closed : status;
}

} // namespace

LDRP_MODULE* LdrpFindByName(PCSTR name) {
    LIST_ENTRY* const head = &Lists().InLoadOrderModuleList;
    for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink)
        if (_stricmp(LdrpModuleOf(link)->Name, name) == 0) return LdrpModuleOf(link);
    return nullptr;
}

LDRP_MODULE* LdrpFindByBase(PVOID base) {
    LIST_ENTRY* const head = &Lists().InLoadOrderModuleList;
    for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink)
        if (LdrpModuleOf(link)->Entry.DllBase == base) return LdrpModuleOf(link);
    return nullptr;
}

NTSTATUS LdrpInsertModule(PCSTR name, PVOID base, SIZE_T viewSize, bool relocate, LDRP_MODULE** module,
                          nt::PeError* error) {
    auto* const allocation =
        static_cast<ALLOCATION*>(RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, HEAP_ZERO_MEMORY, sizeof(ALLOCATION)));
    if (!allocation) return STATUS_NO_MEMORY;
    LDRP_MODULE* const made = &allocation->Module;
    made->View = new (reinterpret_cast<LDRP_IMAGE_VIEW*>(allocation->View)) LDRP_IMAGE_VIEW(base, ULONG(viewSize));
    SetNames(made, name);
    InitializeListHead(&made->Entry.InInitializationOrderLinks); // alone, until its DllMain was called
    const NTSTATUS status = Prepare(made, base, relocate, error);
    if (!NT_SUCCESS(status)) {
        (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, allocation);
        return status;
    }
    InsertTailList(&Lists().InLoadOrderModuleList, &made->Entry.InLoadOrderLinks);
    InsertTailList(&Lists().InMemoryOrderModuleList, &made->Entry.InMemoryOrderLinks);
    *module = made;
    return STATUS_SUCCESS;
}

void LdrpRemoveModule(LDRP_MODULE* module) {
    RemoveEntryList(&module->Entry.InLoadOrderLinks);
    RemoveEntryList(&module->Entry.InMemoryOrderLinks);
    RemoveEntryList(&module->Entry.InInitializationOrderLinks);
    while (LDRP_DEPENDENCY* const each = module->Dependencies) {
        module->Dependencies = each->Next;
        (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, each);
    }
    (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, module);
}

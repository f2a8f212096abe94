// Boot files: each is mapped in system space once, and is a backing in memory. Contract: ldr/bootfiles.h.
//
// In the books: "image activation", "mapped files". BOO-04, POL-09
#include "ldr/bootfiles.h"
#include "ex.h"
#include "ke/pagedcode.h"
#include "mm.h"
#include "ldr/bootlist.h"

namespace {

constexpr ULONG BOOT_FILE_TAG = EX_TAG("BtFl");

} // namespace

constinit SINGLE_LIST_ENTRY LdrpBootFiles{};

#pragma code_seg("PAGE")

static bool AddFile(const LDR_BOOT_FILE& file) {
    PAGED_CODE();
    auto* const made = static_cast<BOOT_FILE*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(BOOT_FILE), BOOT_FILE_TAG));
    if (!made) return false;
    PHYSICAL_ADDRESS address;
    address.QuadPart = LONGLONG(file.BasePage) * PAGE_SIZE;
    PVOID const data = file.Size != 0 ? MmMapIoSpace(address, file.Size, MmCached) : nullptr;
    if (!data && file.Size != 0) {
        ExFreePoolWithTag(made, BOOT_FILE_TAG);
        return false;
    }
    made->Name = &file.Name;
    MmInitializeMemoryBacking(&made->Memory, data, file.Size, TRUE);
    made->Memory.Backing.Name = &file.Name;
    made->Next.Next = nullptr;
    SINGLE_LIST_ENTRY* last = &LdrpBootFiles;
    while (last->Next)
        last = last->Next;
    last->Next = &made->Next;
    return true;
}

BOOLEAN NTAPI LdrInitializeBootFiles(PLOADER_PARAMETER_BLOCK LoaderBlock) {
    PAGED_CODE();
    for (const LDR_BOOT_FILE* file : nt::List<&LDR_BOOT_FILE::Links>(LoaderBlock->BootFileListHead))
        if (!AddFile(*file)) return FALSE;
    return NT_SUCCESS(LdrpCreateBootDevice());
}

BOOT_FILE* LdrpFindBootFile(const UNICODE_STRING& name) {
    PAGED_CODE();
    for (SINGLE_LIST_ENTRY* entry = LdrpBootFiles.Next; entry; entry = entry->Next) {
        auto* const file = CONTAINING_RECORD(entry, BOOT_FILE, Next);
        if (RtlEqualUnicodeString(file->Name, &name, TRUE)) return file;
    }
    return nullptr;
}

extern "C" NTSTATUS NTAPI LdrOpenBootFile(PCUNICODE_STRING Name, MM_BACKING** File) {
    PAGED_CODE();
    BOOT_FILE* const file = LdrpFindBootFile(*Name);
    if (!file) return STATUS_OBJECT_NAME_NOT_FOUND;
    MmReferenceBacking(&file->Memory.Backing);
    *File = &file->Memory.Backing;
    return STATUS_SUCCESS;
}
#pragma code_seg()

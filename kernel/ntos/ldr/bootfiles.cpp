// Boot files: each is mapped in system space once, and is a backing in memory. Contract: ldr/bootfiles.h.
//
// In the books: "image activation", "mapped files". BOO-04, POL-09
#include "ldr/bootfiles.h"
#include "ex.h"
#include "ke/pagedcode.h"
#include "ldr.h"
#include "mm.h"
#include "mm/memorybacking.h"

namespace {

constexpr ULONG BOOT_FILE_TAG = EX_TAG("BtFl");

/// A boot file.
/// shared: no, all are made in phase 1
struct BOOT_FILE {
    SINGLE_LIST_ENTRY Next;
    PCUNICODE_STRING Name; ///< in the loader block, which stays
    MM_MEMORY_BACKING Memory;
};

constinit SINGLE_LIST_ENTRY Files{};

} // namespace

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
    made->Next.Next = Files.Next;
    Files.Next = &made->Next;
    return true;
}

BOOLEAN NTAPI LdrInitializeBootFiles(PLOADER_PARAMETER_BLOCK LoaderBlock) {
    PAGED_CODE();
    for (const LDR_BOOT_FILE* file : nt::List<&LDR_BOOT_FILE::Links>(LoaderBlock->BootFileListHead))
        if (!AddFile(*file)) return FALSE;
    return TRUE;
}

extern "C" NTSTATUS NTAPI LdrOpenBootFile(PCUNICODE_STRING Name, MM_BACKING** File) {
    PAGED_CODE();
    for (SINGLE_LIST_ENTRY* entry = Files.Next; entry; entry = entry->Next) {
        auto* const file = CONTAINING_RECORD(entry, BOOT_FILE, Next);
        if (!RtlEqualUnicodeString(file->Name, Name, TRUE)) continue;
        MmReferenceBacking(&file->Memory.Backing);
        *File = &file->Memory.Backing;
        return STATUS_SUCCESS;
    }
    return STATUS_OBJECT_NAME_NOT_FOUND;
}
#pragma code_seg()

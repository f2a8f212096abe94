// Page files: which of their pages are free, and runs of them for the writer's clusters.
//
// The search is next fit: it goes on behind the last run, so what is written at about the same time lies together and is read
// again together.
// In the books: "page files", "modified page writer". PFN-15, PFN-16
#include "mm/writer/pagefile.h"
#include "ex/pool.h"
#include "mm/charge.h"
#include "rtl/memory.h"

constinit KSPIN_LOCK MiPageFileLock = {};
MMPAGING_FILE* MmPagingFile[MM_MAXIMUM_PAGING_FILES];
extern "C" {
volatile ULONG MmNumberOfPagingFiles;
volatile PFN_NUMBER MmTotalPageFileSpace;
volatile PFN_NUMBER MmTotalFreePageFileSpace;
}

namespace {

constexpr ULONG FileTag = EX_TAG("MmPf");
constexpr PFN_NUMBER SmallestGrowth = 256; ///< pages, a megabyte

ULONG NextFile GUARDED_BY(MiPageFileLock); ///< whose turn it is

/// Takes pages that are free. @irql DISPATCH_LEVEL
void Take(MMPAGING_FILE& file, PFN_NUMBER page, ULONG pages) REQUIRES_(MiPageFileLock) {
    RtlSetBits(&file.Bitmap, page, pages);
    file.Hint = page + pages;
    file.FreeSpace -= pages;
    file.CurrentUsage += pages;
    if (file.CurrentUsage > file.PeakUsage) file.PeakUsage = file.CurrentUsage;
    MmTotalFreePageFileSpace = MmTotalFreePageFileSpace - pages;
}

/// Pages that the file has got become free.
void Grow(MMPAGING_FILE& file, PFN_NUMBER size) REQUIRES_(MiPageFileLock) {
    const PFN_NUMBER more = size - file.Size;
    RtlClearBits(&file.Bitmap, file.Size, more);
    file.Size = size;
    file.FreeSpace += more;
    MmTotalPageFileSpace = MmTotalPageFileSpace + more;
    MmTotalFreePageFileSpace = MmTotalFreePageFileSpace + more;
    MiExtendCommitLimit(more);
}

/// @param size receives how long it shall be, in pages. @returns nullptr if no file may grow
MMPAGING_FILE* FileThatMayGrow(PFN_NUMBER wanted, PFN_NUMBER* size) {
    const PFN_NUMBER growth = wanted > SmallestGrowth ? wanted : SmallestGrowth;
    nt::SpinLockGuard guard(MiPageFileLock);
    for (ULONG number = 0; number < MmNumberOfPagingFiles; number++) {
        MMPAGING_FILE* const file = MmPagingFile[number];
        const PFN_NUMBER room = file->MaximumSize - file->Size;
        if (room == 0 || !file->File->Calls->Extend) continue;
        *size = file->Size + (growth < room ? growth : room);
        return file;
    }
    return nullptr;
}

/// A page file without pages but page 0. @returns nullptr if memory is short
MMPAGING_FILE* MakeFile(MM_BACKING* backing, PFN_NUMBER minimum, PFN_NUMBER maximum) {
    const SIZE_T words = (SIZE_T(maximum) + 31) / 32;
    auto* const file = static_cast<MMPAGING_FILE*>(
        ExAllocatePoolWithTag(NonPagedPool, sizeof(MMPAGING_FILE) + words * sizeof(ULONG), FileTag));
    if (!file) return nullptr;
    RtlZeroMemory(file, sizeof *file);
    file->MinimumSize = minimum;
    file->MaximumSize = maximum;
    file->File = backing;
    file->Size = 1;
    file->Hint = 1;
    RtlInitializeBitMap(&file->Bitmap, reinterpret_cast<ULONG*>(file + 1), maximum);
    RtlSetAllBits(&file->Bitmap);
    return file;
}

} // namespace

void MiInitializePageFiles() { KeSetSpinLockRank(&MiPageFileLock, KLOCK_RANK::PageFile); }

extern "C" NTSTATUS NTAPI MmCreatePagingFile(MM_BACKING* Backing, PFN_NUMBER Minimum, PFN_NUMBER Maximum,
                                             ULONG* PageFileNumber) {
    if (Minimum < 2 || Minimum > Maximum || Maximum > MM_LARGEST_PAGING_FILE) return STATUS_INVALID_PARAMETER;
    if (Backing->Calls->Size(Backing) / PAGE_SIZE < Minimum) return STATUS_INVALID_PARAMETER;
    MMPAGING_FILE* const file = MakeFile(Backing, Minimum, Maximum);
    if (!file) return STATUS_INSUFFICIENT_RESOURCES;
    {
        nt::SpinLockGuard guard(MiPageFileLock);
        const ULONG number = MmNumberOfPagingFiles;
        if (number < MM_MAXIMUM_PAGING_FILES) {
            file->PageFileNumber = number;
            MmPagingFile[number] = file;
            MmTotalPageFileSpace = MmTotalPageFileSpace + file->Size;
            Grow(*file, Minimum);
            MmNumberOfPagingFiles = number + 1;
            if (PageFileNumber) *PageFileNumber = number;
            return STATUS_SUCCESS;
        }
    }
    ExFreePoolWithTag(file, FileTag);
    return STATUS_TOO_MANY_PAGING_FILES;
}

extern "C" NTSTATUS NTAPI MmRegisterPagingDevice(MM_BACKING* Backing) {
    const ULONGLONG pages = Backing->Calls->Size(Backing) / PAGE_SIZE;
    const PFN_NUMBER size = pages < MM_LARGEST_PAGING_FILE ? PFN_NUMBER(pages) : MM_LARGEST_PAGING_FILE;
    return MmCreatePagingFile(Backing, size, size, nullptr);
}

extern "C" MM_BACKING* NTAPI MmQueryPagingFile(ULONG PageFileNumber) {
    nt::AssumeSnapshot(MiPageFileLock); // a file that is counted stays, and its backing is fixed
    return PageFileNumber < MmNumberOfPagingFiles ? MmPagingFile[PageFileNumber]->File : nullptr;
}

bool MiReservePageFileSpace(ULONG wanted, MI_PAGE_FILE_RUN* run) {
    nt::SpinLockGuard guard(MiPageFileLock);
    const ULONG files = MmNumberOfPagingFiles;
    *run = {};
    for (ULONG i = 0; i < files && run->Pages < wanted; i++) {
        MMPAGING_FILE& file = *MmPagingFile[(NextFile + i) % files];
        if (file.FreeSpace <= run->Pages) continue; // no better
        ULONG page = RtlFindClearBits(&file.Bitmap, wanted, file.Hint);
        const ULONG pages = page != RTL_BITMAP_NOT_FOUND ? wanted : RtlFindLongestRunClear(&file.Bitmap, &page);
        if (pages > run->Pages) *run = {file.PageFileNumber, page, pages};
    }
    if (run->Pages == 0) return false;
    Take(*MmPagingFile[run->PageFileNumber], run->Page, run->Pages);
    NextFile = run->PageFileNumber + 1;
    return true;
}

void MiReleasePageFileSpace(const MI_PAGE_FILE_RUN& run) {
    nt::SpinLockGuard guard(MiPageFileLock);
    NT_ASSERT(run.PageFileNumber < MmNumberOfPagingFiles);
    MMPAGING_FILE& file = *MmPagingFile[run.PageFileNumber];
    NT_ASSERT(run.Page != 0 && run.Page < file.Size && run.Pages <= file.Size - run.Page);
    NT_ASSERT(RtlAreBitsSet(&file.Bitmap, run.Page, run.Pages));
    RtlClearBits(&file.Bitmap, run.Page, run.Pages);
    file.FreeSpace += run.Pages;
    file.CurrentUsage -= run.Pages;
    MmTotalFreePageFileSpace = MmTotalFreePageFileSpace + run.Pages;
}

NTSTATUS MiExtendPagingFiles(PFN_NUMBER wanted) {
    PFN_NUMBER size;
    MMPAGING_FILE* const file = FileThatMayGrow(wanted, &size);
    if (!file) return STATUS_INSUFFICIENT_RESOURCES;
    NT_TRY(file->File->Calls->Extend(file->File, ULONGLONG(size) * PAGE_SIZE)); // this thread alone changes its size
    nt::SpinLockGuard guard(MiPageFileLock);
    Grow(*file, size);
    return STATUS_SUCCESS;
}

void MiCheckPagingFiles() {
    nt::SpinLockGuard guard(MiPageFileLock);
    PFN_NUMBER size = 0, free = 0;
    for (ULONG number = 0; number < MmNumberOfPagingFiles; number++) {
        MMPAGING_FILE& file = *MmPagingFile[number];
        NT_ASSERT(file.PageFileNumber == number);
        NT_ASSERT(file.Size >= file.MinimumSize && file.Size <= file.MaximumSize);
        NT_ASSERT(file.CurrentUsage + file.FreeSpace + 1 == file.Size && file.CurrentUsage <= file.PeakUsage);
        NT_ASSERT(RtlCheckBit(&file.Bitmap, 0) && RtlNumberOfClearBits(&file.Bitmap) == file.FreeSpace);
        NT_ASSERT(file.Size == file.MaximumSize ||
                  RtlAreBitsSet(&file.Bitmap, file.Size, file.MaximumSize - file.Size));
        size += file.Size;
        free += file.FreeSpace;
    }
    NT_ASSERT(size == MmTotalPageFileSpace && free == MmTotalFreePageFileSpace);
}

// The process environment block, from the kernel's side.
//
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: "process environment block". PRC-04
#include "ke.h"
#include "mm/section.h"
#include "ps/attach.h"
#include "ps/psp.h"
#include "rtl/string.h"

namespace {

constexpr ULONG PLATFORM_NT = 2;                                              ///< documented: VER_PLATFORM_WIN32_NT
constexpr ULONG USER_MAJOR_VERSION = 5, USER_MINOR_VERSION = 1;               ///< what programs are told
constexpr USHORT USER_BUILD_NUMBER = 2600;                                    ///< of that release
constexpr LONGLONG CRITICAL_SECTION_TIMEOUT = -30LL * 24 * 3600 * 10'000'000; ///< documented: 30 days
constexpr SIZE_T HEAP_SEGMENT_RESERVE = 1 << 20, HEAP_SEGMENT_COMMIT = 2 * PAGE_SIZE;
constexpr SIZE_T HEAP_DECOMMIT_TOTAL = 64 * 1024, HEAP_DECOMMIT_BLOCK = PAGE_SIZE;

} // namespace

NTSTATUS PspCreatePeb(EPROCESS* Process) {
    SECTION_IMAGE_INFORMATION image;
    NT_TRY(MmQueryImageSection(Process->SectionObject, &image));
    PEB peb;
    RtlZeroMemory(&peb, sizeof(peb));
    peb.Mutant = reinterpret_cast<HANDLE>(LONG_PTR(-1));
    peb.ImageBaseAddress = Process->SectionBaseAddress;
    peb.NumberOfProcessors = ULONG(KeNumberProcessors);
    peb.CriticalSectionTimeout.QuadPart = CRITICAL_SECTION_TIMEOUT;
    peb.HeapSegmentReserve = HEAP_SEGMENT_RESERVE;
    peb.HeapSegmentCommit = HEAP_SEGMENT_COMMIT;
    peb.HeapDeCommitTotalFreeThreshold = HEAP_DECOMMIT_TOTAL;
    peb.HeapDeCommitFreeBlockThreshold = HEAP_DECOMMIT_BLOCK;
    peb.OSMajorVersion = USER_MAJOR_VERSION;
    peb.OSMinorVersion = USER_MINOR_VERSION;
    peb.OSBuildNumber = USER_BUILD_NUMBER;
    peb.OSPlatformId = PLATFORM_NT;
    peb.ImageSubsystem = image.SubSystemType;
    peb.ImageSubsystemMajorVersion = image.SubSystemMajorVersion;
    peb.ImageSubsystemMinorVersion = image.SubSystemMinorVersion;

    const PSP_ATTACH attached(Process);
    PVOID memory;
    NT_TRY(PspAllocateUser(sizeof(PEB), &memory));
    const NTSTATUS status = PspWriteUser(memory, &peb, sizeof(peb));
    if (!NT_SUCCESS(status)) {
        PspFreeUser(memory);
        return status;
    }
    Process->Peb = static_cast<PEB*>(memory);
    return STATUS_SUCCESS;
}

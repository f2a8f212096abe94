// Phase 1: the threads that make memory available. What each does: ws/shortage.cpp, writer/modwriter.cpp, writer/mappedwriter.cpp,
// ke/swap/swapper.cpp.
//
// In the books: "system threads". SYS-11, SYS-15, PFN-14, PFN-16
#include "mm/threads.h"
#include "mm/sysptes/stackswap.h"
#include "mm/writer/pagewrite.h"
#include "mm/ws/shortage.h"

BOOLEAN NTAPI MmStartPaging(const EX_THREAD_SOURCE* Source) {
    MiInitializeModifiedPageWriter();
    MiInitializeMappedPageWriter();
    MiInitializeShortage();
    return NT_SUCCESS(
               Source->Create("WorkingSets", MM_WORKING_SET_MANAGER_PRIORITY, MiWorkingSetManagerThread, nullptr)) &&
           NT_SUCCESS(Source->Create("PageWriter", MM_PAGE_WRITER_PRIORITY, MmModifiedPageWriter, nullptr)) &&
           NT_SUCCESS(Source->Create("MappedWriter", MM_PAGE_WRITER_PRIORITY, MmMappedPageWriter, nullptr)) &&
           NT_SUCCESS(Source->Create("Swapper", KE_SWAPPER_PRIORITY, KeSwapProcessOrStack,
                                     const_cast<KSWAP_CALLS*>(&MiSwapCalls)));
}

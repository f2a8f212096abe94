// An address space begins: what the memory manager keeps of a process, before the process has any range.
//
// In the books: "virtual address descriptors", "working sets". POL-06, PFN-11
#include "mm/addressspace.h"

void NTAPI MmInitializeAddressSpace(MM_ADDRESS_SPACE* AddressSpace, ULONG_PTR DirectoryTableBase) {
    *AddressSpace = {};
    ExInitializeFastMutex(&AddressSpace->AddressCreationLock);
    ExInitializeFastMutex(&AddressSpace->Vm.WorkingSetMutex);
    AddressSpace->Vm.MinimumWorkingSetSize = MM_MINIMUM_WORKING_SET;
    AddressSpace->Vm.MaximumWorkingSetSize = MM_MAXIMUM_WORKING_SET;
    AddressSpace->DirectoryFrame = PFN_NUMBER(DirectoryTableBase / PAGE_SIZE);
}

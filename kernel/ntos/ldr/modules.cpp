// PsLoadedModuleList: the images in memory, as the loader brought them.
//
// The list takes over the loader's entries, which stay where they are for good.
// In the books: "image loader", "loaded module list". BOO-04
#include "ke/loadedmodules.h"

extern "C" {
LIST_ENTRY PsLoadedModuleList;
constinit KSPIN_LOCK PsLoadedModuleSpinLock{}; // a leaf
}

void NTAPI LdrInitializeLoadedModuleList(PLOADER_PARAMETER_BLOCK LoaderBlock) {
    InitializeListHead(&PsLoadedModuleList);
    while (!IsListEmpty(&LoaderBlock->LoadOrderListHead))
        InsertTailList(&PsLoadedModuleList, RemoveHeadList(&LoaderBlock->LoadOrderListHead));
}

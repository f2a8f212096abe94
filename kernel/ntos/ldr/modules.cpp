// PsLoadedModuleList: the images in memory, as the loader brought them.
//
// The list takes over the loader's entries, which stay where they are for good. It does not change after phase 0.
// In the books: "image loader", "loaded module list". BOO-04
#include "ldr.h"

extern "C" {
LIST_ENTRY PsLoadedModuleList;
}

void NTAPI LdrInitializeLoadedModuleList(PLOADER_PARAMETER_BLOCK LoaderBlock) {
    InitializeListHead(&PsLoadedModuleList);
    while (!IsListEmpty(&LoaderBlock->LoadOrderListHead))
        InsertTailList(&PsLoadedModuleList, RemoveHeadList(&LoaderBlock->LoadOrderListHead));
}

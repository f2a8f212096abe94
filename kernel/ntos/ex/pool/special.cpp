// Which requests the special pool takes: none, those of one tag, or all that fit a page: /SPECIALPOOL[=tag].
//
// In the books: "driver verifier: special pool". POL-05
#include "ex/pool/expool.h"
#include "ke/options.h"

const EX_SPECIAL_SOURCE* ExpSpecialSource; // written once at boot; nullptr: there is no special pool

void NTAPI ExInitializeSpecialPool(const EX_SPECIAL_SOURCE* Source) { ExpSpecialSource = Source; }

bool ExpIsWantedSpecial(SIZE_T bytes, ULONG tag) {
    if (!ExpSpecialSource || bytes > ExpSpecialSource->LargestBlock) return false;
    return KeLoaderOptions.SpecialPoolTag == 0 || KeLoaderOptions.SpecialPoolTag == tag;
}

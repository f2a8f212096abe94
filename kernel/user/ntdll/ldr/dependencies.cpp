// Who needs whom: the order of DllMain calls, and how long a module stays. Contract: ldrp.h.
//
//     program -> a.dll -> b.dll      DllMain: c, b, a   (DLL_PROCESS_DETACH in the reverse order)
//            '-> c.dll <-'
//
// A walk visits a module once, so images that import from each other end it, too.
#include "ldr/ldrp.h"

namespace {

ULONG Visits; ///< the number of the last walk. shared: the loader lock guards it

void Visit(LDRP_MODULE* module, void (*action)(LDRP_MODULE*, PVOID), PVOID context) {
    const ULONG walk = Visits;
    if (module->Visit == walk) return;
    module->Visit = walk;
    for (const LDRP_DEPENDENCY* each = module->Dependencies; each; each = each->Next)
        Visit(each->Module, action, context);
    action(module, context);
}

bool IsPinned(const LDRP_MODULE* module) { return module->Entry.LoadCount == LDRP_PINNED; }

} // namespace

void LdrpWalk(LDRP_MODULE* root, void (*action)(LDRP_MODULE*, PVOID), PVOID context) {
    Visits++;
    Visit(root, action, context);
}

void LdrpReference(LDRP_MODULE* root) {
    const auto count = [](LDRP_MODULE* module, PVOID) {
        if (!IsPinned(module)) module->Entry.LoadCount++; // the last possible count is LDRP_PINNED: then it stays
    };
    LdrpWalk(root, count, nullptr);
}

void LdrpDereference(LDRP_MODULE* root) {
    const auto count = [](LDRP_MODULE* module, PVOID) {
        if (!IsPinned(module) && module->Entry.LoadCount != 0) module->Entry.LoadCount--;
    };
    LdrpWalk(root, count, nullptr);
}

void LdrpPin(LDRP_MODULE* root) {
    LdrpWalk(
        root, [](LDRP_MODULE* module, PVOID) { module->Entry.LoadCount = LDRP_PINNED; }, nullptr);
}

bool LdrpDependsOn(const LDRP_MODULE* module, const LDRP_MODULE* other) {
    for (const LDRP_DEPENDENCY* each = module->Dependencies; each; each = each->Next)
        if (each->Module == other) return true;
    return false;
}

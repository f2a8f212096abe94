// DllMain, and who is called when. Contract: ldrp.h.
//
// A DLL is called after those that it imports from, and told of its end before them. It is put on the list of the initialized ones before
// its DllMain runs: what DllMain loads comes behind it.
// In the books: "image loader". PRC-04
#include "ldr/ldrp.h"

namespace {

using DLL_MAIN = LONG NTAPI(PVOID DllHandle, ULONG Reason, PVOID Reserved);

LONG CallMain(LDRP_MODULE* module, ULONG reason, PVOID context) {
    return reinterpret_cast<DLL_MAIN*>(module->Entry.EntryPoint)(module->Entry.DllBase, reason, context);
}

bool IsDll(const LDRP_MODULE* module) { return (module->Entry.Flags & LDRP_IMAGE_DLL) != 0; }

/// What a walk of attaching carries along.
struct ATTACH {
    PVOID Context;
    LDRP_MODULE* Failed;
};

void Attach(LDRP_MODULE* module, PVOID parameter) {
    auto* const attach = static_cast<ATTACH*>(parameter);
    LDR_DATA_TABLE_ENTRY& entry = module->Entry;
    if (attach->Failed || !IsDll(module) || (entry.Flags & LDRP_ENTRY_PROCESSED)) return;
    entry.Flags |= LDRP_ENTRY_PROCESSED;
    InsertTailList(&NtCurrentPeb()->Ldr->InInitializationOrderModuleList, &entry.InInitializationOrderLinks);
    LdrpCallTlsCallbacks(module, DLL_PROCESS_ATTACH);
    if (!entry.EntryPoint || CallMain(module, DLL_PROCESS_ATTACH, attach->Context) != 0)
        entry.Flags |= LDRP_PROCESS_ATTACH_CALLED;
    else
        attach->Failed = module;
}

bool WantsThreads(const LDRP_MODULE* module) {
    const ULONG flags = module->Entry.Flags;
    return (flags & LDRP_PROCESS_ATTACH_CALLED) != 0 && (flags & LDRP_DONT_CALL_FOR_THREADS) == 0;
}

void CallThread(LDRP_MODULE* module, ULONG reason) {
    if (!WantsThreads(module)) return;
    LdrpCallTlsCallbacks(module, reason);
    if (module->Entry.EntryPoint) (void)CallMain(module, reason, nullptr);
}

LDRP_MODULE* Program() { return LdrpFindByBase(NtCurrentPeb()->ImageBaseAddress); }

} // namespace

NTSTATUS LdrpCallAttach(LDRP_MODULE* root, PVOID context, LDRP_MODULE** failed) {
    ATTACH attach{context, nullptr};
    LdrpWalk(root, Attach, &attach); // a DllMain may load more, and walk: whom that visits, it has attached
    *failed = attach.Failed;
    return attach.Failed ? STATUS_DLL_INIT_FAILED : STATUS_SUCCESS;
}

void LdrpCallDetach(LDRP_MODULE* module, PVOID context) {
    const bool began = (module->Entry.Flags & LDRP_PROCESS_ATTACH_CALLED) != 0;
    module->Entry.Flags &= ~(LDRP_PROCESS_ATTACH_CALLED | LDRP_ENTRY_PROCESSED);
    RemoveEntryList(&module->Entry.InInitializationOrderLinks);
    InitializeListHead(&module->Entry.InInitializationOrderLinks);
    if (!began) return;
    LdrpCallTlsCallbacks(module, DLL_PROCESS_DETACH);
    if (module->Entry.EntryPoint) (void)CallMain(module, DLL_PROCESS_DETACH, context);
}

void LdrpCallForThread(ULONG reason) {
    LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InInitializationOrderModuleList;
    const bool forwards = reason == DLL_THREAD_ATTACH;
    for (LIST_ENTRY* link = forwards ? head->Flink : head->Blink; link != head;
         link = forwards ? link->Flink : link->Blink)
        CallThread(LdrpInitializedModuleOf(link), reason);
    LdrpCallTlsCallbacks(Program(), reason);
}

// A DLL that is loaded at run time only. Its DllMain refuses when the notes of second.dll say so.
// imports: second
#include "ntdll.h"

extern "C" {
NTIMPORT void NTAPI SecondNote(CHAR letter);
NTIMPORT PCSTR NTAPI SecondNotes();

PVOID ThirdPointer = &ThirdPointer; // an address that moves with the image
PVOID NTAPI ThirdSelf() { return ThirdPointer; }

LONG NTAPI DllMain(PVOID, ULONG reason, PVOID) {
    SecondNote("cCuU"[reason]);
    const PVOID block = RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, 100); // it works here, at the process's end too
    if (!RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, block)) RtlRaiseStatus(STATUS_UNSUCCESSFUL);
    return strchr(SecondNotes(), '!') == nullptr;
}
}

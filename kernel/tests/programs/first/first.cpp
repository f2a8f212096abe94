// A DLL between the program and second.dll, with an export by ordinal only and a forwarder. Its base is that of second.dll, so it moves.
// imports: second
#include "ntdll.h"

extern "C" {
NTIMPORT void NTAPI SecondNote(CHAR letter);
NTIMPORT ULONG NTAPI SecondValue();

ULONG NTAPI FirstAdd(ULONG value) { return value + SecondValue(); }
ULONG NTAPI FirstHidden() { return 11; }

LONG NTAPI DllMain(PVOID, ULONG reason, PVOID) {
    SecondNote("aAsS"[reason]);
    return TRUE;
}
}

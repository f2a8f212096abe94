// A DLL that others import from: it keeps notes of what happens in which order.
#include "ntdll.h"

namespace {

constexpr ULONG MOST = 63;
CHAR Notes[MOST + 1];
ULONG Count;

} // namespace

extern "C" {

/// Adds a letter to the notes.
void NTAPI SecondNote(CHAR letter) {
    if (Count < MOST) Notes[Count++] = letter;
}
PCSTR NTAPI SecondNotes() { return Notes; }
ULONG NTAPI SecondValue() { return 22; }
extern const ULONG SecondData;
const ULONG SecondData = 2222;

LONG NTAPI DllMain(PVOID, ULONG reason, PVOID) {
    SecondNote("bBtT"[reason]); // b: end of the process, B: begin, t: begin of a thread, T: its end
    return TRUE;
}
}

// KxExplore: a batch of runs.
#include "kx.h"

extern "C" {
volatile ULONG KxActive;
KX_CONTROL KxControl;
}

extern "C" {
void NTAPI KxReachPoint(KX_POINT, const volatile void*) {}
ULONG NTAPI KxExplore(const KX_SCENARIO*) { return 0; }
void NTAPI KxActorThread(PVOID) {}
void CDECL KxFail(PCSTR, ULONG, PCSTR, ...) {}
void NTAPI KxTrack(const volatile void*, ULONG, PCSTR) {}
void NTAPI KxExempt(const volatile void*, ULONG) {}
void NTAPI KxObserve(ULONG, ULONG) {}
ULONG NTAPI KxParameter(ULONG Index) { return KxControl.Parameter[Index % KX_PARAMETERS]; }
void NTAPI KxMark(ULONG) {}
void NTAPI KxAbort() {}
}

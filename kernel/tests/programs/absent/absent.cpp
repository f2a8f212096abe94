// A DLL that no machine of a test has.
#include "ntdll.h"

extern "C" {
ULONG NTAPI AbsentValue() { return 1; }
LONG NTAPI DllMain(PVOID, ULONG, PVOID) { return TRUE; }
}

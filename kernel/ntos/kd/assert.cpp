// RtlAssert: a broken contract is named and stops the system.
//
// In the books: "checked build: assertions". TRP-09
#include "kdp.h"
#include "ke/bugcheck.h"

extern "C" void NTAPI RtlAssert(PCSTR Expression, PCSTR File, ULONG Line, PCSTR Message) {
    DbgPrint("Assertion failed: %s\n  at %s:%u\n", Expression, File, Line);
    if (Message) DbgPrint("  %s\n", Message);
    KeBugCheckEx(MICA_ASSERTION_FAILED, reinterpret_cast<ULONG_PTR>(Expression), reinterpret_cast<ULONG_PTR>(File),
                 Line, reinterpret_cast<ULONG_PTR>(__builtin_return_address(0)));
}

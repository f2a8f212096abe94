// What C++ expects of its surroundings and a kernel has no use for, and the runner of static constructors.
//
// Globals are `constinit` by rule, so the constructor table is normally empty; a driver that has one anyway calls
// CrtRunConstructors() first thing. Nothing is ever destroyed: atexit accepts and forgets.
#include "rtl/crt.h"
#include "nt/assert.h"

extern "C" {
/// The compiler refers to it wherever floating point is mentioned; the kernel has none, but the linker asks.
extern const int _fltused;
const int _fltused = 0x9875;

/// A pure virtual routine was called: the object is under construction, destroyed, or overwritten.
[[noreturn]] int CDECL _purecall() { RtlAssert("a pure virtual routine was called", __FILE__, __LINE__); }

/// An exception was about to leave a routine that is `noexcept`, as every destructor is.
[[noreturn]] void CDECL __std_terminate() { RtlAssert("an exception left a destructor", __FILE__, __LINE__); }

int CDECL atexit(void(CDECL*)()) { return 0; }
}

/// The deleting destructors of classes with virtual functions name it; there is no heap behind it.
void operator delete(void*, SIZE_T) noexcept { RtlAssert("operator delete was called", __FILE__, __LINE__); }
void operator delete(void*) noexcept { RtlAssert("operator delete was called", __FILE__, __LINE__); }

// The linker sorts sections .CRT$XCA, .CRT$XCU (one pointer a constructor) and .CRT$XCZ by name and joins them.
using CONSTRUCTOR = void(CDECL*)();
#pragma section(".CRT$XCA", read)
#pragma section(".CRT$XCZ", read)
extern "C" {
__declspec(allocate(".CRT$XCA")) extern const CONSTRUCTOR CrtConstructorsBegin[];
__declspec(allocate(".CRT$XCZ")) extern const CONSTRUCTOR CrtConstructorsEnd[];
const CONSTRUCTOR CrtConstructorsBegin[] = {nullptr};
const CONSTRUCTOR CrtConstructorsEnd[] = {nullptr};
}

extern "C" void NTAPI CrtRunConstructors() {
    for (const CONSTRUCTOR* each = CrtConstructorsBegin + 1; each < CrtConstructorsEnd; each++) {
        if (*each) (*each)();
    }
}

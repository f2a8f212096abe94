// driver.cpp - the probe's driver: the address of its text is right only after relocation.
#include "probe.h"

namespace {
const char* const volatile g_lines[] = {"driver: imports and relocations work\n", "driver: KernelVariable is wrong\n"};
}

extern "C" void __stdcall DriverEntry() {
    for (const char* text = g_lines[KernelVariable == 1234 ? 0 : 1]; *text != 0; text++) {
        HalPutCharacter(*text);
    }
}

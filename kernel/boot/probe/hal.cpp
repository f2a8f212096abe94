// hal.cpp - the probe's hal.dll. It is linked at the kernel's own address, so that the loader has to move it.
#include "probe.h"

int HalVariable = 0x5678;

int __fastcall HalAddKernelVariable(int value) { return KernelTwice(value) + KernelVariable; }

void __stdcall HalPutCharacter(char c) {
    for (ULONG tries = 0; tries < 100000 && (ReadPort(0x3fd) & 0x20) == 0; tries++) {}
    WritePort(0x3f8, static_cast<UCHAR>(c));
}

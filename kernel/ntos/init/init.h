// Private to init, and to the parts of ke/i386 that boot: the steps between the loader and the first thread.
#pragma once

#include "nt/types.h"

struct LOADER_PARAMETER_BLOCK;

/// KPCR, PRCB, GDT, IDT and TSS of the first processor (ke/i386/processor.cpp).
void KiInitializeBootProcessor(ULONG_PTR stackTop, ULONG_PTR stackLimit);
/// KeLoaderOptions from the option string (options.cpp).
void InitParseOptions(PCSTR options);
/// PsLoadedModuleList from the loader's list (ldr/modules.cpp).
void LdrInitializeLoadedModuleList(LOADER_PARAMETER_BLOCK& block);
/// Calls the entry points of the drivers that the loader brought (ldr/drivers.cpp). @irql PASSIVE_LEVEL
void LdrCallBootDrivers();

#if defined(MICA_CHECKED)
#define MICA_BUILD "checked"
#else
#define MICA_BUILD "free"
#endif

extern "C" {
/// Phase 1: the rest of initialization, in a system thread. @irql PASSIVE_LEVEL
void NTAPI Phase1Initialization(PVOID StartContext);
}

// Private to init: the steps between the loader and the first thread.
#pragma once

#include "nt/types.h"

/// KeLoaderOptions from the option string (options.cpp).
void InitParseOptions(PCSTR options);
/// Gives a processor its event ring. @returns false: memory is short, its events are dropped. @irql <= DISPATCH_LEVEL
bool InitEventRing(ULONG processor);

#if defined(MICA_CHECKED)
#define MICA_BUILD "checked"
#else
#define MICA_BUILD "free"
#endif

extern "C" {
/// Starts the processors that the firmware's tables name, up to /SMP=n. Phase 1. @irql PASSIVE_LEVEL
void NTAPI KeStartAllProcessors();
/// Phase 1: the rest of initialization, in a system thread. @irql PASSIVE_LEVEL
void NTAPI Phase1Initialization(PVOID StartContext);
}

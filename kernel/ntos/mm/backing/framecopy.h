// Bytes between memory that is mapped and a page frame that need not be. Private to mm.
#pragma once

#include "nt/types.h"

/// Copies the first `bytes` bytes (at most a page) of a frame, or to it. @irql <= DISPATCH_LEVEL
void MiCopyFromFrame(PVOID to, PFN_NUMBER frame, ULONG bytes);
void MiCopyToFrame(PFN_NUMBER frame, const void* from, ULONG bytes);
/// Copies a whole frame. @irql <= DISPATCH_LEVEL
void MiCopyFrame(PFN_NUMBER to, PFN_NUMBER from);

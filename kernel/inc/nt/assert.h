// NT_ASSERT: a contract, checked in checked builds (MICA_CHECKED=1) and in host tests.
#pragma once

#include "nt/types.h"

/// Reports a broken contract and stops: bugcheck in the kernel, a failed test on the host.
/// @param Message what is said beside it, or nullptr. @irql any
extern "C" [[noreturn]] NTKERNELAPI void NTAPI RtlAssert(PCSTR Expression, PCSTR File, ULONG Line,
                                                         PCSTR Message = nullptr);

#if defined(MICA_CHECKED) || defined(MICA_HOST)
#define NT_ASSERT(expression) ((expression) ? void(0) : RtlAssert(#expression, __FILE__, __LINE__))
#else
#define NT_ASSERT(expression) ((void)sizeof(!(expression)))
#endif

// The mode that a caller comes from: whether it is believed.
//
// In the books: "kernel mode versus user mode", "previous mode". TRP-04
#pragma once

#include "nt/types.h"

/// On whose behalf a processor works.
enum class KPROCESSOR_MODE : SCHAR { KernelMode = 0, UserMode = 1 };
inline constexpr KPROCESSOR_MODE KernelMode = KPROCESSOR_MODE::KernelMode;
inline constexpr KPROCESSOR_MODE UserMode = KPROCESSOR_MODE::UserMode;

// Private to ke: the name of a bugcheck code.
#pragma once

#include "nt/types.h"

/// @returns the documented name, "unknown code" if there is none. @irql any
PCSTR KiBugCheckName(ULONG code);

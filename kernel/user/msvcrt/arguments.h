// A command line as the arguments of main; on its own, so that the host can test it.
#pragma once

#include "nt/types.h"

/// Divides a command line by the documented rules: blanks separate, quotes hold together, backslashes count before a quote.
/// @param vector receives the texts' places, nullptr: only count. @param texts receives the texts
/// @returns how many there are. @param[out] bytes what the texts need, with their zeros
int CrtSplit(const char* commandLine, char** vector, char* texts, SIZE_T* bytes);

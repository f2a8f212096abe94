// Private to files: names as programs write them.
#pragma once

#include "ntstatus.h"
#include "rtl/ustring.h"

/// Characters that RtlpDosPathToNtPath may need beyond those of name and current directory.
constexpr ULONG RTLP_PATH_EXTRA = 8;

/// The name that leads to the object, for a name as programs write it. @param current the current directory: C:\DIR\ or a name of the name
/// space, \Boot\. @param to its buffer has room for both and RTLP_PATH_EXTRA characters more. @returns STATUS_SUCCESS;
/// STATUS_OBJECT_NAME_INVALID: the name is empty
NTSTATUS RtlpDosPathToNtPath(PCUNICODE_STRING name, PCUNICODE_STRING current, PUNICODE_STRING to);

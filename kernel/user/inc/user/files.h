// Names of files.
//
// In the books: "file names", "object names". OBJ-04, IOM-03
#pragma once

#include "ntstatus.h"
#include "rtl/ustring.h"

extern "C" {
/// The name that leads to a file, for a name as programs write it: C:\DIR\NAME, NAME (in the current directory), CON; . and .. are
/// resolved. @param NtPathName receives a string of the process's heap (RtlFreeUnicodeString). @param FilePart receives where the last
/// component begins in it; may be nullptr. @param RelativeName nullptr. @returns FALSE: the name is empty or too long, or no memory
NTKERNELAPI BOOLEAN NTAPI RtlDosPathNameToNtPathName_U(PCWSTR DosPathName, PUNICODE_STRING NtPathName, PWSTR* FilePart,
                                                       PVOID RelativeName);
}

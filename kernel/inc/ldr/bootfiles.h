// Boot files: the files that the loader has left in memory, readable and mappable before there is a file system.
//
// A boot file is an MM_BACKING: its pages are read, its image or its data is mapped through a section (mm/section.h). It cannot be
// written. In the name space they are what lies under \Boot.
// Invariants: the files do not change after phase 1, and none goes. Locks: none. BOO-04, POL-09
#pragma once

#include "mm/backing.h"
#include "rtl/ustring.h"

extern "C" {
/// Opens a boot file. @param Name without a path, in any case. @param[out] File a reference, which MmDereferenceBacking takes back
/// @returns STATUS_SUCCESS; STATUS_OBJECT_NAME_NOT_FOUND. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI LdrOpenBootFile(PCUNICODE_STRING Name, MM_BACKING** File);
}

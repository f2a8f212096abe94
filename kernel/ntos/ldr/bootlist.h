// Private to ldr.
#pragma once

#include "ldr.h"
#include "mm/memorybacking.h"

/// A boot file.
/// shared: no, all are made in phase 1
struct BOOT_FILE {
    SINGLE_LIST_ENTRY Next;
    PCUNICODE_STRING Name; ///< in the loader block, which stays
    MM_MEMORY_BACKING Memory;
};

extern SINGLE_LIST_ENTRY LdrpBootFiles; ///< of BOOT_FILE::Next, the loader's order

/// Finds a boot file by its name in any case. @returns nullptr: there is none
BOOT_FILE* LdrpFindBootFile(const UNICODE_STRING& name);
/// Makes `\Boot`, in which the boot files are. @irql PASSIVE_LEVEL, boot
NTSTATUS LdrpCreateBootDevice();

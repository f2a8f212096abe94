// The label of a disk for page files: the first bytes of its page 0, which holds no page. grader/machine/disks.py writes it.
//
// Only a disk with the label is ever written. Private to the driver.
#pragma once

#include "rtl.h"

constexpr CHAR PAGE_FILE_LABEL_TEXT[] = "Mica page file\n";

/// The label as it lies on the disk.
struct PAGE_FILE_LABEL {
    CHAR Text[sizeof PAGE_FILE_LABEL_TEXT];
    ULONG Pages; ///< how long the page file is
};

/// @param Available pages that the disk has. @returns the page file's length in pages, 0 if this is no label
inline ULONG LabelledPages(const PAGE_FILE_LABEL& label, ULONG Available) {
    if (RtlCompareMemory(label.Text, PAGE_FILE_LABEL_TEXT, sizeof label.Text) != sizeof label.Text) return 0;
    return label.Pages < Available ? label.Pages : Available;
}

// bootlist.h - the text of \MICA\BOOT.LST: what to load, and the boot options.
//
//     # a comment
//     options /DEBUG /SEED=7
//     ntoskrnl.exe
//     hal.dll
//
// One image a line, in load order, the kernel first. The options line may be absent. Lines end with LF or CR LF.
#pragma once

#include "nt/types.h"

namespace boot {

/// What a line of the boot list names.
enum class BootLine : UCHAR { End, Image, Options };

/// Takes the next line that says something off `text`. Blank lines and comments are skipped.
/// @param start, length receive the image's name or the options, without surrounding blanks.
[[nodiscard]] BootLine NextBootLine(const char** text, const char* end, const char** start, ULONG* length);

} // namespace boot

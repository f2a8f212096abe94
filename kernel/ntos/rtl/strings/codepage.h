// A code page as a pair of functions: byte to character and back, and the case of both.
//
// Any IRQL: the tables are resident.
// In the books: "executive support: run-time library". EXE-01
#pragma once

#include "rtl/ustring.h"

namespace nt {

/// One of the two code pages of one-byte characters.
class CodePage {
public:
    explicit constexpr CodePage(const WCHAR* upperHalf) : m_upperHalf(upperHalf) {}

    [[nodiscard]] WCHAR ToUnicode(CHAR byte) const;
    /// @returns `otherwise` if the code page lacks the character
    [[nodiscard]] CHAR FromUnicode(WCHAR character, CHAR otherwise = '?') const;

private:
    const WCHAR* m_upperHalf;
};

extern const CodePage AnsiCodePage;
extern const CodePage OemCodePage;

} // namespace nt

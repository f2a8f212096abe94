// What an image of the debuggee exports: names to addresses and back.
//
// In the books: "portable executable images", "symbol files". TOL-07
#pragma once

#include "ntdll.h"

class DEBUGGEE;

namespace nt {

/// The exports of one image, read from the program's memory, which may hold anything.
/// shared: no
class SYMBOLS {
public:
    SYMBOLS(const DEBUGGEE& program, ULONG base);
    /// The image's size and its own name; "program" if it exports nothing.
    void Describe(ULONG* size, PSTR name, ULONG bytes) const;
    /// @returns the address of an export; 0: there is none of this name
    [[nodiscard]] ULONG Find(PCSTR name) const;
    /// The export at or below an address, the nearest one. @param[out] name at least 64 bytes. @returns its address; 0: there is none
    ULONG Nearest(ULONG address, PSTR name, ULONG bytes) const;

private:
    [[nodiscard]] ULONG Word(ULONG offset) const;
    void Text(ULONG offset, PSTR text, ULONG bytes) const;
    /// The address of the routine that a name belongs to.
    [[nodiscard]] ULONG AddressOf(ULONG index) const;

    const DEBUGGEE& m_program;
    ULONG m_base;
    ULONG m_size = 0;
    ULONG m_exports = 0; ///< offset of the directory; 0: there is none
    ULONG m_names = 0;   ///< how many
};

} // namespace nt

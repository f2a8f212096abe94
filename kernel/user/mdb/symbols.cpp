// Exports of the debuggee's images. Contract: symbols.h. TOL-07
#include "symbols.h"

#include "debuggee.h"
#include "ntimage.h"

namespace nt {

namespace {
constexpr ULONG MOST_NAMES = 8192; ///< more than any image of ours has
}

SYMBOLS::SYMBOLS(const DEBUGGEE& program, ULONG base) : m_program(program), m_base(base) {
    IMAGE_DOS_HEADER dos;
    IMAGE_NT_HEADERS headers;
    if (!program.Read(base, &dos, sizeof(dos)) || !program.Read(base + ULONG(dos.e_lfanew), &headers, sizeof(headers)))
        return;
    m_size = headers.OptionalHeader.SizeOfImage;
    m_exports = headers.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress;
    if (m_exports == 0) return;
    m_names = Word(m_exports + offsetof(IMAGE_EXPORT_DIRECTORY, NumberOfNames));
    if (m_names > MOST_NAMES) m_names = MOST_NAMES;
}

ULONG SYMBOLS::Word(ULONG offset) const {
    ULONG word = 0;
    return m_program.Read(m_base + offset, &word, sizeof(word)) ? word : 0;
}

void SYMBOLS::Text(ULONG offset, PSTR text, ULONG bytes) const {
    ULONG length = 0;
    if (m_program.Read(m_base + offset, text, bytes - 1)) { // all at once
        text[bytes - 1] = 0;
        return;
    }
    while (length + 1 < bytes && m_program.Read(m_base + offset + length, &text[length], 1) && text[length] != 0)
        length++;
    text[length] = 0;
}

void SYMBOLS::Describe(ULONG* size, PSTR name, ULONG bytes) const {
    *size = m_size;
    if (m_exports == 0)
        (void)RtlStringCbPrintf(name, bytes, "program");
    else
        Text(Word(m_exports + offsetof(IMAGE_EXPORT_DIRECTORY, Name)), name, bytes);
}

ULONG SYMBOLS::AddressOf(ULONG index) const {
    USHORT ordinal = 0;
    const ULONG ordinals = Word(m_exports + offsetof(IMAGE_EXPORT_DIRECTORY, AddressOfNameOrdinals));
    if (!m_program.Read(m_base + ordinals + index * sizeof(ordinal), &ordinal, sizeof(ordinal))) return 0;
    const ULONG functions = Word(m_exports + offsetof(IMAGE_EXPORT_DIRECTORY, AddressOfFunctions));
    return m_base + Word(functions + ordinal * sizeof(ULONG));
}

ULONG SYMBOLS::Find(PCSTR name) const {
    const ULONG names = Word(m_exports + offsetof(IMAGE_EXPORT_DIRECTORY, AddressOfNames));
    for (ULONG i = 0; i < m_names; i++) {
        CHAR text[64];
        Text(Word(names + i * sizeof(ULONG)), text, sizeof(text));
        if (strcmp(text, name) == 0) return AddressOf(i);
    }
    return 0;
}

ULONG SYMBOLS::Nearest(ULONG address, PSTR name, ULONG bytes) const {
    ULONG best = 0, which = 0;
    for (ULONG i = 0; i < m_names; i++) {
        const ULONG at = AddressOf(i);
        if (at > address || at <= best) continue;
        best = at;
        which = i;
    }
    if (best != 0)
        Text(Word(Word(m_exports + offsetof(IMAGE_EXPORT_DIRECTORY, AddressOfNames)) + which * sizeof(ULONG)), name,
             bytes);
    return best;
}

} // namespace nt

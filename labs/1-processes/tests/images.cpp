// Images that the host makes for 1.8, as the student's routines reach them.
//
// The host writes the bytes, the headers and the names of an image into LabScratch, together with a LAB_IMAGE. The bytes are enciphered:
// who reads them past PeImage finds noise. An image can change while it is read, or refuse an access; each access is noted.
// Invariant: what the host expects follows from what it wrote, never from what is noted here alone. IRQL: any.
// In the books: "PE format", "relocation". BOO-01, BOO-03
#include "rtl/pe.h"

namespace {

constexpr ULONG MAXIMUM_ACCESSES = 1024;

/// One access to an image.
struct LAB_ACCESS {
    const void* Image;
    ULONG Offset, Bytes, Write;
};

/// The accesses since the host cleared it; those that find no room are counted.
struct LAB_JOURNAL {
    ULONG Count;
    LAB_ACCESS Accesses[MAXIMUM_ACCESSES];
};

/// The bytes of an image in LabScratch. The host knows the places of the fields (peimages.py).
class LAB_IMAGE final : public nt::PeImage {
public:
    constexpr LAB_IMAGE() : PeImage(0) {}

private:
    NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) override;
    NTSTATUS Write(ULONG offset, const void* from, ULONG bytes) override;

    /// Whether byte `place` is among those of an access.
    static bool Has(ULONG place, ULONG offset, ULONG bytes) { return place >= offset && place - offset < bytes; }
    [[nodiscard]] UCHAR KeyOf(ULONG offset) const { return UCHAR(m_key >> (offset % 4 * 8)); }

    UCHAR* m_bytes = nullptr; ///< enciphered
    ULONG m_key = 0;
    ULONG m_failAt = 0; ///< an access to this byte ...
    NTSTATUS m_failStatus = STATUS_SUCCESS;
    ULONG m_fails = 0;    ///< ... fails: reads (1), writes (2)
    ULONG m_changeAt = 0; ///< this byte and the three behind it ...
    ULONG m_changeTo = 0;
    ULONG m_changes = 0; ///< ... become these once the first was read so many times
};
static_assert(sizeof(LAB_IMAGE) == 40 && sizeof(nt::PeImage) == 8, "peimages.py packs it");
static_assert(sizeof(nt::PeHeaders) == 252 && sizeof(nt::PeModule) == 264 && sizeof(nt::PeError) == 200,
              "peimages.py packs and reads them");

/// An image by a name.
struct LAB_MODULE {
    PCSTR Name;
    const nt::PeModule* Module;
};

/// The images that may be imported from: a name, or a name without .dll, in any case.
class LAB_MODULES final : public nt::PeModules {
public:
    NTSTATUS Find(PCSTR name, const nt::PeModule** module) override;

private:
    const LAB_MODULE* m_modules = nullptr;
    ULONG m_count = 0;
};
static_assert(sizeof(LAB_MODULES) == 12, "peimages.py packs it");

} // namespace

extern "C" {
NTEXPORT LAB_JOURNAL LabJournal = {};
NTEXPORT LAB_IMAGE LabImage{}; ///< whose table of routines the host's images have
NTEXPORT LAB_MODULES LabModules{};
}

namespace {

void Note(const void* image, ULONG offset, ULONG bytes, ULONG write) {
    if (LabJournal.Count < MAXIMUM_ACCESSES) LabJournal.Accesses[LabJournal.Count] = {image, offset, bytes, write};
    LabJournal.Count++;
}

NTSTATUS LAB_IMAGE::Read(ULONG offset, PVOID to, ULONG bytes) {
    Note(this, offset, bytes, 0);
    if ((m_fails & 1) != 0 && Has(m_failAt, offset, bytes)) return m_failStatus;
    for (ULONG i = 0; i < bytes; i++)
        static_cast<UCHAR*>(to)[i] = UCHAR(m_bytes[offset + i] ^ KeyOf(offset + i));
    if (m_changes != 0 && Has(m_changeAt, offset, bytes) && --m_changes == 0)
        for (ULONG i = 0; i < sizeof(m_changeTo); i++)
            m_bytes[m_changeAt + i] = UCHAR((m_changeTo >> (i * 8)) ^ KeyOf(m_changeAt + i));
    return STATUS_SUCCESS;
}

NTSTATUS LAB_IMAGE::Write(ULONG offset, const void* from, ULONG bytes) {
    Note(this, offset, bytes, 1);
    if ((m_fails & 2) != 0 && Has(m_failAt, offset, bytes)) return m_failStatus;
    for (ULONG i = 0; i < bytes; i++)
        m_bytes[offset + i] = UCHAR(static_cast<const UCHAR*>(from)[i] ^ KeyOf(offset + i));
    return STATUS_SUCCESS;
}

CHAR Lower(CHAR c) { return c >= 'A' && c <= 'Z' ? CHAR(c + ('a' - 'A')) : c; }

/// @returns whether `name` is `wanted`, or `wanted` without .dll
bool IsName(PCSTR name, PCSTR wanted) {
    for (; *name != 0 && Lower(*name) == Lower(*wanted); name++)
        wanted++;
    if (*name != 0) return false;
    for (PCSTR extension = ".dll"; *extension != 0 && *wanted == *extension; extension++)
        wanted++;
    return *wanted == 0;
}

NTSTATUS LAB_MODULES::Find(PCSTR name, const nt::PeModule** module) {
    for (ULONG i = 0; i < m_count; i++) {
        if (!IsName(name, m_modules[i].Name)) continue;
        *module = m_modules[i].Module;
        return STATUS_SUCCESS;
    }
    return STATUS_DLL_NOT_FOUND;
}

} // namespace

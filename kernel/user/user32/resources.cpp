// The resources of an image. Contract: resources.h.
#include "resources.h"

namespace {

// The specification's layouts, by their offsets.
constexpr ULONG DIRECTORY_NAMES = 12, DIRECTORY_NUMBERS = 14, DIRECTORY_SIZE = 16; ///< counts of entries, which follow
constexpr ULONG ENTRY_SIZE = 8, ENTRY_OFFSET = 4;                                  ///< of a number and an offset
constexpr ULONG LEADS_ON = 0x80000000;                                             ///< the offset is a directory's
constexpr ULONG ENGLISH = 0x409;                                                   ///< as in the United States
constexpr ULONG LEAF_SIZE = 4;                                                     ///< follows the data's place

/// The bytes of an image, read inside of its bounds.
class IMAGE {
public:
    IMAGE(const UCHAR* bytes, ULONG size) : m_bytes(bytes), m_size(size) {}

    [[nodiscard]] bool Has(ULONG at, ULONG count) const { return at <= m_size && count <= m_size - at; }
    /// A number of 2 or 4 bytes. @returns false: it lies outside
    bool Read(ULONG at, ULONG bytes, ULONG* value) const {
        if (!Has(at, bytes)) return false;
        *value = 0;
        for (ULONG i = 0; i < bytes; i++)
            *value |= ULONG(m_bytes[at + i]) << (8 * i);
        return true;
    }
    [[nodiscard]] const UCHAR* At(ULONG at) const { return m_bytes + at; }

private:
    const UCHAR* m_bytes;
    ULONG m_size;
};

/// Where a directory's entry leads. @param number which one; nullptr: the first
bool Follow(const IMAGE& image, ULONG directory, const ULONG* number, ULONG* offset) {
    ULONG names = 0, numbers = 0;
    if (!image.Read(directory + DIRECTORY_NAMES, 2, &names) || !image.Read(directory + DIRECTORY_NUMBERS, 2, &numbers))
        return false;
    const ULONG first = number ? names : 0; // entries with names stand in front
    for (ULONG i = first; i < names + numbers; i++) {
        const ULONG entry = directory + DIRECTORY_SIZE + i * ENTRY_SIZE;
        ULONG id = 0;
        if (!image.Read(entry, 4, &id) || !image.Read(entry + ENTRY_OFFSET, 4, offset)) return false;
        if (!number || id == *number) return true;
    }
    return false;
}

} // namespace

nt::Resource nt::FindResource(const UCHAR* image, ULONG imageSize, ULONG directory, ULONG type, ULONG name) {
    const IMAGE bytes(image, imageSize);
    ULONG at = directory, offset = 0;
    const ULONG path[] = {type, name};
    for (const ULONG& number : path) {
        if (!Follow(bytes, at, &number, &offset) || (offset & LEADS_ON) == 0) return {};
        at = directory + (offset & ~LEADS_ON);
    }
    if (!Follow(bytes, at, &ENGLISH, &offset) && !Follow(bytes, at, nullptr, &offset)) return {};
    if (offset & LEADS_ON) return {}; // the third level's entries are leaves
    at = directory + offset;
    ULONG data = 0, size = 0;
    if (!bytes.Read(at, 4, &data) || !bytes.Read(at + LEAF_SIZE, 4, &size) || !bytes.Has(data, size)) return {};
    return {bytes.At(data), size};
}

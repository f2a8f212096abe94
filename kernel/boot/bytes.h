// bytes.h - checked access to bytes that came from outside: image files, loaded images, disk sectors.
//
// Invariant: no read or write leaves [data, data + size). Offsets may be any value; nothing overflows.
#pragma once

#include "nt/types.h"

extern "C" {
void* memcpy(void* to, const void* from, SIZE_T count) noexcept;
void* memset(void* to, int value, SIZE_T count) noexcept;
int memcmp(const void* left, const void* right, SIZE_T count) noexcept;
}

namespace boot {

/// A view of bytes with a length, through which nothing behind the end is read or written.
class Bytes {
public:
    constexpr Bytes() = default;
    constexpr Bytes(UCHAR* data, ULONG size) : m_data(data), m_size(size) {}

    [[nodiscard]] UCHAR* Data() const { return m_data; }
    [[nodiscard]] ULONG Size() const { return m_size; }
    [[nodiscard]] bool Has(ULONG offset, ULONG length) const { return offset <= m_size && length <= m_size - offset; }

    template <typename T> [[nodiscard]] bool Read(ULONG offset, T* value) const {
        if (!Has(offset, sizeof(T))) {
            return false;
        }
        memcpy(value, m_data + offset, sizeof(T));
        return true;
    }

    template <typename T> [[nodiscard]] bool Write(ULONG offset, const T& value) const {
        if (!Has(offset, sizeof(T))) {
            return false;
        }
        memcpy(m_data + offset, &value, sizeof(T));
        return true;
    }

    /// A string that ends with 0 inside the bytes, or nullptr.
    [[nodiscard]] const char* String(ULONG offset) const {
        for (ULONG at = offset; at < m_size; at++) {
            if (m_data[at] == 0) {
                return reinterpret_cast<const char*>(m_data + offset);
            }
        }
        return nullptr;
    }

private:
    UCHAR* m_data = nullptr;
    ULONG m_size = 0;
};

/// Compares two ASCII strings, letters of either case being equal.
[[nodiscard]] bool EqualNames(const char* left, const char* right);

} // namespace boot

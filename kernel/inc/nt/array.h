// Span, Array, Optional: the few containers the kernel needs, in place of the host's headers.
#pragma once

#include "nt/assert.h"
#include "nt/types.h"

namespace nt {

/// A view of `Size()` consecutive elements that another object owns. Indexing is checked in checked builds.
template <typename T> class Span {
public:
    constexpr Span() = default;
    constexpr Span(T* data, SIZE_T size) : m_data(data), m_size(size) {}
    template <SIZE_T N> constexpr Span(T (&array)[N]) : m_data(array), m_size(N) {}

    [[nodiscard]] constexpr SIZE_T Size() const { return m_size; }
    [[nodiscard]] constexpr T* Data() const { return m_data; }
    constexpr T& operator[](SIZE_T index) const {
        NT_ASSERT(index < m_size);
        return m_data[index];
    }
    constexpr T* begin() const { return m_data; }
    constexpr T* end() const { return m_data + m_size; }

private:
    T* m_data = nullptr;
    SIZE_T m_size = 0;
};

/// A fixed-size array whose indexing is checked in checked builds.
template <typename T, SIZE_T N> struct Array {
    T Elements[N];

    static constexpr SIZE_T Size() { return N; }
    constexpr T& operator[](SIZE_T index) {
        NT_ASSERT(index < N);
        return Elements[index];
    }
    constexpr const T& operator[](SIZE_T index) const {
        NT_ASSERT(index < N);
        return Elements[index];
    }
    constexpr T* begin() { return Elements; }
    constexpr T* end() { return Elements + N; }
    constexpr const T* begin() const { return Elements; }
    constexpr const T* end() const { return Elements + N; }
};

/// A value that may be absent, for small copyable types.
template <typename T> class Optional {
public:
    constexpr Optional() = default;
    constexpr Optional(T value) : m_value(value), m_present(true) {}

    constexpr explicit operator bool() const { return m_present; }
    constexpr const T& operator*() const {
        NT_ASSERT(m_present);
        return m_value;
    }
    [[nodiscard]] constexpr T ValueOr(T other) const { return m_present ? m_value : other; }

private:
    T m_value{};
    bool m_present = false;
};

} // namespace nt

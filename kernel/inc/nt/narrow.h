// A field that holds an enumeration in fewer bytes than the enumeration's own.
//
// The public enumerations are 4 bytes, as parameters are; the public structures keep them in a byte or two.
//     nt::Narrow<KDPC_IMPORTANCE, UCHAR> Importance;   // one byte; reads and writes as a KDPC_IMPORTANCE
#pragma once

namespace nt {

/// Reads and writes as an `Enum`, is stored as a `Storage`. Holds every value that `Storage` holds; zero bytes are value 0.
template <typename Enum, typename Storage> struct Narrow {
    Storage Value;

    constexpr operator Enum() const { return static_cast<Enum>(Value); }
    constexpr Narrow& operator=(Enum value) {
        Value = static_cast<Storage>(value);
        return *this;
    }
};

} // namespace nt

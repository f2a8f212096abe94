// memory.h - the physical memory map: what firmware reports, and what the loader does with it.
//
// Invariant: runs are sorted by page, do not overlap, and neighbours of one type are one run.
// Pure data, tested on the host (memory_test.cpp). In the books: loader memory descriptors (BOO-04).
#pragma once

#include "ldr.h"
#include "nt/array.h"

namespace boot {

/// Pages in a row that are used for one purpose.
struct MemoryRun {
    ULONG BasePage;
    ULONG PageCount;
    TYPE_OF_MEMORY Type;

    [[nodiscard]] ULONG End() const { return BasePage + PageCount; }
};

/// One range as the firmware reports it: int 15h E820h and multiboot use the same type numbers.
struct FirmwareRange {
    ULONGLONG Base;
    ULONGLONG Length;
    ULONG Type; ///< 1 usable, 2 reserved, 3 ACPI tables, 4 ACPI non-volatile, 5 bad
};

/// The machine's memory as sorted runs, each with what it is used for.
class MemoryMap {
public:
    static constexpr ULONG CAPACITY = 128;

    /// Takes over the firmware's ranges, in any order and overlapping: whatever is not usable wins.
    /// @returns false when there are too many.
    [[nodiscard]] bool Build(nt::Span<const FirmwareRange> ranges);

    /// Gives pages a type, whatever they were. @returns false when there are too many runs.
    [[nodiscard]] bool Set(ULONG basePage, ULONG pageCount, TYPE_OF_MEMORY type);

    /// Every run of type `from` becomes `to`.
    [[nodiscard]] bool Retype(TYPE_OF_MEMORY from, TYPE_OF_MEMORY to);

    /// Are all of these pages of this type?
    [[nodiscard]] bool Is(ULONG basePage, ULONG pageCount, TYPE_OF_MEMORY type) const;

    /// The lowest free run at or above `fromPage`.
    [[nodiscard]] nt::Optional<ULONG> FindUp(ULONG pageCount, ULONG fromPage, ULONG limitPage) const;

    /// The highest free run below `limitPage`.
    [[nodiscard]] nt::Optional<ULONG> FindDown(ULONG pageCount, ULONG limitPage) const;

    [[nodiscard]] nt::Span<const MemoryRun> Runs() const { return {m_runs, m_count}; }

    /// Page after the last usable one below 4 GB.
    [[nodiscard]] ULONG EndOfRam() const { return m_endOfRam; }
    /// Bytes of usable memory, above 4 GB too.
    [[nodiscard]] ULONGLONG TotalMemory() const { return m_totalMemory; }

private:
    MemoryRun m_runs[CAPACITY] = {};
    ULONG m_count = 0;
    ULONG m_endOfRam = 0;
    ULONGLONG m_totalMemory = 0;
};

} // namespace boot

// memory.cpp - the physical memory map. Contract: memory.h.
#include "memory.h"
#include "bytes.h"

namespace boot {

namespace {

constexpr ULONGLONG FOUR_GIGABYTES = 1ULL << 32;
constexpr ULONG FIRMWARE_USABLE = 1;

TYPE_OF_MEMORY TypeOf(ULONG firmwareType) {
    switch (firmwareType) {
    case FIRMWARE_USABLE: return LoaderFree;
    case 3: return LoaderFirmwareTemporary;
    case 5: return LoaderBad;
    default: return LoaderFirmwarePermanent;
    }
}

ULONG Smaller(ULONG a, ULONG b) { return a < b ? a : b; }
ULONG Larger(ULONG a, ULONG b) { return a > b ? a : b; }

} // namespace

bool MemoryMap::Build(nt::Span<const FirmwareRange> ranges) {
    m_count = m_endOfRam = 0;
    m_totalMemory = 0;
    // Usable ranges first and rounded inwards, everything else over them and rounded outwards.
    constexpr bool passes[] = {true, false};
    for (const bool usable : passes) {
        for (const FirmwareRange& range : ranges) {
            if ((range.Type == FIRMWARE_USABLE) != usable || range.Length == 0) {
                continue;
            }
            if (usable) {
                m_totalMemory += range.Length;
            }
            ULONGLONG start = range.Base;
            ULONGLONG end = range.Base + range.Length;
            if (start >= FOUR_GIGABYTES) {
                continue;
            }
            if (end > FOUR_GIGABYTES || end < start) {
                end = FOUR_GIGABYTES;
            }
            const ULONGLONG up = PAGE_SIZE - 1;
            const ULONG first = static_cast<ULONG>((usable ? start + up : start) >> PAGE_SHIFT);
            const ULONG last = static_cast<ULONG>((usable ? end : end + up) >> PAGE_SHIFT);
            if (last > first && !Set(first, last - first, TypeOf(range.Type))) {
                return false;
            }
        }
    }
    for (const MemoryRun& run : Runs()) {
        if (run.Type == LoaderFree) {
            m_endOfRam = run.End();
        }
    }
    return true;
}

bool MemoryMap::Set(ULONG basePage, ULONG pageCount, TYPE_OF_MEMORY type) {
    const ULONG endPage = basePage + pageCount;
    MemoryRun result[CAPACITY];
    ULONG count = 0;
    bool full = false;
    const auto put = [&](ULONG from, ULONG to, TYPE_OF_MEMORY what) {
        if (from >= to) {
            return;
        }
        if (count != 0 && result[count - 1].Type == what && result[count - 1].End() == from) {
            result[count - 1].PageCount += to - from;
        } else if (count < CAPACITY) {
            result[count++] = {from, to - from, what};
        } else {
            full = true;
        }
    };
    for (const MemoryRun& run : Runs()) {
        put(run.BasePage, Smaller(run.End(), basePage), run.Type);
    }
    put(basePage, endPage, type);
    for (const MemoryRun& run : Runs()) {
        put(Larger(run.BasePage, endPage), run.End(), run.Type);
    }
    if (full) {
        return false;
    }
    memcpy(m_runs, result, count * sizeof(MemoryRun));
    m_count = count;
    return true;
}

bool MemoryMap::Retype(TYPE_OF_MEMORY from, TYPE_OF_MEMORY to) {
    for (ULONG index = 0; index < m_count;) {
        const MemoryRun run = m_runs[index];
        if (run.Type != from) {
            index++;
            continue;
        }
        if (!Set(run.BasePage, run.PageCount, to)) {
            return false;
        }
        index = 0; // runs may have merged
    }
    return true;
}

bool MemoryMap::Is(ULONG basePage, ULONG pageCount, TYPE_OF_MEMORY type) const {
    for (const MemoryRun& run : Runs()) {
        if (run.Type == type && basePage >= run.BasePage && basePage <= run.End() &&
            pageCount <= run.End() - basePage) {
            return true;
        }
    }
    return false;
}

nt::Optional<ULONG> MemoryMap::FindUp(ULONG pageCount, ULONG fromPage, ULONG limitPage) const {
    for (const MemoryRun& run : Runs()) {
        const ULONG start = Larger(run.BasePage, fromPage);
        const ULONG end = Smaller(run.End(), limitPage);
        if (run.Type == LoaderFree && start < end && end - start >= pageCount) {
            return start;
        }
    }
    return {};
}

nt::Optional<ULONG> MemoryMap::FindDown(ULONG pageCount, ULONG limitPage) const {
    nt::Optional<ULONG> best;
    for (const MemoryRun& run : Runs()) {
        const ULONG end = Smaller(run.End(), limitPage);
        if (run.Type == LoaderFree && run.BasePage < end && end - run.BasePage >= pageCount) {
            best = end - pageCount;
        }
    }
    return best;
}

} // namespace boot

// The vector-clock race detector. See detector.h.
//
// In the books: none. SYH-01, SYH-03
#include "detector.h"

namespace {

constexpr ULONG WORD = sizeof(ULONG);
constexpr ULONG_PTR WORD_MASK = WORD - 1;
constexpr ULONG_PTR OBJECT_MASK = 7; ///< objects of 8 bytes: an 8-byte exchange is one

constexpr ULONG_PTR WordOf(ULONG_PTR address) { return address & ~WORD_MASK; }

} // namespace

void KxDetector::Begin(Walker* walker) {
    m_walker = walker;
    for (ULONG p = 0; p < KX_PROCESSORS; p++) {
        m_clock[p] = {};
        m_clock[p].Seen[p] = 1;
    }
    m_rangeCount = m_wordCount = m_candidateCount = 0;
    m_lowest = ~ULONG_PTR(0);
    m_highest = 0;
    m_objectCount = 0;
    if (++m_generation == 0) m_generation = 1; // 0 marks places never used
    m_overflow = false;
}

bool KxDetector::Track(ULONG_PTR address, ULONG size, PCSTR name) {
    const ULONG_PTR start = WordOf(address), end = WordOf(address + size + WORD_MASK);
    const ULONG words = ULONG((end - start) / WORD);
    if (m_rangeCount == MaximumRanges || words > MaximumWords - m_wordCount) return false;
    m_ranges[m_rangeCount++] = {start, end, address, address + size, name, m_wordCount};
    for (ULONG i = 0; i < words; i++) {
        Word& word = m_words[m_wordCount++];
        word.Exempt = word.Synchronizes = false;
        word.Write.Clock = 0;
        for (Record& read : word.Read)
            read.Clock = 0;
    }
    if (start < m_lowest) m_lowest = start;
    if (end > m_highest) m_highest = end;
    return true;
}

void KxDetector::Exempt(ULONG_PTR address, ULONG size) {
    for (ULONG_PTR each = WordOf(address); each < address + size; each += WORD) {
        if (const Range* const range = Find(each))
            m_words[range->FirstWord + (each - range->Start) / WORD].Exempt = true;
    }
}

const KxDetector::Range* KxDetector::Find(ULONG_PTR address) const {
    if (address < m_lowest || address >= m_highest) return nullptr;
    for (ULONG i = 0; i < m_rangeCount; i++) {
        if (address >= m_ranges[i].Start && address < m_ranges[i].End) return &m_ranges[i];
    }
    return nullptr;
}

KxDetector::Object* KxDetector::Lookup(ULONG_PTR address, bool make) {
    const ULONG_PTR key = address & ~OBJECT_MASK;
    ULONG place = ULONG(key >> 3) * 0x9E3779B9u >> 16;
    for (;; place++) {
        Object& object = m_objects[place % Objects];
        if (object.Generation == m_generation) {
            if (object.Address == key) return &object;
            continue;
        }
        if (!make) return nullptr;
        if (m_objectCount >= Objects * 3 / 4) {
            m_overflow = true;
            return nullptr;
        }
        m_objectCount++;
        object = {key, m_generation, {}};
        return &object;
    }
}

void KxDetector::Acquire(ULONG processor, ULONG_PTR object) {
    const Object* const source = Lookup(object, false);
    if (!source) return;
    Clock& own = m_clock[processor];
    for (ULONG p = 0; p < KX_PROCESSORS; p++) {
        if (source->Known.Seen[p] > own.Seen[p]) own.Seen[p] = source->Known.Seen[p];
    }
}

void KxDetector::Release(ULONG processor, ULONG_PTR object) {
    Object* const target = Lookup(object, true);
    if (!target) return;
    Clock& own = m_clock[processor];
    for (ULONG p = 0; p < KX_PROCESSORS; p++) {
        if (own.Seen[p] > target->Known.Seen[p]) target->Known.Seen[p] = own.Seen[p];
    }
    own.Seen[processor]++;
}

void KxDetector::Interlocked(ULONG processor, ULONG_PTR address) {
    if (const Range* const range = Find(address))
        m_words[range->FirstWord + (address - range->Start) / WORD].Synchronizes = true;
    Acquire(processor, address);
    Release(processor, address);
}

void KxDetector::Access(const KX_HOOKED_ACCESS& access) {
    bool ordinary = false; // a part of it is not tracked: an object that synchronizes
    for (ULONG_PTR each = WordOf(access.Address); each < access.Address + access.Size; each += WORD) {
        const Range* const range = Find(each);
        const ULONG index = range ? range->FirstWord + ULONG((each - range->Start) / WORD) : 0;
        if (!range || m_words[index].Exempt || m_words[index].Synchronizes) {
            ordinary = true;
            continue;
        }
        ULONG bytes = 0;
        for (ULONG i = 0; i < WORD; i++) {
            const ULONG_PTR byte = each + i;
            const bool accessed = byte >= access.Address && byte < access.Address + access.Size;
            if (accessed && byte >= range->Address && byte < range->Last) bytes |= 1u << i;
        }
        if (bytes != 0 && !m_overflow) Check(*range, index, access, bytes);
    }
    if (!ordinary) return;
    if (access.Write) {
        Release(access.Processor, access.Address);
    } else {
        Acquire(access.Processor, access.Address);
    }
}

void KxDetector::Check(const Range& range, ULONG index, const KX_HOOKED_ACCESS& access, ULONG bytes) {
    Word& word = m_words[index];
    const Clock& own = m_clock[access.Processor];
    Record& place = access.Write ? word.Write : word.Read[access.Processor];

    Record record;
    record.Clock = own.Seen[access.Processor];
    record.Bytes = bytes;
    record.Access = {access.Processor, access.Step, access.Pc, access.Write, access.Size, {}};
    if (m_walker) m_walker(access.Frame, record.Access.Stack);

    const bool writeUnseen = word.Write.Clock != 0 && word.Writer != access.Processor &&
                             word.Write.Clock > own.Seen[word.Writer] && (word.Write.Bytes & bytes) != 0;
    if (writeUnseen) Accuse(range, index, word.Write, record, access.Address);
    for (ULONG p = 0; access.Write && p < KX_PROCESSORS; p++) {
        const Record& read = word.Read[p];
        if (p != access.Processor && read.Clock > own.Seen[p] && (read.Bytes & bytes) != 0)
            Accuse(range, index, read, record, access.Address);
    }
    place = record;
    if (access.Write) word.Writer = access.Processor;
}

void KxDetector::Accuse(const Range& range, ULONG index, const Record& earlier, const Record& later,
                        ULONG_PTR address) {
    if (m_candidateCount == Candidates) return;
    Candidate& candidate = m_candidates[m_candidateCount++];
    candidate.Word = index;
    candidate.Race.Address = address;
    candidate.Race.Name = range.Name;
    candidate.Race.Offset = ULONG(address > range.Address ? address - range.Address : 0);
    candidate.Race.Access[0] = earlier.Access;
    candidate.Race.Access[1] = later.Access;
}

bool KxDetector::Race(KX_RACE* race) const {
    if (m_overflow) return false;
    for (ULONG i = 0; i < m_candidateCount; i++) {
        if (m_words[m_candidates[i].Word].Synchronizes) continue;
        *race = m_candidates[i].Race;
        return true;
    }
    return false;
}

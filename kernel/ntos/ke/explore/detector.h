// KxDetector: finds two accesses to tracked memory that nothing orders.
//
// Vector clocks: every processor counts its own releases, and knows how far it has seen each other's. A release publishes
// what its processor knows at an object, an acquire takes it over. Objects are locks, interrupts, and every word that is
// not tracked: on this processor architecture a load that sees a store also sees what came before the store. So only
// memory that a scenario registers can be accused, and only if no chain of such events lies between the accesses.
// A word that interlocked operations touch is one that synchronizes: it is never accused either.
// Precision: the last write and each processor's last read of a word are kept (as in FastTrack, Flanagan and Freund 2009);
// accesses of parts of a word conflict only where the bytes overlap.
// Pure code: also built for the host, where its tests are.
// Locks: none, the baton's holder calls. IRQL: any.
// In the books: none. SYH-01, SYH-03
#pragma once

#include "ke/explore.h"

/// An access as the hook sees it. Frame: of the routine that called the hook, for the stack.
struct KX_HOOKED_ACCESS {
    ULONG Processor;
    ULONG Step;
    ULONG_PTR Address;
    ULONG Size;
    bool Write;
    ULONG_PTR Pc;
    ULONG_PTR Frame;
};

/// Finds two accesses that nothing orders, with a vector clock for each processor.
class KxDetector {
public:
    static constexpr ULONG MaximumRanges = 32;
    static constexpr ULONG MaximumWords = 512;
    static constexpr ULONG Objects = 2048; ///< a power of two
    static constexpr ULONG Candidates = 8;
    using Walker = void(ULONG_PTR frame, ULONG_PTR (&stack)[KX_STACK_DEPTH]);

    /// Forgets everything. @param walker fills in a stack, innermost return address first
    void Begin(Walker* walker);
    /// @returns false if there is no room
    bool Track(ULONG_PTR address, ULONG size, PCSTR name);
    void Exempt(ULONG_PTR address, ULONG size);
    [[nodiscard]] bool HasRanges() const { return m_rangeCount != 0; }

    void Access(const KX_HOOKED_ACCESS& access);
    void Interlocked(ULONG processor, ULONG_PTR address);
    void Acquire(ULONG processor, ULONG_PTR object);
    void Release(ULONG processor, ULONG_PTR object);

    /// @returns the first race of the run whose word did not turn out to be one that synchronizes
    bool Race(KX_RACE* race) const;
    /// Whether there was more to remember than there is room for: from then on nothing was accused.
    [[nodiscard]] bool Overflowed() const { return m_overflow; }

private:
    struct Clock {
        ULONG Seen[KX_PROCESSORS];
    };
    struct Object {
        ULONG_PTR Address;
        ULONG Generation;
        Clock Known;
    };
    struct Record {
        ULONG Clock; ///< of its processor; 0: none
        ULONG Bytes; ///< of the word, a bit each
        KX_ACCESS Access;
    };
    struct Word {
        bool Exempt;
        bool Synchronizes;
        ULONG Writer;
        Record Write;
        Record Read[KX_PROCESSORS];
    };
    struct Range {
        ULONG_PTR Start; ///< of its first word
        ULONG_PTR End;
        ULONG_PTR Address;
        ULONG_PTR Last; ///< behind the registered bytes
        PCSTR Name;
        ULONG FirstWord;
    };
    struct Candidate {
        ULONG Word;
        KX_RACE Race;
    };

    const Range* Find(ULONG_PTR address) const;
    Object* Lookup(ULONG_PTR address, bool make);
    void Check(const Range& range, ULONG index, const KX_HOOKED_ACCESS& access, ULONG bytes);
    void Accuse(const Range& range, ULONG index, const Record& earlier, const Record& later, ULONG_PTR address);

    Walker* m_walker = nullptr;
    Clock m_clock[KX_PROCESSORS] = {};
    Range m_ranges[MaximumRanges] = {};
    ULONG m_rangeCount = 0, m_wordCount = 0;
    ULONG_PTR m_lowest = 0, m_highest = 0; ///< bounds of all ranges
    Word m_words[MaximumWords] = {};
    Object m_objects[Objects] = {};
    ULONG m_generation = 0, m_objectCount = 0;
    Candidate m_candidates[Candidates] = {};
    ULONG m_candidateCount = 0;
    bool m_overflow = false;
};

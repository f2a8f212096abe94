// Spin locks are made; in checked builds each has a place in the order of locks.
//
// A spin lock is one word, so its rank stands in a table by the lock's address. The hash of the granule of memory that a
// lock lies in chooses a bucket; the lock is in a place of that bucket or has no rank. So all locks of a block are found
// when the block is freed. A place is taken by a compare-exchange and its rank is written before anybody else knows the
// lock, so a processor that acquires a lock reads the table without a lock.
// Locks: none. IRQL: any.
// In the books: "spin locks", "checked build". SYH-05
#include "ke/ki.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG BucketShift = 8, BucketPlaces = 32;
constexpr ULONG GranuleShift = 7;               ///< 128 bytes: few locks, and few granules to a block
constexpr ULONG HashMultiplier = 2'654'435'761; ///< Knuth's, 2^32 divided by the golden ratio

/// shared: Lock changes by interlocked operations; Rank is written by the processor that makes the lock
struct RANK_PLACE {
    volatile ULONG_PTR Lock; ///< 0: the place is free
    volatile KLOCK_RANK Rank;
};

RANK_PLACE Buckets[1u << BucketShift][BucketPlaces]; // shared: as RANK_PLACE says
volatile bool Lost;                                  // shared: only ever set

ULONG_PTR AddressOf(const void* pointer) { return reinterpret_cast<ULONG_PTR>(pointer); }

using Bucket = RANK_PLACE[BucketPlaces];

Bucket& BucketOf(ULONG_PTR granule) { return Buckets[ULONG(granule) * HashMultiplier >> (32 - BucketShift)]; }

RANK_PLACE* Find(ULONG_PTR address) {
    for (RANK_PLACE& place : BucketOf(address >> GranuleShift)) {
        if (place.Lock == address) return &place;
    }
    return nullptr;
}

RANK_PLACE* Take(ULONG_PTR address) {
    for (RANK_PLACE& place : BucketOf(address >> GranuleShift)) {
        if (place.Lock == 0 && InterlockedCompareExchange(&place.Lock, address, 0) == 0) return &place;
    }
    return nullptr;
}

} // namespace

KLOCK_RANK KiSpinLockRank(const KSPIN_LOCK* SpinLock) {
    const RANK_PLACE* const place = Find(AddressOf(SpinLock));
    return place ? place->Rank : KLOCK_RANK::None;
}

bool KiSpinLockRanksAreLost() { return Lost; }

void KiForgetAllSpinLockRanks() {
    for (auto& bucket : Buckets) {
        for (RANK_PLACE& place : bucket)
            place.Lock = 0;
    }
    Lost = false;
}

void NTAPI KeSetSpinLockRank(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank) {
    const ULONG_PTR address = AddressOf(SpinLock);
    RANK_PLACE* place = Find(address);
    if (Rank == KLOCK_RANK::None) {
        if (place) place->Lock = 0;
        return;
    }
    if (!place) place = Take(address);
    if (place)
        place->Rank = Rank;
    else
        Lost = true;
}

void NTAPI KeForgetSpinLockRanks(const void* Address, SIZE_T Length) {
    const ULONG_PTR first = AddressOf(Address), end = first + Length;
    for (ULONG_PTR granule = first >> GranuleShift; granule << GranuleShift < end; granule++) {
        for (RANK_PLACE& place : BucketOf(granule)) {
            const ULONG_PTR lock = place.Lock;
            if (first <= lock && lock < end) place.Lock = 0;
        }
    }
}

#else

void NTAPI KeSetSpinLockRank(PKSPIN_LOCK, KLOCK_RANK) {}
void NTAPI KeForgetSpinLockRanks(const void*, SIZE_T) {}

#endif

void NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock) {
    SpinLock->Value = 0;
    KeSetSpinLockRank(SpinLock, KLOCK_RANK::None); // an earlier lock's that was here
}

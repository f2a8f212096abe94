// What programs may leave behind: pool by tag, objects and handles by type, commit charge, names, pages.
#pragma once

#include "ex.h"
#include "guest_test.h"
#include "ob.h"
#include "ob/services.h"

/// What the host reads of a run (kernel/tests/python/hostile.py).
enum class LEFTOVER : ULONG { Nothing, Pool, Commitment, Objects, Handles, Hang, NoStart, Broken, Pages, Held };

struct HOSTILE_SEEN {
    LEFTOVER What;
    LONG More;     ///< so many bytes, pages, objects, handles more than before; NoStart: the status
    CHAR Name[32]; ///< the tag, the type, or the invariant
};
extern "C" HOSTILE_SEEN HostileSeen;

constexpr ULONG STOCK_TYPES = 48;

/// Tells the host. @returns false
bool SayLeftover(LEFTOVER what, LONG more, const char* name, ULONG length);

/// What the system has at a moment.
struct STOCK {
    LONG Bytes[POOL_TRACK_ROWS]; ///< of each tag, in both pools
    LONG Commitment;
    LONG Objects[STOCK_TYPES], Handles[STOCK_TYPES]; ///< by OBJECT_TYPE::Index
    LONG Pages;                                      ///< that are free

    void Take();
    /// Writes into HostileSeen what there is more of than in `before`. @returns whether there is nothing
    bool IsBackTo(const STOCK& before) const;
};

/// Processes other than the system's that exist now end, and the names go that were not there before.
class LEFTOVERS {
public:
    /// Notes what there is.
    void Begin();
    /// Kills what runs, and waits until all is as it was. @returns whether it is; else HostileSeen tells
    bool End();

private:
    void KillPrograms() const;
    STOCK m_before{};
    ULONG m_ends = 0;
};
extern LEFTOVERS Leftovers;

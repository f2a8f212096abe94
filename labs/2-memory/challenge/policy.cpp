// Your trimming policy. This one takes the page that the hand of the clock meets first, whoever uses it: better ones are easy to find.
// What each routine decides: kernel/inc/mm/trimpolicy.h. The kernel's own policy: kernel/ntos/mm/ws/agepolicy.cpp.
#include "challenge.h"

namespace {

class MyPolicy final : public MM_TRIM_POLICY {
public:
    ULONG PagesToTrim(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory, ULONG) override {
        if (memory.Available >= memory.Wanted) return 0;
        const ULONG shortage = memory.Wanted - memory.Available;
        return shortage < workingSet.WorkingSetSize ? shortage : workingSet.WorkingSetSize;
    }

    bool MayTake(const MMSUPPORT&, ULONG, ULONG) override { return true; }

    ULONG EntriesToAge(const MMSUPPORT&, const MM_MEMORY_STATE&) override { return 0; }

    ULONG AgeAfterLook(const MMSUPPORT&, ULONG age, bool) override { return age; }

    bool IsClaimed(const MMSUPPORT&, ULONG) override { return false; }
};

MyPolicy Mine;

} // namespace

MM_TRIM_POLICY& ChallengePolicy() { return Mine; }

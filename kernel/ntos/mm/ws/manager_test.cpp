// The working set manager: who is asked first, how far it goes, and a working set that is deleted meanwhile.
// PFN-14
#include "fakeset.h"
#include "ke.h"
#include "machine.h"
#include "mm/ws/trim.h"
#include "waits.h"

#include <array>

namespace {

MM_MEMORY_STATE Memory;
MM_MEMORY_STATE Ask() { return Memory; }

/// Three working sets of 10, 20 and 30 pages.
class ManagerTest : public host::KernelTest {
protected:
    void Start() {
        MiInitializeWorkingSetManager();
        Memory = {100, 100};
        for (ULONG i = 0; i < sets.size(); i++) {
            for (ULONG page = 0; page < 10 * (i + 1); page++)
                sets[i].Add(page);
            sets[i].Entered = [this, i] { entered += std::to_string(i); };
            MiLinkWorkingSet(&sets[i].Set);
        }
    }
    /// How many pages each has.
    [[nodiscard]] std::array<ULONG, 3> Sizes() const {
        return {sets[0].Set.WorkingSetSize, sets[1].Set.WorkingSetSize, sets[2].Set.WorkingSetSize};
    }

    std::array<host::FakeSet, 3> sets;
    std::string entered;
};

} // namespace

// PFN-14
TEST_F(ManagerTest, EachSecondAllAgeAndNobodyIsTrimmedWithoutNeed) {
    Run([&] {
        Start();
        EXPECT_EQ(MiManageWorkingSets(false, Ask), 0u);
        EXPECT_EQ(entered, "");
        for (int second = 0; second < 4; second++)
            EXPECT_EQ(MiManageWorkingSets(true, Ask), 0u);
        EXPECT_EQ(entered, "012012012012");
        EXPECT_EQ(Sizes(), (std::array{10u, 20u, 30u}));
        EXPECT_GT(sets[2].Set.Claim, 0u);
    });
}

// PFN-14
TEST_F(ManagerTest, ShortageTakesPassByPassUntilThereIsEnough) {
    Run([&] {
        Start();
        for (host::FakeSet& set : sets)
            MiAgeWorkingSet(&set.Set, 100); // all pages have age 1, no working set claims any
        sets[0].Set.MinimumWorkingSetSize = 4;
        Memory = {90, 100};
        EXPECT_EQ(MiManageWorkingSets(false, Ask), 6u + 10u + 10u + 10u + 10u) << "it stays short";
        EXPECT_EQ(entered, "012012012012");
        EXPECT_EQ(Sizes(), (std::array{4u, 0u, 10u}));
    });
}

// PFN-14
TEST_F(ManagerTest, StopsOnceThereIsEnoughAndPassesOverBusyOnes) {
    Run([&] {
        Start();
        for (host::FakeSet& set : sets)
            MiAgeWorkingSet(&set.Set, 100);
        Memory = {95, 100};
        sets[1].Entered = [&] {
            entered += "1";
            Memory.Available = 100; // enough, once the first one has given its part
        };
        EXPECT_EQ(MiManageWorkingSets(false, Ask), 0u) << "nothing is old enough in the first pass";
        EXPECT_EQ(entered, "012");
        machine->Tick(300);
        Memory = {95, 100};
        sets[0].Busy = true;
        EXPECT_EQ(MiManageWorkingSets(false, Ask), 0u);
        EXPECT_EQ(entered, "01212") << "the busy one is passed over";
    });
}

// PFN-14
TEST_F(ManagerTest, DeletionWaitsForTheManager) {
    Run([&] {
        Start();
        bool unlinked = false;
        sets[1].Entered = [&] {
            machine->Spawn(9, [&] { // runs at once: 9 is above 8
                MiUnlinkWorkingSet(&sets[1].Set);
                unlinked = true;
            });
            EXPECT_FALSE(unlinked);
            EXPECT_EQ(sets[1].Set.Flags.BeingTrimmed, 1u);
        };
        EXPECT_EQ(MiManageWorkingSets(true, Ask), 0u);
        EXPECT_TRUE(unlinked);
        EXPECT_EQ(sets[1].Set.Flags.Linked, 0u);
        sets[1].Entered = [] { ADD_FAILURE() << "it is off the list"; };
        EXPECT_EQ(MiManageWorkingSets(true, Ask), 0u);
        EXPECT_EQ(entered, "0202");
        MiUnlinkWorkingSet(&sets[0].Set);
        MiUnlinkWorkingSet(&sets[2].Set);
        EXPECT_EQ(MiManageWorkingSets(true, Ask), 0u);
    });
}

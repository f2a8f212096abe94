// The database at boot: what the loader's map says about each frame.
#include "pagetest.h"

using PfnInitTest = host::PageTest;
using namespace host;

// PFN-01, PFN-02
TEST_F(PfnInitTest, EachFrameOfTheLoadersMapHasItsState) {
    RunLocked([&] {
        EXPECT_EQ(MiDatabasePages, 159u + 4 + 52 + 1 + 6);
        EXPECT_EQ(MmFreePageListHead.Total, FreeFrames);
        EXPECT_EQ(MmAvailablePages, FreeFrames);
        for (PFN_NUMBER frame : {0u, 200u, Hole})
            EXPECT_TRUE(MiPfnElement(frame)->e1.Rom) << frame;
        for (PFN_NUMBER frame : {1u, 159u, 256u, 259u, PteFrame}) {
            EXPECT_EQ(State(frame), ActiveAndValid) << frame;
            EXPECT_EQ(MiPfnElement(frame)->u2.ShareCount, 1u);
            EXPECT_EQ(MiPfnElement(frame)->ReferenceCount, 1u);
        }
        for (PFN_NUMBER frame : {FirstFree, 311u, 314u, 319u})
            EXPECT_EQ(State(frame), FreePageList) << frame;
    });
}

// PFN-10
TEST_F(PfnInitTest, ADefectivePageIsOnTheBadListAndIsNeverGivenOut) {
    RunLocked([&] {
        EXPECT_EQ(List(BadPageList), std::vector<PFN_NUMBER>{BadFrame});
        for (PFN_NUMBER frame; (frame = MiRemoveAnyPage()) != MM_EMPTY_LIST;) {
            EXPECT_NE(frame, BadFrame);
            MiInitializeSystemPfn(frame);
        }
        EXPECT_EQ(MmAvailablePages, 0u);
    });
}

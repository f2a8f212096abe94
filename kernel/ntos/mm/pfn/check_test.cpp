// MiCheckPfnDatabase: each rule is seen broken.
#include "pagetest.h"

using PfnCheckTest = host::PageTest;
using namespace host;

// PFN-01, PFN-02
TEST_F(PfnCheckTest, EachKindOfDamageIsFound) {
    RunLocked([&] {
        const PFN_NUMBER active = Use(0), standby = Use(1), modified = Use(2, true);
        Trim(1);
        Trim(2);
        const auto expect = [](const std::string& rule) {
            const MI_PFN_CHECK found = MiCheckPfnDatabase();
            EXPECT_NE(std::string(found.Broken ? found.Broken : "all hold").find(rule), std::string::npos)
                << "expected: " << rule << "\nseen: " << (found.Broken ? found.Broken : "all hold");
        };
        const auto damaged = [&](auto& field, auto value, const std::string& rule) {
            const auto old = field;
            field = value;
            expect(rule);
            field = old;
        };
        MMPFN* const third = MiPfnElement(FirstFree + 5);
        damaged(third->u2.Blink, 299u, "Blink does not lead back");
        damaged(third->u1.Flink, 100'000u, "does not exist");
        damaged(third->u1.Flink, MM_EMPTY_LIST, "Blink is not its last page");
        damaged(third->ReferenceCount, USHORT(1), "has a reference");
        damaged(MmFreePageListHead.Total, MmFreePageListHead.Total - 1, "more pages than its Total");
        damaged(MmFreePageListHead.Total, MmFreePageListHead.Total + 1, "fewer pages than its Total");
        damaged(MiDatabasePages, 5u, "lost");
        const PFN_NUMBER available = MmAvailablePages;
        MmAvailablePages = available + 1;
        expect("MmAvailablePages");
        MmAvailablePages = available;
        damaged(MiPfnElement(active)->u2.ShareCount, 0u, "no PTE shares");
        damaged(MiPfnElement(active)->ReferenceCount, USHORT(0), "without a reference");
        damaged(MiPfnElement(standby)->PteAddress, static_cast<MMPTE*>(nullptr), "has no PTE");
        damaged(Pte(1)->Long, 0u, "does not name the page");
        MiPfnElement(modified)->e1.Modified = 0;
        expect("Modified and the list");
        MiPfnElement(modified)->e1.Modified = 1;
        MiPfnElement(active)->e1.PageLocation = FreePageList;
        expect("reference");
        MiPfnElement(active)->e1.PageLocation = ActiveAndValid;
        expect("all hold");
    });
}

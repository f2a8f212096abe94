// A seeded random walk over the page frame number database, beside a model that knows pages as plain values and lists as
// plain sequences. After each step both must agree, and the invariants must hold.
#include "pagetest.h"

#include <algorithm>
#include <map>
#include <random>

using PfnWalkTest = host::PageTest;
using namespace host;

namespace {

constexpr ULONG Ptes = 24;
constexpr int Steps = 6'000;

/// A page as the model knows it.
struct Page {
    MMLISTS State = FreePageList;
    ULONG Shares = 0, References = 0;
    int Pte = -1;
    bool Modified = false, Prototype = false, NoWrite = false, Deleted = false, Reading = false, Writing = false;
};

class Model {
public:
    std::map<PFN_NUMBER, Page> Pages;
    std::vector<PFN_NUMBER> Lists[NUMBER_OF_PAGE_LISTS];

    PFN_NUMBER Take(std::initializer_list<MMLISTS> order) {
        for (MMLISTS list : order) {
            if (Lists[list].empty()) continue;
            const PFN_NUMBER frame = Lists[list].front();
            Leave(frame);
            Pages[frame] = {};
            return frame;
        }
        return MM_EMPTY_LIST;
    }
    void Leave(PFN_NUMBER frame) {
        auto& list = Lists[Pages[frame].State];
        list.erase(std::find(list.begin(), list.end(), frame));
    }
    void Enter(PFN_NUMBER frame, MMLISTS list) {
        Pages[frame].State = list;
        Lists[list].push_back(frame);
    }
    void Free(PFN_NUMBER frame) {
        Pages[frame] = {};
        Enter(frame, FreePageList);
    }
    void DropReference(PFN_NUMBER frame) {
        Page& page = Pages[frame];
        if (--page.References != 0) {
            if (page.Shares == 0) page.State = TransitionPage;
        } else if (page.Deleted) {
            Free(frame);
        } else {
            Enter(frame, !page.Modified ? StandbyPageList : page.NoWrite ? ModifiedNoWritePageList : ModifiedPageList);
        }
    }
    void DropShare(PFN_NUMBER frame) {
        if (--Pages[frame].Shares == 0) DropReference(frame);
    }
    void Reference(PFN_NUMBER frame) {
        Page& page = Pages[frame];
        if (page.References++ == 0) {
            Leave(frame);
            page.State = TransitionPage;
        }
    }
    bool OnList(PFN_NUMBER frame) { return Pages[frame].References == 0; }
};

/// One walk: each step does the same to the database and to the model.
class Walk : public PageTest {
public:
    explicit Walk(ULONG seed) : m_random(seed) {}
    void TestBody() override {}

    void Begin() {
        for (PFN_NUMBER frame : List(FreePageList))
            m_model.Enter(frame, FreePageList);
    }
    void Step() {
        switch (Below(12)) {
        case 0:
        case 1: return Fault();
        case 2: return Read();
        case 3:
        case 4: return WithPage(&Walk::TrimPage);
        case 5: return WithPage(&Walk::SoftFault);
        case 6: return WithPage(&Walk::Lock);
        case 7: return WithPage(&Walk::Unlock);
        case 8: return WithPage(&Walk::BeginWrite);
        case 9: return WithPage(&Walk::EndIo);
        case 10: return WithPage(&Walk::Delete);
        default: return Below(4) ? Zero() : Contiguous();
        }
    }
    void Compare(int step) {
        for (ULONG list = 0; list < NUMBER_OF_PAGE_LISTS; list++) {
            if (list == BadPageList) continue;
            ASSERT_EQ(List(MMLISTS(list)), m_model.Lists[list]) << "list " << list << ", step " << step;
        }
        for (const auto& [frame, page] : m_model.Pages) {
            const MMPFN* const pfn = MiPfnElement(frame);
            ASSERT_EQ(State(frame), page.State) << "frame " << frame << ", step " << step;
            ASSERT_EQ(ULONG(pfn->ReferenceCount), page.References) << "frame " << frame << ", step " << step;
            if (page.References) ASSERT_EQ(pfn->u2.ShareCount, page.Shares) << "frame " << frame << ", step " << step;
        }
        const MI_PFN_CHECK found = MiCheckPfnDatabase();
        ASSERT_EQ(found.Broken, nullptr) << found.Broken << ", frame " << found.Frame << ", step " << step;
    }
    /// Pages that have been in each state; a walk that has not seen one proves nothing of it.
    ULONG Seen[NUMBER_OF_PAGE_STATES] = {};
    void Count() {
        for (const auto& entry : m_model.Pages)
            Seen[entry.second.State]++;
    }

private:
    ULONG Below(ULONG bound) { return ULONG(m_random() % bound); }

    int FreePte() {
        for (ULONG i = 0, at = Below(Ptes); i < Ptes; i++, at++)
            if (MiPteKind(*Pte(at % Ptes)) == MI_PTE_KIND::DemandZero) return int(at % Ptes);
        return -1;
    }
    void Fault() {
        const int pte = FreePte();
        if (pte < 0) return;
        const bool zeros = Below(2);
        bool zeroed = false;
        const PFN_NUMBER frame = zeros ? MiRemoveZeroPage(&zeroed) : MiRemoveAnyPage();
        ASSERT_EQ(zeroed, zeros && !m_model.Lists[ZeroedPageList].empty());
        const PFN_NUMBER expected = zeros ? m_model.Take({ZeroedPageList, FreePageList, StandbyPageList})
                                          : m_model.Take({FreePageList, ZeroedPageList, StandbyPageList});
        ASSERT_EQ(frame, expected);
        if (frame == MM_EMPTY_LIST) return;
        Page& page = m_model.Pages[frame];
        page = {ActiveAndValid, 1, 1, pte, Below(2) != 0, Below(3) == 0, Below(4) == 0};
        MiInitializePfn(frame, Pte(ULONG(pte)), page.Modified);
        MiPfnElement(frame)->e1.NoModifiedWrite = page.NoWrite;
        MiPfnElement(frame)->e1.PrototypePte = page.Prototype;
        Pte(ULONG(pte))->Long = frame << PAGE_SHIFT | 7;
        for (ULONG more = page.Prototype ? Below(3) : 0; more; more--) {
            MiIncrementShareCount(frame);
            page.Shares++;
        }
    }
    void Read() {
        const int pte = FreePte();
        if (pte < 0) return;
        const PFN_NUMBER frame = MiRemoveAnyPage();
        ASSERT_EQ(frame, m_model.Take({FreePageList, ZeroedPageList, StandbyPageList}));
        if (frame == MM_EMPTY_LIST) return;
        MiBeginPageRead(frame, Pte(ULONG(pte)), this);
        *Pte(ULONG(pte)) = MiMakeTransitionPte(frame, MM_READWRITE);
        m_model.Pages[frame] = {TransitionPage, 0, 1, pte, false, false, false, false, true};
    }
    void WithPage(void (Walk::*act)(PFN_NUMBER, Page&)) {
        std::vector<PFN_NUMBER> used;
        for (const auto& [frame, page] : m_model.Pages)
            if (page.Pte >= 0) used.push_back(frame);
        if (used.empty()) return;
        const PFN_NUMBER frame = used[Below(ULONG(used.size()))];
        (this->*act)(frame, m_model.Pages[frame]);
    }
    void TrimPage(PFN_NUMBER frame, Page& page) {
        if (page.State != ActiveAndValid) return;
        if (Below(3) == 0) {
            MMPTE dirty = *Pte(ULONG(page.Pte));
            dirty.Hard.Dirty = 1;
            MiCaptureDirtyBit(frame, dirty);
            page.Modified = true;
        }
        if (!page.Prototype) *Pte(ULONG(page.Pte)) = MiMakeTransitionPte(frame, MM_READWRITE);
        MiDecrementShareCount(frame);
        m_model.DropShare(frame);
    }
    void SoftFault(PFN_NUMBER frame, Page& page) {
        if (page.State == ActiveAndValid || page.Deleted || page.Reading) return;
        if (m_model.OnList(frame)) m_model.Leave(frame);
        MiReactivatePfn(frame);
        Pte(ULONG(page.Pte))->Long = frame << PAGE_SHIFT | 7;
        page.State = ActiveAndValid;
        page.Shares = 1;
        page.References++;
    }
    void Lock(PFN_NUMBER frame, Page& page) {
        if (page.References > 5) return;
        MiIncrementReferenceCount(frame);
        m_model.Reference(frame);
    }
    void Unlock(PFN_NUMBER frame, Page& page) {
        const ULONG held = (page.Shares ? 1u : 0u) + page.Reading + page.Writing;
        if (page.References <= held) return;
        MiDecrementReferenceCount(frame);
        m_model.DropReference(frame);
    }
    void BeginWrite(PFN_NUMBER frame, Page& page) {
        if (!page.Modified || page.Writing || page.Reading || page.Deleted) return;
        MiBeginPageWrite(frame);
        m_model.Reference(frame);
        page.Writing = true;
        page.Modified = false;
    }
    void EndIo(PFN_NUMBER frame, Page& page) {
        const bool fails = Below(4) == 0;
        if (page.Writing) {
            page.Writing = false;
            page.Modified |= fails;
            MiEndPageWrite(frame, fails ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS);
        } else if (page.Reading) {
            page.Reading = false;
            MiEndPageRead(frame, STATUS_SUCCESS); // a failed one has a test of its own
            MiDecrementReferenceCount(frame);
        } else {
            return;
        }
        m_model.DropReference(frame);
    }
    void Delete(PFN_NUMBER frame, Page& page) {
        if (page.Deleted || page.Reading || page.Shares > 1) return;
        const int pte = page.Pte;
        MiDeletePfn(frame);
        Pte(ULONG(pte))->Long = 0;
        Pte(ULONG(pte))->Soft.Protection = MM_READWRITE;
        page.Deleted = true;
        if (page.References == 0) {
            m_model.Leave(frame);
            m_model.Free(frame);
        } else if (page.Shares) {
            m_model.DropShare(frame);
        }
    }
    void Zero() {
        const PFN_NUMBER frame = MiRemovePageFromList(&MmFreePageListHead);
        ASSERT_EQ(frame, m_model.Take({FreePageList}));
        if (frame == MM_EMPTY_LIST) return;
        MiInsertPageInList(&MmZeroedPageListHead, frame);
        m_model.Enter(frame, ZeroedPageList);
    }
    void Contiguous() {
        const ULONG count = 1 + Below(4);
        const PFN_NUMBER first = MiFindContiguousPages(0, MmHighestPhysicalPage, 4, count);
        PFN_NUMBER expected = MM_EMPTY_LIST;
        for (PFN_NUMBER frame = FirstFree; frame + count <= Frames; frame++) {
            bool usable = frame / 4 == (frame + count - 1) / 4;
            for (ULONG i = 0; i < count; i++)
                usable = usable && m_model.Pages.count(frame + i) && m_model.Pages[frame + i].State <= StandbyPageList;
            if (usable) expected = frame;
        }
        ASSERT_EQ(first, expected);
        if (first == MM_EMPTY_LIST) return;
        for (PFN_NUMBER frame = first; frame < first + count; frame++) {
            m_model.Leave(frame);
            m_model.Free(frame);
            MiDeletePfn(frame);
        }
    }

    std::mt19937 m_random;
    Model m_model;
};

} // namespace

// PFN-01, PFN-02
TEST_F(PfnWalkTest, AnySequenceOfStepsAgreesWithTheModel) {
    Walk walk(Seed());
    RunLocked([&] {
        // Fewer pages than PTEs, so that standby pages are taken, too.
        while (MmAvailablePages > 16)
            MiInitializeSystemPfn(MiRemoveAnyPage());
        walk.Begin();
        for (int step = 0; step < Steps && !HasFatalFailure(); step++) {
            walk.Step();
            walk.Compare(step);
            walk.Count();
        }
        for (ULONG state = 0; state < NUMBER_OF_PAGE_STATES; state++)
            if (state != BadPageList) EXPECT_NE(walk.Seen[state], 0u) << "no page was ever in state " << state;
    });
}

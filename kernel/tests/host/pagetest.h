// A machine's memory for tests of the page frame number database: pages of the host, and a loader's map of them.
//
//   frame 0        firmware            256..259  the kernel          312  defective
//   1..159         free, low           260..311  free                313  a hole
//   160..255       ROM                                               314..319  free
//
// Frame 260 is taken for page tables: its PTEs are where a test's PTEs live.
#pragma once

#include "ldr.h"
#include "machine.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

#include <vector>

namespace host {

constexpr PFN_NUMBER Frames = 320, FirstFree = 261, PteFrame = 260, BadFrame = 312, Hole = 313;
constexpr ULONG FreeFrames = 51 + 6;

/// A test on such a machine. Bodies run with MmPfnLock held, but where they say RunUnlocked.
class PageTest : public KernelTest {
protected:
    PageTest();
    void RunLocked(const std::function<void()>& body);
    void RunUnlocked(const std::function<void()>& body, ULONG processors = 1);
    /// The test runs on, and a broken assertion whose expression contains `text` is expected.
    void RunLockedUntilAssertion(const std::string& text, const std::function<void()>& body);

    /// Fills the database anew.
    static void Initialize();
    /// A PTE of the test's own; all are in PteFrame, and demand zero for reading and writing at first.
    static MMPTE* Pte(ULONG index);
    /// A page in use by a private PTE.
    static PFN_NUMBER Use(ULONG pteIndex, bool modified = false);
    /// A page in use by a prototype PTE that `shares` PTEs of processes refer to.
    static PFN_NUMBER UsePrototype(ULONG pteIndex, ULONG shares);
    /// The page leaves the working set of its only process.
    static void Trim(ULONG pteIndex);
    /// The frames of a list, from its front.
    static std::vector<PFN_NUMBER> List(MMLISTS list);
    static MMLISTS State(PFN_NUMBER frame) { return MMLISTS(MiPfnElement(frame)->e1.PageLocation); }
    /// The database is as it must be.
    static void Check();
};

/// The bytes of a page.
UCHAR* PageOf(PFN_NUMBER frame);
/// What was given to MiReleasePageOfPageFile.
extern std::vector<ULONG> ReleasedPageFileSpace;
/// Called by MiZeroPhysicalPage before it writes.
extern std::function<void(PFN_NUMBER)> BeforeZeroing;

} // namespace host

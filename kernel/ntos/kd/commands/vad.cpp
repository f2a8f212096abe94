// vad: the ranges of a process's user space, in the order of their addresses.
//
// Copies first, printing afterwards: printing is slow, and a page fault waits for the lock.
// In the books: "virtual address descriptors", the !vad extension. TOL-06, POL-06
#include "kd/commands.h"
#include "kd/processview.h"
#include "mm/vad.h"
#include "nt/list.h"

namespace {

constexpr ULONG MOST_RANGES = 256;
constexpr ULONG MOST_LEVELS = 32; ///< a higher tree is damaged

/// A range as it was, and how deep in the tree.
struct COPY {
    const void* Address;
    MMADDRESS_NODE Node;
    MMVAD_FLAGS Flags;
    ULONG Level;
};
COPY Ranges[MOST_RANGES]; ///< the monitor is used by one person at a time
ULONG Count;

void Copy(const MMADDRESS_NODE* node, ULONG level) {
    if (!node || level == MOST_LEVELS) return;
    Copy(node->LeftChild, level + 1);
    if (Count < MOST_RANGES) Ranges[Count++] = {node, *node, CONTAINING_RECORD(node, const MMVAD, Node)->Flags, level};
    Copy(node->RightChild, level + 1);
}

PCSTR Kind(const MMVAD_FLAGS& flags) {
    if (flags.VadType == VadUserStack) return "stack";
    if (flags.PrivateMemory) return "private";
    return flags.VadType == VadImageMap ? "image" : "view";
}

} // namespace

KD_COMMAND(vad, "[process]", "ranges of a process's user space: what is reserved, committed, mapped") {
    EPROCESS* const process = KdpNextProcess(session);
    if (!process) return;
    MM_ADDRESS_SPACE& space = process->AddressSpace;
    ULONG all;
    {
        KdpMutex guard(session, space.AddressCreationLock);
        Count = 0;
        all = space.VadRoot.NumberOfNodes;
        Copy(space.VadRoot.Root, 0);
    }
    session.Print("%s: %u ranges, %u KB, %u pages committed\n", process->ImageFileName, all,
                  ULONG(space.VirtualSize / 1024), ULONG(space.CommitCharge));
    if (Count != 0) session.Print("level  VAD       first     last       pages  commit  kind     protection\n");
    for (ULONG i = 0; i < Count && !session.HasEnough(); i++) {
        const COPY& range = Ranges[i];
        session.Print(
            "%5u  %p  %08x  %08x  %6u  ", range.Level, range.Address, ULONG(range.Node.StartingVpn * PAGE_SIZE),
            ULONG(range.Node.EndingVpn * PAGE_SIZE + PAGE_SIZE - 1), range.Node.EndingVpn - range.Node.StartingVpn + 1);
        if (range.Flags.CommitCharge == MM_MAX_COMMIT) {
            session.Print("%6s", "-");
        } else {
            session.Print("%6u", ULONG(range.Flags.CommitCharge));
        }
        session.Print("  %-7s  %s%s\n", Kind(range.Flags), KdpProtectionName(range.Flags.Protection),
                      range.Flags.LockedRange ? ", locked" : "");
    }
    if (Count < all) session.Print("%u of %u ranges shown\n", Count, all);
}

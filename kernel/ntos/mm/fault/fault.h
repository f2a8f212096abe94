// Page faults: which kinds there are, and the routine of each.
//
// The processor could not use an address; MmAccessFault (access.cpp) finds out why and what to do. What a fault is follows
// from its range and its page table entry (decide.cpp). The routine of that kind brings the page, or says what
// exception the thread gets.
//
//     MmAccessFault --> MiDecideFault --> DemandZero  demandzero.cpp     GuardPage    guard.cpp
//                                         Transition  transition.cpp     CopyOnWrite  copyonwrite.cpp
//                                         PageFile    pagein.cpp         Prototype    proto.cpp
//
// The routine of a kind is called with the WorkingSetMutex held and MmPfnLock free, at APC_LEVEL, in the address space of the
// fault. It returns with the mutex held, whatever it returns:
//   STATUS_PAGE_FAULT_*  the entry is valid: the instruction is repeated
//   STATUS_RETRY         it has released the mutex in between, or the entry has changed: decide again
//   STATUS_NO_MEMORY     no page is at hand, and nothing has changed. MmAccessFault releases the mutex, waits for pages
//                        and decides again. A thread that holds a lock never waits for pages
//   an error             the exception that the thread gets; one that is no exception's own code becomes
//                        STATUS_IN_PAGE_ERROR with it as the third parameter
// In the books: "page fault handling". MEM-05, MEM-07, ERR-10
#pragma once

#include "ke/thread.h"
#include "mm/addressspace.h"
#include "mm/faults.h"
#include "mm/i386/pte.h"
#include "mm/pfn/pfn.h"
#include "mm/vad/vad.h"
#include "ntstatus.h"

/// What is to be done about a fault.
enum class MI_FAULT_KIND : UCHAR {
    Resolved,        ///< nothing: the entry allows the access, another thread has brought the page
    DemandZero,      ///< the first use of a committed page: it gets a page of zeros
    Transition,      ///< the page is still in memory (a soft fault), or is being read
    PageFile,        ///< it is on a page file
    Prototype,       ///< its prototype PTE knows
    CopyOnWrite,     ///< a write to a page that is shared until then
    GuardPage,       ///< the first use of a guard page
    AccessViolation, ///< nothing is there, or it may not be used so
};

/// A fault, as far as it is understood.
struct MI_FAULT {
    PVOID VirtualAddress;
    PVOID TrapInformation; ///< KTRAP_FRAME; nullptr: a routine of the memory manager needs the page
    bool Write;
    KPROCESSOR_MODE PreviousMode;
    MM_ADDRESS_SPACE* Space; ///< nullptr: an address of system space
    MMSUPPORT* WorkingSet;   ///< that the page comes into
    MMVAD* Vad;              ///< the range; nullptr in system space
    MMPTE* Pte;              ///< its page table exists
    ULONG Protection;        ///< MM_PROTECTION of the page
};

/// Which kind of fault, and the page's protection.
struct MI_FAULT_DECISION {
    MI_FAULT_KIND Kind;
    ULONG Protection;
};

/// Decides what a fault in the user's half is, by nothing but these. @param vad nullptr: no range holds the address. @param pte
/// 0 if there is no page table.
MI_FAULT_DECISION MiDecideFault(const MMVAD* vad, MMPTE pte, bool write);

// ---- the kinds

/// demandzero.cpp
NTSTATUS MiResolveDemandZeroFault(MI_FAULT& fault);
/// transition.cpp. A page that is being read is waited for (MiWaitForPageRead).
NTSTATUS MiResolveTransitionFault(MI_FAULT& fault);
/// guard.cpp. Post: the page is a guard page no longer. @returns STATUS_GUARD_PAGE_VIOLATION; STATUS_PAGE_FAULT_GUARD_PAGE: a stack
/// has grown; STATUS_STACK_OVERFLOW
NTSTATUS MiResolveGuardFault(MI_FAULT& fault);
/// A stack has grown: if the page is the one below NT_TIB::StackLimit of the thread's TEB, the limit moves there: userstack.cpp. No mutex is
/// held. @param address in the page that can be used now
void MiTellStackLimit(const KTHREAD* thread, PVOID address);
/// system.cpp: a fault on an address of system space, at any IRQL. @returns STATUS_SUCCESS; STATUS_ACCESS_VIOLATION: user mode's;
/// else the system stops: ATTEMPTED_WRITE_TO_READONLY_MEMORY, IRQL_NOT_LESS_OR_EQUAL, PAGE_FAULT_IN_NONPAGED_AREA
NTSTATUS MiResolveSystemFault(PVOID address, bool write, KPROCESSOR_MODE previousMode, PVOID trapInformation);
/// systempage.cpp: whether a page of system space may be one that leaves memory.
bool MiIsPageable(const volatile void* address);
/// Brings the page of such an address into the system's working set. @returns STATUS_SUCCESS, STATUS_PAGE_FAULT_*; STATUS_NOT_FOUND: no
/// page is there. A page that cannot be read stops the system: KERNEL_DATA_INPAGE_ERROR. @irql <= APC_LEVEL
NTSTATUS MiResolvePageableFault(PVOID address, bool write, PVOID trapInformation);
/// pagein.cpp: brings a page from a page file. *Pte is of the kind PageFile.
NTSTATUS MiResolvePageFileFault(MI_FAULT& fault);
/// proto.cpp: maps a page of a section. *Pte is 0 or of the kind Prototype.
NTSTATUS MiResolveProtoPteFault(MI_FAULT& fault);
/// copyonwrite.cpp: gives the process a copy of its own. *Pte is valid with Hard.CopyOnWrite; TLBs may know it.
NTSTATUS MiResolveCopyOnWriteFault(MI_FAULT& fault);

// ---- a page that is being read: inpage.cpp

struct MI_IN_PAGE;
/// Counts a thread that will wait until a page has been read. Pre: ReadInProgress.
MI_IN_PAGE* MiJoinPageRead(MMPFN* pfn) REQUIRES_PFN_LOCK;
/// Releases the mutex, waits until the read has ended, and acquires the mutex again.
/// @returns STATUS_RETRY, or why the read has failed
NTSTATUS MiWaitForPageRead(MI_FAULT& fault, MI_IN_PAGE* read);

// ---- a page of a section that is not in memory: protoread.cpp

struct SUBSECTION;
/// Reads the page of a prototype PTE, which names a subsection or a place on a page file. @param subsection that it belongs to.
/// @returns STATUS_RETRY: it is in memory now, or was; STATUS_NO_MEMORY; why it could not be read
NTSTATUS MiReadPrototypePage(MI_FAULT& fault, SUBSECTION* subsection, MMPTE* prototype);

// ---- entries of pages of sections that go: proto.cpp

/// Trims a page whose valid PTE has Hard.Prototype set: *pte gets the form that leads to its prototype PTE, then all TLBs forget
/// it, then the page is shared once less. The caller releases the working set entry. @returns false: it cannot go now
bool MiTrimProtoPte(MMSUPPORT* workingSet, MMPTE* pte, ULONG protection);
/// Deletes an entry of the kind Prototype, or a valid one with Hard.Prototype, whose working set entry is released already.
/// @param after what *pte is then
void MiDeleteProtoPte(MMPTE* pte, MMPTE after);
/// A share of a page of a section, for an entry outside of any working set. @param pte it becomes valid. @param[out] frame the page.
/// @param[out] first whether nobody else has it. @param[out] read not nullptr: the page is being read, wait for it
/// (MiWaitForPageRead). @returns STATUS_PAGE_FAULT_*: the caller has the share; STATUS_RETRY; STATUS_NO_MEMORY; STATUS_NOT_FOUND: it is
/// not in memory (MiReadPrototypePage); STATUS_ACCESS_VIOLATION: there is no such page
NTSTATUS MiTakePrototypeShare(MMPTE* prototype, const MMPTE* pte, PFN_NUMBER* frame, bool* first, MI_IN_PAGE** read);
/// Gives it back. @param old what the entry was when it was valid; no processor knows it any more.
void MiReleasePrototypeShare(const MMPTE* pte, MMPTE old);
/// The MM_PROTECTION of such an entry, and a new one for it.
ULONG MiProtoPteProtection(MM_ADDRESS_SPACE& space, const MMPTE* pte);
void MiSetProtoPteProtection(MM_ADDRESS_SPACE& space, MMPTE* pte, ULONG protection);

// ---- entries of private pages that change without a fault. In their address space, with the WorkingSetMutex

/// trimpage.cpp: takes a private page out of its page table. *pte is valid; it becomes the transition form with this protection. The
/// caller releases the working set entry. Post: no processor knows the page; it is on the standby or the modified list, or in
/// transition while something refers to it.
void MiTrimPte(MMPTE* pte, ULONG protection);
/// deletepage.cpp: gives back what an entry holds (a page and its working set entry, or space of a page file).
/// @param after what it is then; it holds no page. @param deleted frees the page, once the processors have forgotten it
class MI_DELETED_PAGES;
void MiDeletePte(MM_ADDRESS_SPACE& space, MMPTE* pte, MMPTE after, MI_DELETED_PAGES& deleted);
/// protectpage.cpp: the MM_PROTECTION of an entry that holds a page, or knows where it is.
ULONG MiPteProtection(MM_ADDRESS_SPACE& space, const MMPTE* pte);
/// Changes it. Post: no processor uses the old one; a page that may not be used at once (guard, no access) is in transition.
void MiProtectPte(MM_ADDRESS_SPACE& space, MMPTE* pte, ULONG protection);

// ---- what every kind needs: validpte.cpp

/// @returns the WsIndex of an active page: where its working set entry may be. MmPfnLock is not needed: a caller has to look whether it
/// is that entry anyway (MiLocateWsle), for a shared page has one in each process.
ULONG MiWsIndexOf(PFN_NUMBER frame);
/// Whether a fault may take an available page. The last few are left to those who make pages available.
bool MiMayTakePage() REQUIRES_PFN_LOCK;
/// The valid form of an entry. @param protection a usable one; a copy-on-write one gives an entry that is read-only, with CopyOnWrite.
/// @param pte the entry: whose half it belongs to says who may use the page. Post: Accessed; Dirty is clear.
MMPTE MiMakeValidPte(PFN_NUMBER frame, ULONG protection, const MMPTE* pte);
/// Gives an active page an entry of the fault's working set and makes *fault.Pte valid. @param direct whether the page's WsIndex
/// is to be that entry: it is private, or no other working set has it. @returns false: there is no room for the entry;
/// nothing has changed
bool MiMapFaultedPage(MI_FAULT& fault, PFN_NUMBER frame, MMPTE valid, bool direct);

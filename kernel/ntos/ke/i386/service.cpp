// The tables of system services, and what a service leaves behind.
//
// service.S and servicecall.S have the calls themselves. The first table is made of kernel/services/services.def; the others are empty until a driver
// registers one, as the windowing subsystem does with the second.
// Locks: none; a table is registered before a thread can use it. IRQL: PASSIVE_LEVEL.
// In the books: "system service dispatching". TRP-03, TRP-04
#include "ke/i386/asmoffsets.h"
#include "ki386.h"
#include "ke/service.h"
#include "rtl/useraccess.h"

extern "C" {
extern const ULONG_PTR KiServiceTable[];
extern const UCHAR KiArgumentTable[];
extern const ULONG KiServiceLimit;
extern const UCHAR KiFastCallEntry[], KiFastCallEntryStepped[];

KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[NUMBER_SERVICE_TABLES];
ULONG_PTR KiFastSystemCallRet; // shared: KeSetUserEntryPoints writes it before the first thread uses it
}

KUSER_ENTRY_POINTS KiUserEntryPoints; // shared: as KiFastSystemCallRet

static_assert(sizeof(KSERVICE_TABLE_DESCRIPTOR) == 1 << (12 - SERVICE_TABLE_SHIFT));
static_assert(SERVICE_TABLE_MASK == (NUMBER_SERVICE_TABLES - 1) * sizeof(KSERVICE_TABLE_DESCRIPTOR));
static_assert(offsetof(KSERVICE_TABLE_DESCRIPTOR, Base) == SERVICE_BASE);
static_assert(offsetof(KSERVICE_TABLE_DESCRIPTOR, Limit) == SERVICE_LIMIT);
static_assert(offsetof(KSERVICE_TABLE_DESCRIPTOR, Number) == SERVICE_NUMBERS);
static_assert(offsetof(KTHREAD, TrapFrame) == THREAD_TRAP_FRAME &&
              offsetof(KTHREAD, PreviousMode) == THREAD_PREVIOUS_MODE);
static_assert(offsetof(KTHREAD, CombinedApcDisable) == THREAD_COMBINED_APC_DISABLE);
static_assert(offsetof(KTHREAD, ApcStateIndex) == THREAD_APC_STATE_INDEX);
static_assert(offsetof(KTHREAD, ApcState.UserApcPending) == THREAD_USER_APC_PENDING);
static_assert(offsetof(KPCR, PrcbData) + offsetof(KPRCB, CurrentThread) == PCR_CURRENT_THREAD);
static_assert(nt::cpu::EFLAGS_TRAP == EFLAGS_TRAP_BIT && nt::cpu::EFLAGS_INTERRUPT == EFLAGS_INTERRUPT_BIT);
static_assert(static_cast<UCHAR>(UserMode) == USER_MODE);
static_assert(MM_USER_PROBE_ADDRESS == USER_PROBE_ADDRESS);
static_assert(static_cast<ULONG>(STATUS_ACCESS_VIOLATION) == STATUS_ACCESS_VIOLATION_CODE);
static_assert(static_cast<ULONG>(STATUS_INVALID_SYSTEM_SERVICE) == STATUS_INVALID_SYSTEM_SERVICE_CODE);

namespace {

constexpr ULONG CPUID_FEATURES = 1;
constexpr ULONG FEATURE_SEP = 1u << 11;
constexpr ULONG MSR_SYSENTER_CS = 0x174;
constexpr ULONG MSR_SYSENTER_ESP = 0x175;
constexpr ULONG MSR_SYSENTER_EIP = 0x176;

/// The first Pentium Pro says that it has sysenter, and has not.
bool HasFastCall() {
    const nt::cpu::CpuIdResult id = nt::cpu::CpuId(CPUID_FEATURES);
    const ULONG family = id.Eax >> 8 & 0xF, modelAndStepping = id.Eax & 0xFF;
    return (id.Edx & FEATURE_SEP) && !(family == 6 && modelAndStepping < 0x33);
}

ULONG_PTR AddressOf(const void* label) { return reinterpret_cast<ULONG_PTR>(label); }

} // namespace

void KiInitializeFastCall(const KPCR& pcr) {
    KeServiceDescriptorTable[0] = {KiServiceTable, nullptr, KiServiceLimit, KiArgumentTable};
    if (!HasFastCall()) return;
    nt::cpu::WriteMsr(MSR_SYSENTER_CS, KGDT_R0_CODE);
    nt::cpu::WriteMsr(MSR_SYSENTER_ESP, AddressOf(pcr.TSS)); // below it is room for one trap (KI_PROCESSOR)
    nt::cpu::WriteMsr(MSR_SYSENTER_EIP, AddressOf(KiFastCallEntry));
}

bool KiIsStepIntoService(KTRAP_FRAME& frame) {
    if (frame.Eip != AddressOf(KiFastCallEntry)) return false;
    frame.EFlags &= ~nt::cpu::EFLAGS_TRAP;
    frame.Eip = ULONG(AddressOf(KiFastCallEntryStepped));
    return true;
}

extern "C" {

/// From servicecall.S. @param Routine the service.
[[noreturn]] void NTAPI KiStopAfterService(ULONG_PTR Routine) {
    KTHREAD* const thread = KeGetCurrentThread();
    if (const KIRQL irql = KeGetCurrentIrql(); irql != PASSIVE_LEVEL)
        KeBugCheck2(IRQL_GT_ZERO_AT_SYSTEM_SERVICE, Routine, ULONG_PTR(irql), 0, 0, thread->TrapFrame);
    KeBugCheck2(APC_INDEX_MISMATCH, Routine, ULONG_PTR(thread->ApcStateIndex), thread->CombinedApcDisable, 0,
                thread->TrapFrame);
}

BOOLEAN NTAPI KeAddSystemServiceTable(const ULONG_PTR* Base, ULONG* Count, ULONG Limit, const UCHAR* Number,
                                      ULONG Index) {
    if (Index >= NUMBER_SERVICE_TABLES || KeServiceDescriptorTable[Index].Base) return FALSE;
    KeServiceDescriptorTable[Index] = {Base, Count, Limit, Number};
    return TRUE;
}

void NTAPI KeSetUserEntryPoints(const KUSER_ENTRY_POINTS* EntryPoints) {
    KiUserEntryPoints = *EntryPoints;
    KiFastSystemCallRet = EntryPoints->KiFastSystemCallRet;
    SharedUserData->SystemCallReturn = ULONG(EntryPoints->KiFastSystemCallRet);
    SharedUserData->SystemCall = ULONG(HasFastCall() ? EntryPoints->KiFastSystemCall : EntryPoints->KiIntSystemCall);
}
}

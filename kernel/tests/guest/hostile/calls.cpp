// Random calls of services with hostile arguments, from user mode: programs make them (kernel/tests/programs/fuzz), the kernel bears them,
// and nothing of a program is left once it is gone.
//
// Long runs are the host's: kernel/tests/python/hostile.py. TRP-04, TRP-05, TRP-06, EXC-03, PRC-12, OBJ-05
// machine: file=ntdll.dll file=fuzz.exe file=victim.exe file=orphans.exe
#include "leftovers.h"

#include "../../programs/hostilelog.h"
#include "mm/section.h"
#include "ob/sync.h"
#include "program.h"
#include "ps.h"
#include "ps/services.h"
#include "rtl/string.h"

#include "guest_main.h"

LEFTOVERS Leftovers;

namespace {

constexpr ULONG IDLE_TICKS = 12; ///< of 10 ms, without a call: the program's threads wait or are stopped

HOSTILE_LOG* Log; ///< the page that programs see, too; it stays

NTSTATUS MakeLog() {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    LARGE_INTEGER size{.QuadPart = PAGE_SIZE};
    SIZE_T bytes = 0;
    PVOID section, view = nullptr;
    HANDLE handle;
    RtlInitUnicodeString(&name, HOSTILE_LOG_NAME);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_PERMANENT, nullptr, nullptr);
    NT_TRY(MmCreateSection(&section, SECTION_ALL_ACCESS, &attributes, &size, PAGE_READWRITE, SEC_COMMIT, nullptr,
                           nullptr));
    NT_TRY(ObInsertObject(section, nullptr, SECTION_ALL_ACCESS, 1, nullptr, &handle));
    NT_TRY(MmMapViewInSystemSpace(section, &view, &bytes));
    Log = static_cast<HOSTILE_LOG*>(view);
    return ZwClose(handle);
}

/// Runs one program until it ends, or until nothing goes on in it.
bool RunProgram(ULONG seed, ULONG calls) {
    HOSTILE_LOG& log = *Log;
    log.Calls = 0;
    STARTED_PROGRAM program;
    const NTSTATUS status = program.Start(u"fuzz.exe", seed, calls);
    if (!NT_SUCCESS(status)) {
        HostileSeen = {LEFTOVER::NoStart, LONG(status), {}};
        return false;
    }
    LONG seen = 0;
    for (ULONG idle = 0; idle < IDLE_TICKS; idle++) {
        if (program.HasEnded(1)) break;
        if (log.Calls != seen) idle = 0;
        seen = log.Calls;
    }
    if (program.Kill()) return true;
    HostileSeen = {LEFTOVER::Hang, LONG(status), {}};
    return false;
}

} // namespace

extern "C" {
/// Prepares: what a first program leaves for later ones is there.
NTEXPORT void NTAPI HostileBegin() {
    if (!Log) GUEST_EQUAL(STATUS_SUCCESS, MakeLog());
    (void)KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY); // programs may choose theirs
    Leftovers.Begin();
    (void)RunProgram(0, 100);
    (void)Leftovers.End(); // caches have grown
    HostileSeen = {};
    RtlZeroMemory(Log, sizeof(HOSTILE_LOG));
    Leftovers.Begin();
}
/// One program. @returns the calls that it has made; HostileSeen tells what is wrong
NTEXPORT ULONG NTAPI HostileCalls(ULONG seed, ULONG calls) {
    HostileSeen = {};
    if (RunProgram(seed, calls)) (void)Leftovers.End();
    return ULONG(Log->Calls);
}
NTEXPORT HOSTILE_LOG* NTAPI HostileLog() { return Log; }
}

GUEST_TEST(RandomCallsLeaveNothingBehind) {
    HostileBegin();
    for (ULONG seed = 1; seed <= 6; seed++) {
        const ULONG made = HostileCalls(seed, 300);
        GUEST_TRUE(made != 0);
        if (!GUEST_EQUAL(LEFTOVER::Nothing, HostileSeen.What)) break;
    }
}

// Processes with an image, from their creation to their end. PRC-01, PRC-02, PRC-04..09, PRC-12, PRC-16, ARC-15
// machine: memory=64
// machine: memory=64 flavour=checked processors=2
#include "ex/inject.h"
#include "kd.h"
#include "ob/sync.h"
#include "programs.h"

#include "guest_main.h"

// PRC-05, PRC-09, ARC-15: a program starts, and its exit status is seen
GUEST_TEST(AProgramRunsAndItsExitStatusIsSeen) {
    PROGRAMS programs;
    GUEST_EQUAL(0x1234, programs.Run(u"return"));
    GUEST_EQUAL(0x4321, programs.Run(u"terminate"));
}

// PRC-04, PRC-08, INT-13, POL-09: PEB, TEB, stack, library, context
GUEST_TEST(AProgramFindsWhatItNeeds) {
    PROGRAMS programs;
    GUEST_EQUAL(0x5000, programs.Run(u"look"));
}

// PRC-08, POL-06: as the stack grows, the TEB says where it ends
GUEST_TEST(TheTebKnowsWhereTheStackEnds) {
    PROGRAMS programs;
    GUEST_EQUAL(0x6000, programs.Run(u"deep"));
}

// EXC-04: an exception that nobody handles ends the process with its code
GUEST_TEST(AFaultEndsTheProcess) {
    PROGRAMS programs;
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, programs.Run(u"fault"));
}

// PRC-12: from outside, whatever its thread does
GUEST_TEST(AProcessIsEndedFromOutside) {
    PROGRAMS programs;
    constexpr PCWSTR both[] = {u"wait", u"spin"};
    for (PCWSTR what : both) {
        PROGRAM program(programs, what);
        program.AwaitBeginning();
        GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_ABANDONED));
        GUEST_EQUAL(STATUS_ABANDONED, program.Await());
        GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING, ZwTerminateProcess(program.Handle(), STATUS_SUCCESS));
    }
    PROGRAM early(programs, u"wait"); // at any moment
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(early.Handle(), STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, early.Await());
}

// POL-05, PRC-05: whichever allocation fails, a program runs or nothing of it is left
GUEST_TEST(AProgramThatCannotBeStartedLeavesNothingBehind) {
    PROGRAMS programs;
    auto& injection = *static_cast<EX_INJECTION*>(KdDebuggerDataBlock.ExpInjection);
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, u"return");
    ULONG failures = 0;
    for (LONG n = 1; n < 500; n++) {
        const LONG before = injection.Failed;
        injection.Kinds = EX_INJECT_ALL;
        injection.FailAfter = n;
        HANDLE handle = nullptr;
        const NTSTATUS status = PspStartProgram(programs.Program(), &text, &text, &handle);
        injection.FailAfter = 0;
        if (NT_SUCCESS(status)) {
            GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(handle, FALSE, nullptr));
            GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
            if (injection.Failed == before) break; // all have had their turn
        } else {
            failures++;
            GUEST_TRUE(status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY ||
                       status == STATUS_COMMITMENT_LIMIT);
        }
    }
#if defined(MICA_CHECKED)
    GUEST_TRUE(failures > 15);
#else
    GUEST_EQUAL(0, failures); // a free build makes nothing fail
#endif
}

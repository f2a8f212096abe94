// The part of a guest test driver that exists once: the ends of the test table, the result, DriverEntry.
#pragma once

#include "guest_test.h"
#include "ke/options.h"
#include "ldr.h"

extern "C" {
__attribute__((section(".gtest$a"), used)) extern const GUEST_TEST_ENTRY GuestTestFirst = {};
__attribute__((section(".gtest$z"), used)) extern const GUEST_TEST_ENTRY GuestTestLast = {};
GUEST_RESULT GuestResult;
}

bool GuestCheck(bool ok, LONGLONG expected, LONGLONG seen, PCSTR what, PCSTR file, ULONG line) {
    GuestResult.Checks++;
    if (!ok && GuestResult.Failures++ == 0) {
        GuestResult.What = what;
        GuestResult.File = file;
        GuestResult.Line = line;
        GuestResult.Expected = expected;
        GuestResult.Seen = seen;
    }
    return ok;
}

/// Runs every test that returns and prints a line for each: for machines without a host that drives them.
static void GuestRunAll() {
    // The linker may leave room between the pieces of the table: entries without a name are skipped.
    for (const GUEST_TEST_ENTRY* test = &GuestTestFirst + 1; test < &GuestTestLast; test++) {
        if (!test->Name || test->BugCheckCode) continue;
        GuestResult = {};
        test->Routine();
        const bool ok = GuestResult.Failures == 0 && GuestResult.Checks != 0;
        DbgPrint("GUEST %s %s\n", test->Name, ok ? "ok" : "FAILED");
        if (!ok && GuestResult.What) {
            DbgPrint("GUEST   %s:%u %s, seen %d\n", GuestResult.File, GuestResult.Line, GuestResult.What,
                     LONG(GuestResult.Seen));
        }
    }
}

extern "C" NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) {
    if (RtlFindOption(KeLoaderBlock->LoadOptions, "SELFTEST", nullptr, 0)) GuestRunAll();
    return STATUS_SUCCESS;
}

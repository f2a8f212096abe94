// Guest tests: checks that run inside the kernel, one after the other, each from a restored snapshot.
//
//     // INT-05
//     GUEST_TEST(DpcRunsBeforeThreads) { ... GUEST_EQUAL(2, KeGetCurrentIrql()); }
//
// The host (run.py) finds the driver's table of tests, calls each by itself at PASSIVE_LEVEL in a system thread, and
// reads GuestResult. A test that shall end in a bugcheck says so: GUEST_TEST_BUGCHECK(Name, code). On a machine without
// a host that drives it (Bochs), /SELFTEST runs all tests of a driver at boot and prints a line for each.
// Exactly one file of a driver includes guest_main.h, which holds the table's ends and DriverEntry.
#pragma once

#include "ke.h"
#include "kd.h"
#include "rtl.h"

struct GUEST_TEST_ENTRY {
    PCSTR Name;
    void(NTAPI* Routine)();
    ULONG BugCheckCode; ///< how it must end; 0: it returns
    PCSTR File;
    ULONG Line;
};

/// What the last test found; read by the host.
struct GUEST_RESULT {
    ULONG Checks;   ///< expectations that were evaluated
    ULONG Failures; ///< of these, not met
    PCSTR What;     ///< of the first failure: the expression
    PCSTR File;
    ULONG Line;
    LONGLONG Expected;
    LONGLONG Seen;
};

extern "C" GUEST_RESULT GuestResult;

/// Notes one expectation. @returns whether it was met.
bool GuestCheck(bool ok, LONGLONG expected, LONGLONG seen, PCSTR what, PCSTR file, ULONG line);

#define GUEST_TEST_ENTRY_IN_TABLE(name, code)                                          \
    static void NTAPI name();                                                          \
    extern "C" __attribute__((section(".gtest$m"), used))                              \
    const GUEST_TEST_ENTRY GuestTest_##name = {#name, name, code, __FILE__, __LINE__}; \
    static void NTAPI name()

#define GUEST_TEST(name) GUEST_TEST_ENTRY_IN_TABLE(name, 0)
#define GUEST_TEST_BUGCHECK(name, code) GUEST_TEST_ENTRY_IN_TABLE(name, code)

/// Compares two values, each evaluated once.
template <typename A, typename B>
bool GuestEqual(const A& expected, const B& seen, PCSTR what, PCSTR file, ULONG line) {
    return GuestCheck(expected == static_cast<A>(seen), LONGLONG(expected), LONGLONG(seen), what, file, line);
}
template <typename A, typename B>
bool GuestEqual(A* const& expected, B* const& seen, PCSTR what, PCSTR file, ULONG line) {
    return GuestCheck(expected == seen, LONGLONG(reinterpret_cast<ULONG_PTR>(expected)),
                      LONGLONG(reinterpret_cast<ULONG_PTR>(seen)), what, file, line);
}

#define GUEST_EQUAL(expected, seen) GuestEqual(expected, seen, #seen " == " #expected, __FILE__, __LINE__)
#define GUEST_TRUE(expression) GuestCheck((expression), 1, 0, #expression, __FILE__, __LINE__)

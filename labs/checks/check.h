// What the checks of an exercise are written with (make check EX=2.2): a program of the host's around the kernel's own sources.
//
// A check calls routines of the exercise and says what must be true then. The first expectation that does not hold ends it:
// what was asked, expected and seen is told, with the rule behind it.
//
//     CHECK("a page leaves its list from the middle") {
//         DO(Fill(&MmModifiedPageListHead, {3, 5, 7}));
//         DO(MiUnlinkPageFromList(MiPfnElement(5)));
//         Expect("3 7", Pages(&MmModifiedPageListHead), "the list", "Two links lead past the page: one forward, one back.");
//     }
//
// Each check runs in a process of its own, so none sees what another one did. Checks are examples of the contract: few, to be read.
// They give no points, and take none; the tests of make grade look at more.
#pragma once

#include "nt/types.h"

/// Defines a check; its body follows.
#define CHECK(title) CHECK_NUMBERED(title, __LINE__)
/// Notes what is asked of the exercise's routines, and asks it: DO(MiRemoveAnyPage()) is the routine's result.
#define DO(...) (check::Asked(#__VA_ARGS__), __VA_ARGS__)

#define CHECK_NUMBERED(title, line) CHECK_NAMED(title, line)
#define CHECK_NAMED(title, line)                             \
    static void Check##line();                               \
    static check::Check Listed##line = {title, Check##line}; \
    static void Check##line()

namespace check {

/// One check, in the list of all of the program's.
struct Check {
    PCSTR Title;
    void (*Body)();
    Check* Next;

    Check(PCSTR title, void (*body)());
};

/// A text that is made at run time.
struct Text {
    char Chars[256] = {};
    /// Appends, as printf formats it; what does not fit is left out.
    void Add(PCSTR format, ...) __attribute__((format(printf, 2, 3)));
};

/// What the next expectations are about.
void Asked(PCSTR call);
/// Ends the check unless both are the same. @param what it is, in words. @param rule why it must be so: a sentence of the contract.
void Expect(ULONG_PTR expected, ULONG_PTR seen, PCSTR what, PCSTR rule);
void Expect(PCSTR expected, const Text& seen, PCSTR what, PCSTR rule);
void Expect(PCSTR expected, PCSTR seen, PCSTR what, PCSTR rule);

} // namespace check

using check::Expect;

// The program around the checks of one exercise, and the few routines of the kernel that every exercise may call.
//
// Without an argument it lists the titles; with a number it runs that check. What it writes, grader/checks reads: lines of a label,
// a tab and a text. Exit codes: 0 the check holds, 1 it does not, 3 a routine is not written yet.
#include "check.h"

#include "etw.h"
#include "ke/bugcheck.h"
#include "nt/assert.h"

#include <stdio.h>
#include <stdlib.h>

namespace {

constexpr int HOLDS = 0, FAILS = 1, TO_DO = 3;

check::Check* First = nullptr;

[[noreturn]] void End(int code) {
    fflush(stdout);
    _Exit(code);
}

[[noreturn]] void Fail(PCSTR expected, PCSTR seen, PCSTR what, PCSTR rule) {
    printf("expected\t%s: %s\nseen\t%s\nrule\t%s\n", what, expected, seen, rule);
    End(FAILS);
}

} // namespace

check::Check::Check(PCSTR title, void (*body)()) : Title(title), Body(body), Next(nullptr) {
    Check** link = &First;
    while (*link)
        link = &(*link)->Next;
    *link = this;
}

void check::Text::Add(PCSTR format, ...) {
    size_t used = 0;
    while (Chars[used])
        used++;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(Chars + used, sizeof(Chars) - used, format, arguments);
    va_end(arguments);
}

void check::Asked(PCSTR call) {
    printf("asked\t%s\n", call);
    fflush(stdout); // whatever the routine does next
}

void check::Expect(ULONG_PTR expected, ULONG_PTR seen, PCSTR what, PCSTR rule) {
    if (expected == seen) return;
    Text wanted, got;
    wanted.Add("%#lx", static_cast<unsigned long>(expected));
    got.Add("%#lx", static_cast<unsigned long>(seen));
    Fail(wanted.Chars, got.Chars, what, rule);
}

void check::Expect(PCSTR expected, PCSTR seen, PCSTR what, PCSTR rule) {
    for (size_t i = 0;; i++) {
        if (expected[i] != seen[i]) Fail(expected, seen, what, rule);
        if (!expected[i]) return;
    }
}

void check::Expect(PCSTR expected, const Text& seen, PCSTR what, PCSTR rule) {
    Expect(expected, seen.Chars, what, rule);
}

extern "C" {

[[noreturn]] void NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                                     ULONG_PTR Parameter3, ULONG_PTR Parameter4) {
    if (BugCheckCode == MICA_LAB_NOT_IMPLEMENTED) {
        printf("where\t%s:%u\n", reinterpret_cast<PCSTR>(Parameter2), static_cast<unsigned>(Parameter3));
        End(TO_DO);
    }
    printf("seen\ta bugcheck, %#x\n", BugCheckCode);
    End(FAILS);
}

[[noreturn]] void NTAPI KeBugCheck(ULONG BugCheckCode) { KeBugCheckEx(BugCheckCode, 0, 0, 0, 0); }

[[noreturn]] void NTAPI RtlAssert(PCSTR Expression, PCSTR File, ULONG Line, PCSTR Message) {
    printf("expected\t%s\nseen\tthat this is not so\nwhere\t%s:%u\nrule\tThe kernel's own sources assert it.\n",
           Expression, File, Line);
    End(FAILS);
}

ULONG CDECL DbgPrint(PCSTR Format, ...) {
    va_list arguments;
    va_start(arguments, Format);
    printf("says\t");
    vprintf(Format, arguments);
    printf("\n");
    va_end(arguments);
    return 0;
}
}

void NTAPI EtwTraceEvent(ETW_EVENT Event, ULONG_PTR Argument0, ULONG_PTR Argument1, ULONG_PTR Argument2,
                         ULONG_PTR Argument3) {}

int main(int count, char** words) {
    int number = 0;
    for (const check::Check* one = First; one; one = one->Next, number++) {
        if (count < 2) {
            printf("%s\n", one->Title);
        } else if (atoi(words[1]) == number) {
            one->Body();
            End(HOLDS);
        }
    }
    return count < 2 ? 0 : 2;
}

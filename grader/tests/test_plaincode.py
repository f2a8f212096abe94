"""grader.building.plaincode: what hides a race from the explorer is refused, in each way it can be written; plain C++ is not."""

from __future__ import annotations

import unittest
from typing import List

from grader.building import plaincode

PLAIN = r'''
#include "ke/ki.h"
#include <type_traits>
#define LIMIT 3
// asm and __attribute__ in a comment are words, #pragma too
/* [[clang::no_sanitize("coverage")]] */
static const char* const Text = "asm(\"nop\") __attribute__";
static const char Quote = '"', Digit = 1'000 > 3 ? 'a' : '\'';
#if defined(MICA_CHECKED)
#endif
[[nodiscard]] static ULONG Highest(ULONG summary) { return 31 - ULONG(__builtin_clz(summary)); }
void NTAPI Use([[maybe_unused]] ULONG n, ULONG a[4]) {
    switch (n) {
    case 0: a[a[0]] = __atomic_load_n(&a[1], __ATOMIC_SEQ_CST); [[fallthrough]];
    default: InterlockedIncrement(reinterpret_cast<volatile LONG*>(a));
    }
    auto f = [&] { return a[1]; };
    __try { f(); } __except (1) {}
}
'''


class PlainCode(unittest.TestCase):
    """Sources of explored exercises, and of others."""

    def of(self, text: str, explored: bool = True) -> List[str]:
        return plaincode.objections("kernel/ntos/ke/x.cpp", text, explored)

    def test_plain_code_is_taken(self) -> None:
        self.assertEqual([], self.of(PLAIN))

    def test_what_hides_from_the_explorer_is_refused(self) -> None:
        for line in ('__attribute__((no_sanitize("coverage"))) void F();', '[[clang::no_sanitize("coverage")]] void F();',
                     '[[gnu::no_instrument_function]] void F();', '[ [ clang::no_sanitize("coverage") ] ] void F();',
                     '<:<:clang::optnone:>:> void F();', '[[using clang: no_sanitize("coverage")]] void F();',
                     '#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to=function)',
                     '%:pragma clang optimize off', '_Pragma("clang optimize off")', '__pragma(optimize("", off))',
                     '__declspec(noinline) void F();', 'void F() { asm("incl _Count"); }', 'void F() { __asm__("nop"); }',
                     'void F() { __asm { inc Count } }', '#define A as' + '##m', 'void F() { a\\u0073m("nop"); }',
                     'void F() { as\\\nm("nop"); }', 'void F() { as??/\nm("nop"); }', '/* \\\n */ asm("nop");', 'auto s = R"(//)"; asm("nop");',
                     "char c = '\"'; asm(\"nop\"); // \"", 'LONG F(LONG* p) { return __sync_val_compare_and_swap(p, 0, 0); }',
                     'LONG F(LONG* p) { return __atomic_exchange_n(p, 1, 0); }', 'LONG F(LONG volatile* p) { return _InterlockedExchange(p, 1); }',
                     'char F(long* p) { return _bittestandset(p, 1); }', 'void F(void* a, void* b) { __builtin_memcpy(a, b, 4); }',
                     'bool F(void* a, void* b) { return RtlEqualMemory(a, b, 4); }', 'int F(void* a, void* b) { return memcmp(a, b, 4); }',
                     'void F(void* a, void* b) { __movsb(a, b, 4); }',
                     'bool F(RTL_BITMAP* m) { return RtlFindClearBitsAndSet(m, 1, 0) == 0; }', 'ULONG F() { return KxActive; }',
                     'auto p = reinterpret_cast<UCHAR*>(&KxReachPoint) - 0x360;', '#line 7 "other.cpp"', '# 7 "other.cpp"'):
            with self.subTest(line):
                found = self.of(line + "\n")
                self.assertTrue(found)
                self.assertRegex(found[0], r"^kernel/ntos/ke/x\.cpp:\d+:1: error: ")

    def test_what_build_mk_gives_its_points_is_taken(self) -> None:  # test_hooked.py looks at the objects
        self.assertEqual([], self.of("void F(void* a, void* b) { RtlCopyMemory(a, b, 4); RtlZeroMemory(b, 9); memmove(a, b, 3); }"))

    def test_assembly_is_a_tool_where_nothing_is_explored(self) -> None:
        self.assertEqual([], self.of('void F(ULONG a) { __asm__("bsrl %1, %0" : "=r"(a) : "r"(a)); }', explored=False))
        self.assertNotEqual([], self.of('__attribute__((section(".mine"))) int a;', explored=False))
        self.assertNotEqual([], self.of("#pragma section(\".mine\")", explored=False))

    def test_bytes_of_code_from_elsewhere_are_refused(self) -> None:
        for line in ('__asm__(".globl _F\\n_F: .byte 0x55");', 'void F() { asm(".byte 1"); }', 'void F() { asm("." "byte 1"); }',
                     'void F() { asm("\\x2e" "byte 1"); }', 'void F() { asm("nop\\n\\t.long 1"); }', '#define D ".byte"\nvoid F() { asm(D " 1"); }',
                     '#define S(x) #x\nvoid F() { asm(S(.byte 1)); }', 'void F() { asm(R"(.byte 1)"); }', 'asm(".section .x; .ascii \\"a\\"");'):
            with self.subTest(line):
                self.assertTrue(self.of(line + "\n", explored=False))
        self.assertEqual([], self.of('void F(ULONG a) { asm("1: bsrl %1, %0\\n\\tjz 1b" : "=r"(a) : "r"(a)); Log("all. done"); }', explored=False))
        good = '#include "a.h"\n    .text\n    .globl "@F@8" // .byte in words\n"@F@8":\n    movl 4(%esp), %eax\n    je .Lsame\n.Lsame:\n    call "_K.x@20"\n'
        self.assertEqual([], plaincode.assembly_objections("a.S", good))
        for line in (".byte 0x90", ".long 1", "nop; .ascii \"x\"", ".macro m", "#define D .byte", "#define E .by ## te", ".incbin \"x\"", ".section .drectve",
                     ".rept 3", ".irp x,1", ".include \"x\""):
            with self.subTest(line):
                self.assertTrue(plaincode.assembly_objections("a.S", good + line + "\n"))

    def test_a_file_is_the_same_in_every_flavour(self) -> None:
        for line in ("#ifdef MICA_EXPLORE", "#if defined(KX_QUIET)", "#if __has_feature(coverage_sanitizer)"):
            self.assertTrue(self.of(line + "\n#endif\n"), line)

    def test_a_scenario_takes_the_address_of_no_routine(self) -> None:
        def of(line: str) -> List[str]:
            return plaincode.objections("mytest.cpp", line + "\n", True, True)

        self.assertEqual([], of("static void Check() { CHECK_EQUAL(0, KeReadStateEvent (&Event)); InterlockedIncrement(&Got); }"))
        self.assertEqual([], of("MmProbeAndLockPages(Mdl, KernelMode, IoModifyAccess); auto c = MmCached;"))
        for line in ("auto f = &KeSetEvent;", "auto f = KeSetEvent;", "Known[0] = ULONG(KeSetEvent);", "CALL(KeSetEvent)", "auto f = (KeSetEvent);",
                     'extern "C" PVOID _imp__KeSetEvent;'):
            self.assertEqual(1, len(of(line)), line)

    def test_a_scenario_has_no_routine_that_runs_before_its_first_run(self) -> None:
        for line in ("#define KX_OWN_DRIVER_ENTRY", 'extern "C" NTSTATUS NTAPI DriverEntry(PVOID, PVOID) { return STATUS_SUCCESS; }'):
            found = plaincode.objections("mytest.cpp", line + "\n", True, True)
            self.assertEqual(1, len(found), line)
            self.assertIn("the driver begins as every driver of scenarios does", found[0])

    def test_the_line_is_the_students(self) -> None:
        text = 'int a; /* one\ntwo */\nauto b = R"(x\ny)";\nvoid F() { asm("nop"); }\n'
        self.assertTrue(self.of(text)[0].startswith("kernel/ntos/ke/x.cpp:5:1: error: asm"), self.of(text))


if __name__ == "__main__":
    unittest.main()

// crash KIND: makes an exception on purpose, which nobody handles; or runs for ever.
//
// In the books: "exception dispatching", "unhandled exceptions". EXC-04
#include "user/program.h"

namespace {

/// Calls itself until the stack is used up.
__attribute__((noinline, optnone)) ULONG Recurse(ULONG depth) {
    volatile UCHAR room[256] = {UCHAR(depth)};
    return depth == 0xFFFFFFFF ? 0 : Recurse(depth + 1) + room[0];
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    if (words.Is(1, u"read")) {
        (void)*reinterpret_cast<volatile ULONG*>(4);
    } else if (words.Is(1, u"write")) {
        *reinterpret_cast<volatile ULONG*>(4) = 1;
    } else if (words.Is(1, u"kernel")) {
        *reinterpret_cast<volatile ULONG*>(0x80100000) = 1;
    } else if (words.Is(1, u"divide")) {
        __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" : : "a"(1), "d"(0) : "ecx");
    } else if (words.Is(1, u"opcode")) {
        __asm__ volatile("ud2");
    } else if (words.Is(1, u"privileged")) {
        __asm__ volatile("cli");
    } else if (words.Is(1, u"breakpoint")) {
        __asm__ volatile("int3");
    } else if (words.Is(1, u"raise")) {
        RtlRaiseStatus(STATUS_UNSUCCESSFUL);
    } else if (words.Is(1, u"jump")) {
        reinterpret_cast<void (*)()>(0x10)();
    } else if (words.Is(1, u"loop")) {
        for (;;)
            __asm__ volatile("pause");
    } else if (words.Is(1, u"stack")) {
        (void)Recurse(0);
    } else {
        nt::Print(
            "crash read | write | kernel | divide | opcode | privileged | breakpoint | raise | jump | stack | loop\n");
    }
    return STATUS_INVALID_PARAMETER;
}

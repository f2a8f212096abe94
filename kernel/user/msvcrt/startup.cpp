// What a program's first code asks for: its arguments, its environment, static constructors. Contract: the public documentation.
//
// A program of mingw-w64 begins at mainCRTStartup, which it brings itself. That calls these routines, then main.
// In the books: "image activation". SYS-01
#include "arguments.h"
#include "crt.h"

#include "ps/services.h"

namespace {

char* CommandLine;     ///< in the ANSI code page
char** Arguments;      ///< what __getmainargs made of it
char** Environment;    ///< NAME=value ..., nullptr
int FileMode = 0x4000; ///< of files that are opened: text
int CommitMode;

const RTL_USER_PROCESS_PARAMETERS& Parameters() { return *NtCurrentPeb()->ProcessParameters; }

/// A text in the ANSI code page, on the heap. @returns nullptr: memory is short
char* Narrow(PCWSTR wide, SIZE_T characters) {
    ULONG bytes = 0;
    const ULONG length = ULONG(characters * sizeof(WCHAR));
    if (!NT_SUCCESS(RtlUnicodeToMultiByteSize(&bytes, wide, length))) return nullptr;
    auto* const text = static_cast<char*>(malloc(bytes + 1));
    if (!text) return nullptr;
    ULONG written = 0;
    (void)RtlUnicodeToMultiByteN(text, bytes, &written, wide, length);
    text[written] = 0;
    return text;
}

SIZE_T CountEnvironment() {
    SIZE_T count = 0;
    for (auto* at = static_cast<PCWSTR>(Parameters().Environment); at && *at; at += wcslen(at) + 1)
        count++;
    return count;
}

} // namespace

CRT_NARROW::CRT_NARROW(const WCHAR* wide) : m_text(Narrow(wide, wcslen(wide))) {}
CRT_NARROW::~CRT_NARROW() { free(m_text); }

bool CrtMakeEnvironment() {
    const UNICODE_STRING& line = Parameters().CommandLine;
    CommandLine = Narrow(line.Buffer, line.Length / sizeof(WCHAR));
    Environment = static_cast<char**>(malloc((CountEnvironment() + 1) * sizeof(char*)));
    if (!CommandLine || !Environment) return false;
    char** next = Environment;
    for (auto* at = static_cast<PCWSTR>(Parameters().Environment); at && *at; at += wcslen(at) + 1) {
        *next = Narrow(at, wcslen(at));
        if (!*next++) return false;
    }
    *next = nullptr;
    return true;
}

extern "C" {
char** __initenv; ///< what main gets as its third argument
int __mb_cur_max = 1;

/// @returns 0; -1: memory is short
int CDECL __getmainargs(int* count, char*** vector, char*** environment, int expandWildcards, void* startInfo) {
    (void)
        expandWildcards; // a program that asks for it gets its arguments as they are: there are no folders to look into
    (void)startInfo;
    SIZE_T bytes = 0;
    const int arguments = CrtSplit(CommandLine, nullptr, nullptr, &bytes);
    auto* const block = static_cast<char**>(malloc((arguments + 1) * sizeof(char*) + bytes));
    if (!block) return -1;
    (void)CrtSplit(CommandLine, block, reinterpret_cast<char*>(block + arguments + 1), &bytes);
    block[arguments] = nullptr;
    *count = arguments;
    *vector = Arguments = block;
    *environment = __initenv = Environment;
    return 0;
}

char*** CDECL __p___argv() { return &Arguments; }
char** CDECL __p__acmdln() { return &CommandLine; }
int* CDECL __p__fmode() { return &FileMode; }
int* CDECL __p__commode() { return &CommitMode; }
void CDECL __set_app_type(int type) { (void)type; }
void CDECL __setusermatherr(int(CDECL* handler)(void*)) { (void)handler; } // no routine of this DLL calculates

void CDECL _initterm(CRT_ROUTINE* begin, CRT_ROUTINE* end) {
    for (; begin < end; begin++)
        if (*begin) (*begin)();
}

/// A run-time error of the program's first code ends it.
[[noreturn]] void CDECL _amsg_exit(int number) {
    (void)DbgPrint("runtime error %d\n", number);
    _exit(255); // documented
}

/// Names are compared without regard to case. @returns the value, or nullptr
char* CDECL getenv(const char* name) {
    const SIZE_T length = strlen(name);
    for (char** at = Environment; *at; at++)
        if (_strnicmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
    return nullptr;
}
}

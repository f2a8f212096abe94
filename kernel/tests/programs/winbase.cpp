// kernel32.dll as a program uses it: threads, waits, objects with names, condition variables, Ctrl+C, slots, modules, pages, text, errors.
// imports: kernel32
#include "check.h"
#include "kernel32.h"

namespace {

constexpr DWORD THREADS = 3;
HANDLE Go, Done;
DWORD Slot;

DWORD NTAPI Work(LPVOID parameter) {
    CHECK(TlsGetValue(Slot) == nullptr && GetLastError() == ERROR_SUCCESS);
    CHECK(TlsSetValue(Slot, parameter));
    CHECK(WaitForSingleObject(Go, INFINITE) == WAIT_OBJECT_0);
    CHECK(TlsGetValue(Slot) == parameter);
    CHECK(ReleaseSemaphore(Done, 1, nullptr));
    return ULONG(reinterpret_cast<ULONG_PTR>(parameter));
}

void CheckThreads() {
    HANDLE threads[THREADS];
    Go = CreateEventA(nullptr, TRUE, FALSE, "Go");
    CHECK(Go && GetLastError() == ERROR_SUCCESS);
    const HANDLE again = CreateEventA(nullptr, TRUE, FALSE, "Go");
    CHECK(again && again != Go && GetLastError() == ERROR_ALREADY_EXISTS);
    Done = CreateSemaphoreA(nullptr, 0, LONG(THREADS), nullptr);
    Slot = TlsAlloc();
    CHECK(Done && Slot != TLS_OUT_OF_INDEXES);
    for (DWORD i = 0; i < THREADS; i++) {
        DWORD id = 0;
        threads[i] = CreateThread(nullptr, 0, Work, reinterpret_cast<LPVOID>(ULONG_PTR(i + 1)), 0, &id);
        CHECK(threads[i] && id != 0 && id != GetCurrentThreadId());
    }
    CHECK(WaitForMultipleObjects(THREADS, threads, TRUE, 10) == WAIT_TIMEOUT);
    CHECK(SetEvent(again)); // the same event
    CHECK(WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE) == WAIT_OBJECT_0);
    for (DWORD i = 0; i < THREADS; i++)
        CHECK(WaitForSingleObject(Done, 0) == WAIT_OBJECT_0);
    CHECK(WaitForSingleObject(Done, 0) == WAIT_TIMEOUT);
    for (const HANDLE thread : threads)
        CHECK(CloseHandle(thread));
    CHECK(!CloseHandle(threads[0]) && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(TlsFree(Slot) && !TlsFree(Slot));
}

void CheckSlots() {
    constexpr DWORD many = 100; // more than the TEB has
    DWORD slots[many];
    for (DWORD i = 0; i < many; i++) {
        slots[i] = TlsAlloc();
        CHECK(slots[i] != TLS_OUT_OF_INDEXES && TlsSetValue(slots[i], &slots[i]));
    }
    for (DWORD i = 0; i < many; i++)
        CHECK(TlsGetValue(slots[i]) == &slots[i] && TlsFree(slots[i]));
    CHECK(TlsGetValue(5000) == nullptr && GetLastError() == ERROR_INVALID_PARAMETER);
}

void CheckModules() {
    const HMODULE own = GetModuleHandleA(nullptr), base = GetModuleHandleW(u"KERNEL32");
    CHECK(own == NtCurrentPeb()->ImageBaseAddress && base);
    CHECK(GetProcAddress(base, "Sleep") == reinterpret_cast<FARPROC>(Sleep));
    CHECK(GetProcAddress(base, "HeapAlloc") != nullptr); // a forwarder
    CHECK(!GetProcAddress(base, "Nothing") && GetLastError() == ERROR_PROC_NOT_FOUND);
    CHECK(!LoadLibraryA("nothing.dll") && GetLastError() == ERROR_MOD_NOT_FOUND);
    const HMODULE second = LoadLibraryA("second");
    CHECK(second && GetModuleHandleA("second.dll") == second && FreeLibrary(second) && !GetModuleHandleA("second.dll"));
}

void CheckMemory() {
    MEMORY_BASIC_INFORMATION information;
    DWORD before = 0;
    auto* const pages =
        static_cast<UCHAR*>(VirtualAlloc(nullptr, 3 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    CHECK(pages && VirtualProtect(pages, PAGE_SIZE, PAGE_READONLY, &before) && before == PAGE_READWRITE);
    CHECK(VirtualQuery(pages, &information, sizeof(information)) == sizeof(information) &&
          information.Protect == PAGE_READONLY);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
    CHECK(!VirtualFree(pages, 0, MEM_RELEASE));
    const LPVOID block = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, 100);
    CHECK(block && HeapFree(GetProcessHeap(), 0, block) && !HeapFree(GetProcessHeap(), 0, block));
    const HANDLE heap = HeapCreate(0, 0, 0);
    CHECK(heap && HeapAlloc(heap, 0, 1'000'000) && HeapDestroy(heap));
}

void CheckText() {
    WCHAR wide[16];
    CHAR narrow[16];
    constexpr PCSTR euro = "a\xE2\x82\xAC\xF0\x9F\x98\x80"; // a, U+20AC, U+1F600
    CHECK(MultiByteToWideChar(CP_UTF8, 0, euro, -1, nullptr, 0) == 5);
    CHECK(MultiByteToWideChar(CP_UTF8, 0, euro, -1, wide, 16) == 5);
    CHECK(wide[1] == 0x20AC && wide[2] == 0xD83D && wide[3] == 0xDE00 && wide[4] == 0);
    CHECK(WideCharToMultiByte(CP_UTF8, 0, wide, -1, narrow, 16, nullptr, nullptr) == 9 && strcmp(narrow, euro) == 0);
    CHECK(WideCharToMultiByte(CP_UTF8, 0, wide, -1, narrow, 8, nullptr, nullptr) == 0 &&
          GetLastError() == ERROR_INSUFFICIENT_BUFFER);
    CHECK(MultiByteToWideChar(CP_UTF8, 0, "\xC0\x80\xFF", 3, wide, 16) == 3 && wide[0] == 0xFFFD);
    CHECK(WideCharToMultiByte(CP_ACP, 0, u"\u20AC", 1, narrow, 16, nullptr, nullptr) == 1 && narrow[0] == '\x80');
    CHECK(MultiByteToWideChar(12345, 0, "x", 1, wide, 16) == 0 && GetLastError() == ERROR_INVALID_PARAMETER);
}

void CheckFiles() {
    DWORD bytes = 0;
    CHAR head[2];
    const HANDLE file =
        CreateFileA("C:\\x\\..\\winbase.exe", GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
    CHECK(file != INVALID_HANDLE_VALUE && GetFileType(file) == FILE_TYPE_DISK);
    const DWORD size = GetFileSize(file, nullptr);
    CHECK(size > 1000 && size != INVALID_FILE_SIZE);
    CHECK(ReadFile(file, head, sizeof(head), &bytes, nullptr) && bytes == 2 && head[0] == 'M' && head[1] == 'Z');
    CHECK(SetFilePointer(file, 0, nullptr, FILE_CURRENT) == 2);
    CHECK(SetFilePointer(file, -1, nullptr, FILE_END) == size - 1);
    CHECK(ReadFile(file, head, sizeof(head), &bytes, nullptr) && bytes == 1);
    CHECK(ReadFile(file, head, sizeof(head), &bytes, nullptr) && bytes == 0); // the end
    CHECK(SetFilePointer(file, -1, nullptr, FILE_BEGIN) == INVALID_FILE_SIZE && GetLastError() == ERROR_NEGATIVE_SEEK);
    OVERLAPPED start{.Internal = 0, .InternalHigh = 0, .Offset = 1, .OffsetHigh = 0, .hEvent = nullptr};
    CHECK(ReadFile(file, head, 1, &bytes, &start) && head[0] == 'Z');
    CHECK(!WriteFile(file, head, 1, &bytes, nullptr) && GetLastError() == ERROR_ACCESS_DENIED && bytes == 0);
    CHECK(CloseHandle(file));
    const HANDLE relative =
        CreateFileW(u"kernel32.dll", GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
    CHECK(relative != INVALID_HANDLE_VALUE && CloseHandle(relative)); // the current directory is that of the boot files
    CHECK(CreateFileA("nothing.txt", GENERIC_READ, 0, nullptr, OPEN_EXISTING, 0, nullptr) == INVALID_HANDLE_VALUE);
    CHECK(GetLastError() == ERROR_FILE_NOT_FOUND);
    CHECK(CreateFileA("", GENERIC_READ, 0, nullptr, OPEN_EXISTING, 0, nullptr) == INVALID_HANDLE_VALUE);
    CHECK(GetLastError() == ERROR_PATH_NOT_FOUND);
}

void CheckTimes() {
    LARGE_INTEGER before, after, frequency;
    FILETIME time{};
    const DWORD tick = GetTickCount();
    CHECK(QueryPerformanceCounter(&before) && QueryPerformanceFrequency(&frequency) && frequency.QuadPart > 1000);
    Sleep(30);
    CHECK(QueryPerformanceCounter(&after) && after.QuadPart > before.QuadPart);
    const DWORD passed = GetTickCount() - tick;
    CHECK(passed >= 20 && passed < 5000);
    GetSystemTimeAsFileTime(&time);
    CHECK(time.dwHighDateTime > 0x01BF0000); // the year 2000 and later
}

void CheckHandlesAndSystem() {
    HANDLE copy = nullptr;
    DWORD flags = 99;
    const HANDLE event = CreateEventA(nullptr, FALSE, TRUE, nullptr);
    CHECK(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &copy, 0, TRUE, DUPLICATE_SAME_ACCESS));
    CHECK(GetHandleInformation(copy, &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(SetHandleInformation(copy, HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE,
                               HANDLE_FLAG_PROTECT_FROM_CLOSE));
    CHECK(GetHandleInformation(copy, &flags) && flags == HANDLE_FLAG_PROTECT_FROM_CLOSE);
    CHECK(!CloseHandle(copy) && SetHandleInformation(copy, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0) && CloseHandle(copy));
    CHECK(WaitForSingleObject(event, 0) == WAIT_OBJECT_0 && CloseHandle(event));
    CHAR name[32];
    CHECK(GetModuleFileNameA(nullptr, name, sizeof(name)) == 14 && strcmp(name, "C:\\winbase.exe") == 0);
    CHECK(GetModuleFileNameA(GetModuleHandleA("kernel32"), name, 6) == 6 && strcmp(name, "C:\\ke") == 0);
    CHECK(GetModuleFileNameA(&copy, name, sizeof(name)) == 0 && GetLastError() == ERROR_MOD_NOT_FOUND);
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    CHECK(system.dwPageSize == PAGE_SIZE && system.dwNumberOfProcessors == NtCurrentPeb()->NumberOfProcessors);
    CHECK(!IsDebuggerPresent() && !IsProcessorFeaturePresent(1000));
}

void CheckNames() {
    const HANDLE mutex = CreateMutexW(nullptr, FALSE, u"Named"), again = OpenMutexA(SYNCHRONIZE, FALSE, "Named");
    CHECK(mutex && again && mutex != again);
    CHECK(!OpenEventW(SYNCHRONIZE, FALSE, u"Named") && GetLastError() == ERROR_INVALID_HANDLE); // another type
    CHECK(!OpenMutexW(SYNCHRONIZE, FALSE, u"None") && GetLastError() == ERROR_FILE_NOT_FOUND);
    CHECK(!OpenEventA(SYNCHRONIZE, FALSE, nullptr) && GetLastError() == ERROR_INVALID_PARAMETER);
    const HANDLE event = CreateEventW(nullptr, FALSE, FALSE, nullptr),
                 semaphore = CreateSemaphoreW(nullptr, 0, 2, u"S");
    CHECK(event && semaphore && SignalObjectAndWait(semaphore, event, 0, FALSE) == WAIT_TIMEOUT);
    CHECK(WaitForSingleObject(semaphore, 0) == WAIT_OBJECT_0 && PulseEvent(event));
    CHECK(WaitForSingleObject(event, 0) == WAIT_TIMEOUT);
    CHECK(CloseHandle(mutex) && CloseHandle(again) && CloseHandle(event) && CloseHandle(semaphore));
}

RTL_SRWLOCK SlimLock;
RTL_CONDITION_VARIABLE Changed;
bool Begun; ///< shared: SlimLock

DWORD NTAPI Begin(LPVOID) {
    RtlAcquireSRWLockExclusive(&SlimLock);
    Begun = true;
    RtlReleaseSRWLockExclusive(&SlimLock);
    RtlWakeAllConditionVariable(&Changed);
    return 0;
}

void CheckConditionVariables() {
    RTL_CRITICAL_SECTION section;
    CHECK(InitializeCriticalSectionEx(&section, 100, 0));
    EnterCriticalSection(&section);
    CHECK(!SleepConditionVariableCS(&Changed, &section, 5) && GetLastError() == ERROR_TIMEOUT);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
    RtlAcquireSRWLockExclusive(&SlimLock);
    const HANDLE thread = CreateThread(nullptr, 0, Begin, nullptr, 0, nullptr);
    while (!Begun)
        CHECK(SleepConditionVariableSRW(&Changed, &SlimLock, INFINITE, 0));
    RtlReleaseSRWLockExclusive(&SlimLock);
    CHECK(WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0 && CloseHandle(thread));
    const HMODULE base = GetModuleHandleW(u"kernel32"), lower = GetModuleHandleW(u"ntdll");
    CHECK(GetProcAddress(base, "AcquireSRWLockShared") == GetProcAddress(lower, "RtlAcquireSRWLockShared"));
}

HANDLE Interrupted;
BOOL NTAPI NotMine(DWORD) { return FALSE; }
BOOL NTAPI Mine(DWORD type) { return type == CTRL_C_EVENT && SetEvent(Interrupted); }

void CheckControlC() {
    Interrupted = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    CHECK(SetConsoleCtrlHandler(Mine, TRUE) && SetConsoleCtrlHandler(NotMine, TRUE));
    CHECK(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) && WaitForSingleObject(Interrupted, 5000) == WAIT_OBJECT_0);
    CHECK(SetConsoleCtrlHandler(nullptr, TRUE) && GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    CHECK(WaitForSingleObject(Interrupted, 30) == WAIT_TIMEOUT); // not for this process
    CHECK(SetConsoleCtrlHandler(nullptr, FALSE) && GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    CHECK(WaitForSingleObject(Interrupted, 5000) == WAIT_OBJECT_0);
    CHECK(SetConsoleCtrlHandler(NotMine, FALSE) && !SetConsoleCtrlHandler(NotMine, FALSE));
    CHECK(!GenerateConsoleCtrlEvent(7, 0) && GetLastError() == ERROR_INVALID_PARAMETER);
    DWORD mode = 0;
    const HANDLE console = CreateFileA("CON", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                                       OPEN_EXISTING, 0, nullptr);
    CHECK(GetConsoleMode(console, &mode) && SetConsoleMode(console, mode) && !SetConsoleMode(console, 0x8000));
    CHECK(CloseHandle(console));
}

LONG NTAPI EndWell(EXCEPTION_POINTERS* pointers) {
    const EXCEPTION_RECORD& record = *pointers->ExceptionRecord;
    CHECK(record.ExceptionCode == static_cast<NTSTATUS>(0xE0000001) && record.NumberParameters == 2 &&
          record.ExceptionInformation[1] == 8);
    ExitProcess(UINT(PROGRAM_PASSED));
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    STARTUPINFOA startup;
    GetStartupInfoA(&startup);
    CHECK(startup.cb == sizeof(startup));
    CHECK(strcmp(GetCommandLineA(), "winbase.exe") == 0 && GetCommandLineA() == GetCommandLineA());
    CheckThreads();
    CheckSlots();
    CheckModules();
    CheckMemory();
    CheckText();
    CheckFiles();
    CheckTimes();
    CheckHandlesAndSystem();
    CheckNames();
    CheckConditionVariables();
    CheckControlC();
    CHECK(SetUnhandledExceptionFilter(EndWell) == nullptr);
    constexpr ULONG_PTR arguments[] = {7, 8};
    RaiseException(0xE0000001, 0, 2, arguments);
    return STATUS_UNSUCCESSFUL;
}

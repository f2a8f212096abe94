// Routines of kernel32.dll that programs of others asked for: texts of errors, dates, readable texts, affinity, names.
// status: 0
// prints: 44 'The system cannot find the file specified.'; allocated: Access is denied.; none: 0 error 317; no room: 0 error 122
// prints: 2000-02-29 is day 2 of the week, and back: yes; the 30th: 0 error 87
// prints: readable: yes yes; not: yes yes; as far as asked: yes
// prints: on 1 processor from 1: yes; nowhere: 0 error 87
// prints: opened twice: error 183; name: MICA 4, room for 5
// prints: no console: 0; code page 437; as data: 0 error 87; as usual: yes
#include <stdio.h>
#include <string.h>
#include <windows.h>

static const char* Yes(int really) { return really ? "yes" : "no"; }

int main(void) {
    char text[80], *block = NULL;
    const DWORD system = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    const int length = FormatMessageA(system, NULL, ERROR_FILE_NOT_FOUND, 0, text, sizeof(text), NULL);
    text[strcspn(text, "\r")] = 0;
    printf("%d '%s'; ", length, text);
    FormatMessageA(system | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, ERROR_ACCESS_DENIED, 0, (char*)&block, 0, NULL);
    block[strcspn(block, "\r")] = 0;
    printf("allocated: %s; ", block);
    LocalFree(block);
    const int none = FormatMessageA(system, NULL, 65000, 0, text, sizeof(text), NULL), error = GetLastError();
    const int small = FormatMessageA(system, NULL, ERROR_ACCESS_DENIED, 0, text, 19, NULL);
    printf("none: %d error %d; no room: %d error %lu\n", none, error, small, GetLastError());

    SYSTEMTIME day = {2000, 2, 0, 29, 13, 14, 15, 16}, back;
    FILETIME time;
    SystemTimeToFileTime(&day, &time);
    FileTimeToSystemTime(&time, &back);
    day.wDayOfWeek = 2;
    printf("2000-02-29 is day %d of the week, and back: %s; ", back.wDayOfWeek, Yes(!memcmp(&day, &back, sizeof(day))));
    day.wDay = 30;
    const int never = SystemTimeToFileTime(&day, &time);
    printf("the 30th: %d error %lu\n", never, GetLastError());

    WCHAR* pages = VirtualAlloc(NULL, 8192, MEM_RESERVE, PAGE_READWRITE);
    VirtualAlloc(pages, 4096, MEM_COMMIT, PAGE_READWRITE);
    for (int i = 0; i < 2048; i++)
        pages[i] = L'x';
    const int unended = IsBadStringPtrW(pages, 4000), asked = !IsBadStringPtrW(pages, 2048);
    pages[2047] = 0;
    printf("readable: %s %s; not: %s %s; as far as asked: %s\n", Yes(!IsBadStringPtrW(L"text", 100)),
           Yes(!IsBadStringPtrW(pages, 4000)), Yes(unended), Yes(IsBadStringPtrW((WCHAR*)16, 1)), Yes(asked));

    SYSTEM_INFO info;
    GetSystemInfo(&info);
    const DWORD_PTR before = SetThreadAffinityMask(GetCurrentThread(), 1);
    const DWORD_PTR one = SetThreadAffinityMask(GetCurrentThread(), before);
    printf("on 1 processor from %lu: %s; ", (unsigned long)one, Yes(before == info.dwActiveProcessorMask));
    const DWORD_PTR nowhere = SetThreadAffinityMask(GetCurrentThread(), 0);
    printf("nowhere: %lu error %lu\n", (unsigned long)nowhere, GetLastError());

    CreateSemaphoreW(NULL, 0, 1, L"winapi");
    CreateSemaphoreA(NULL, 0, 1, "winapi");
    printf("opened twice: error %lu; ", GetLastError());
    WCHAR name[16];
    DWORD room = 16, little = 4;
    GetComputerNameW(name, &room);
    GetComputerNameW(name, &little);
    printf("name: %ls %lu, room for %lu\n", name, room, little);
    const int console = WriteConsoleW(NULL, L"x", 1, NULL, NULL);
    printf("no console: %d; code page %u; ", console, GetOEMCP());
    HMODULE data = LoadLibraryExA("msvcrt.dll", NULL, LOAD_LIBRARY_AS_DATAFILE);
    printf("as data: %d error %lu; ", data != NULL, GetLastError());
    printf("as usual: %s\n", Yes(LoadLibraryExA("msvcrt.dll", NULL, 0) == GetModuleHandleA("msvcrt.dll")));
    return 0;
}

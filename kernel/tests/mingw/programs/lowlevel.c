// Files by descriptors, what is known of them, and threads of the C library.
// status: 0
// prints: the first two bytes MZ, at 2; the same length 4 times: yes
// prints: absent: -1 errno 2; written: -1 errno 13; closed: -1 errno 9; from nowhere: -1 errno 22
// prints: regular file: yes, console: yes
// prints: removed: -1 errno 13; renamed: -1 errno 13; no such: -1 errno 2
// prints: back at 3: yes; names differ: yes; no pipe: yes
// prints: thread ended with 42; without a handle: 7
// prints: a|bb|c, errno of times 13, milliseconds below 1000: yes
// prints: wide M then Z, Z again; U+0416 is no byte: yes; 0041 <= letters
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timeb.h>
#include <sys/utime.h>
#include <wchar.h>
#include <wctype.h>
#include <windows.h>

#define ME "\\Boot\\lowlevel.exe"

static volatile LONG said;
static unsigned __stdcall Answer(void* parameter) {
    errno = 5; // its own
    return *(int*)parameter + 1;
}
static void Say(void* parameter) { InterlockedExchange(&said, (LONG)(LONG_PTR)parameter); }

static int Error(int result, int* error) {
    *error = errno;
    errno = 0;
    return result;
}

int main(void) {
    char bytes[2];
    int file = _open(ME, _O_RDONLY | _O_BINARY), e[4];
    const int count = _read(file, bytes, 2);
    const long at = _lseek(file, 0, SEEK_CUR);
    const __int64 end = _lseeki64(file, 0, SEEK_END);
    struct _stat status;
    struct __stat64 status64;
    _stat(ME, &status);
    _fstat64(file, &status64);
    printf("the first two bytes %.*s, at %ld; the same length 4 times: %s\n", count, bytes, at,
           end == status.st_size && end == status64.st_size && end == _filelengthi64(file) ? "yes" : "no");
    errno = 0;
    const int absent = Error(_open("nothing.txt", _O_RDONLY), &e[0]), write = Error(_write(file, bytes, 2), &e[1]);
    _close(file);
    const int closed = Error(_read(file, bytes, 2), &e[2]);
    file = _wopen(L"" ME, _O_RDONLY);
    const int nowhere = Error((int)_lseek(file, 0, 9), &e[3]);
    printf("absent: %d errno %d; written: %d errno %d; closed: %d errno %d; from nowhere: %d errno %d\n", absent, e[0],
           write, e[1], closed, e[2], nowhere, e[3]);
    _close(file);
    struct __stat64 console;
    _fstat64(1, &console);
    printf("regular file: %s, console: %s\n", (status.st_mode & _S_IFREG) ? "yes" : "no",
           (console.st_mode & _S_IFCHR) && _isatty(1) ? "yes" : "no");
    const int removed = Error(remove(ME), &e[0]), renamed = Error(rename(ME, "x"), &e[1]);
    printf("removed: %d errno %d; renamed: %d errno %d; no such: %d", removed, e[0], renamed, e[1], _unlink("x"));
    printf(" errno %d\n", errno);
    FILE* stream = fopen(ME, "rb");
    fpos_t place;
    fseek(stream, 3, SEEK_SET);
    fgetpos(stream, &place);
    const int third = fgetc(stream);
    fseek(stream, 0, SEEK_END);
    fsetpos(stream, &place);
    char first[L_tmpnam];
    strcpy(first, tmpnam(NULL));
    printf("back at 3: %s; names differ: %s; no pipe: %s\n", ftell(stream) == 3 && fgetc(stream) == third ? "yes" : "no",
           strcmp(first, tmpnam(NULL)) ? "yes" : "no", _popen("x", "r") || !errno ? "no" : "yes");
    int number = 41;
    DWORD ended = 0;
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, Answer, &number, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &ended);
    CloseHandle(thread);
    const int begun = _beginthread(Say, 0, (void*)7) != (uintptr_t)-1;
    while (begun && said == 0)
        Sleep(1);
    printf("thread ended with %lu; without a handle: %ld\n", ended, said);
    char words[] = " a, bb,c,, ";
    struct _timeb now;
    _ftime(&now);
    for (char* word = strtok(words, " ,"); word; word = strtok(NULL, " ,"))
        printf("%s%s", word == words + 1 ? "" : "|", word);
    printf(", errno of times %d, milliseconds below 1000: %s\n", _utime(ME, NULL) < 0 ? errno : 0,
           now.millitm < 1000 && now.time >= 946684800 ? "yes" : "no");
    rewind(stream);
    const wint_t letter = getwc(stream), next = getwc(stream);
    ungetwc(next, stream);
    printf("wide %c then %c, %c again; U+0416 is no byte: %s; %04x <= letters\n", letter, next, getwc(stream),
           putwc(0x416, stderr) == WEOF ? "yes" : "no", iswctype(L'A', _ALPHA) && !iswctype(L'1', _ALPHA) ? 0x41 : 0);
    return 0;
}

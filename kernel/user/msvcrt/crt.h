// Private to msvcrt: what its files share, and the documented layouts that programs of other compilers know.
//
// Locks: those of locks.cpp, by number. A stream's buffer, the table of routines to call at the end, and the environment have one each.
// In the books: none; the C standard's chapter on the library, and the public documentation of the C run-time library.
#pragma once

#include "ntdll.h"

constexpr int EOF = -1;
constexpr int ENOENT = 2, EBADF = 9, ENOMEM = 12, EACCES = 13, EINVAL = 22, EMFILE = 24, ERANGE = 34; ///< documented

/// Numbers of the locks that _lock takes; the first ones are documented by no header, programs of mingw-w64 name 8.
enum class CRT_LOCK : int { EndRoutines = 8, Descriptors = 11, Streams = 16, Count = 36 };

/// A stream: macros of the compiler's headers write into its buffer, so its layout is documented.
struct FILE {
    char* _ptr;  ///< the buffer's next byte
    int _cnt;    ///< bytes that are free behind it
    char* _base; ///< the buffer; nullptr: none yet, or never one
    int _flag;   ///< CRT_STREAM_*
    int _file;   ///< number of the descriptor
    int _charbuf;
    int _bufsiz;
    char* _tmpfname;
};
PUBLIC_SIZE(FILE, 32);

constexpr int CRT_STREAMS = 20;
constexpr int CRT_STREAM_READ = 0x01, CRT_STREAM_WRITE = 0x02, CRT_STREAM_UNBUFFERED = 0x04,
              CRT_STREAM_MY_BUFFER = 0x08, CRT_STREAM_END = 0x10, CRT_STREAM_ERROR = 0x20, CRT_STREAM_BOTH = 0x80;

using CRT_ROUTINE = void(CDECL*)();
using CRT_END_ROUTINE = int(CDECL*)(); ///< as _onexit takes it

/// Holds a lock of the library.
class CRT_GUARD {
public:
    explicit CRT_GUARD(CRT_LOCK lock);
    ~CRT_GUARD();
    CRT_GUARD(const CRT_GUARD&) = delete;
    CRT_GUARD& operator=(const CRT_GUARD&) = delete;

private:
    CRT_LOCK m_lock;
};

/// A wide text in the ANSI code page, for as long as this object lives.
class CRT_NARROW {
public:
    explicit CRT_NARROW(const WCHAR* wide);
    ~CRT_NARROW();
    CRT_NARROW(const CRT_NARROW&) = delete;
    CRT_NARROW& operator=(const CRT_NARROW&) = delete;
    [[nodiscard]] const char* Get() const { return m_text; } ///< nullptr: memory was short, and errno says it

private:
    char* m_text;
};

/// What DllMain does as the process begins, in this order. @returns whether there was memory
bool CrtMakeLocks();
bool CrtMakePerThread();
bool CrtMakeEnvironment();
/// The count of clock() begins.
void CrtBeginClock();
/// Gives back what the running thread has of its own; as the thread ends.
void CrtDropPerThread();
/// Writes what streams still hold; as the process ends.
void CrtFlushAll();
/// Descriptors 0, 1 and 2 become what the process was given.
void CrtTakeStandardHandles();
/// Opens a file as kernel32's CreateFile does. @returns its descriptor; -1: errno says why
int CrtOpen(const char* name, ULONG access, ULONG disposition, bool text, bool append);
/// @returns false: errno says why
bool CrtClose(int number);
/// Writes bytes; of a text with "\r\n" for "\n". @returns whether all were written; else errno says why
bool CrtWrite(int number, const char* bytes, SIZE_T count);
/// Reads at most `room` bytes; of a text with "\n" for "\r\n". @returns how many; 0: the end; -1: errno says why
LONG CrtRead(int number, char* bytes, ULONG room);
/// @param from 0: the begin, 1: where it is, 2: the end. @returns the place in the file; -1: errno says why
LONGLONG CrtSeek(int number, LONGLONG distance, ULONG from);
bool CrtIsText(int number);

extern "C" {
extern FILE _iob[CRT_STREAMS];
int* CDECL _errno();
void* CDECL malloc(SIZE_T size);
void CDECL free(void* block);
[[noreturn]] void CDECL exit(int status);
[[noreturn]] void CDECL _exit(int status);
void CDECL _lock(int number);
void CDECL _unlock(int number);
SIZE_T CDECL fwrite(const void* bytes, SIZE_T size, SIZE_T count, FILE* stream);
int CDECL fputs(const char* text, FILE* stream);
int CDECL fprintf(FILE* stream, const char* format, ...);
SIZE_T CDECL strcspn(const char* text, const char* set);
char* CDECL strerror(int error);
char* CDECL getenv(const char* name);
int CDECL _isatty(int number);
LONGLONG CDECL _filelengthi64(int number);
int CDECL ispunct(int character);
int CDECL iscntrl(int character);
FILE* CDECL fopen(const char* name, const char* mode);
int CDECL getc(FILE* stream);
int CDECL fputc(int character, FILE* stream);
int CDECL ungetc(int character, FILE* stream);
int CDECL fseek(FILE* stream, long distance, int from);
long CDECL ftell(FILE* stream);
}

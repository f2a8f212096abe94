// Private to msvcrt: what its files share, and the documented layouts that programs of other compilers know.
//
// Locks: those of locks.cpp, by number. A stream's buffer, the table of routines to call at the end, and the environment have one each.
// In the books: none; the C standard's chapter on the library, and the public documentation of the C run-time library.
#pragma once

#include "ntdll.h"

constexpr int EOF = -1;
constexpr int EBADF = 9, ENOMEM = 12, EINVAL = 22, ERANGE = 34;

/// Numbers of the locks that _lock takes; the first ones are documented by no header, programs of mingw-w64 name 8.
enum class CRT_LOCK : int { EndRoutines = 8, Streams = 16, Count = 36 };

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
constexpr int CRT_STREAM_READ = 0x01, CRT_STREAM_WRITE = 0x02, CRT_STREAM_UNBUFFERED = 0x04, CRT_STREAM_ERROR = 0x20;

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

/// What DllMain does as the process begins, in this order. @returns whether there was memory
bool CrtMakeLocks();
bool CrtMakeErrno();
bool CrtMakeEnvironment();
/// Gives the running thread's errno back; as the thread ends.
void CrtDropErrno();
/// Writes what streams still hold; as the process ends.
void CrtFlushAll();
/// Writes bytes of a descriptor, with "\r\n" for "\n". @returns whether all were written; sets errno
bool CrtWrite(int descriptor, const char* bytes, SIZE_T count);

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
char* CDECL strerror(int error);
}

// Private to msvcrt: what each thread has of its own.
#pragma once

#include "calendar.h"
#include "crt.h"

/// A thread's part of the library's state; zeros at first.
struct CRT_PER_THREAD {
    int Errno;
    TM Time;           ///< what gmtime and localtime tell
    char TimeText[28]; ///< what asctime tells
    char* Token;       ///< where strtok goes on
};

/// The running thread's, made at its first use. A thread for which there is no memory shares one with others like it.
CRT_PER_THREAD& CrtPerThread();

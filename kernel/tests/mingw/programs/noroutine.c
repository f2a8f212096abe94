// A DLL that is there lacks a routine: the program does not begin, and the message names both.
// status: 0xc0000139
// prints: noroutine.exe: msvcrt.dll does not have the routine _wspawnvpe (c0000139)
#include <process.h>
#include <stdio.h>

int main(void) {
    printf("not reached\n");
    return (int)_wspawnvpe(_P_WAIT, L"x", NULL, NULL);
}

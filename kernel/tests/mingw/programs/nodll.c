// A DLL is not there: the program does not begin, and the message names it.
// status: 0xc0000135
// prints: nodll.exe: SHELL32.dll is missing (c0000135)
#include <stdio.h>
#include <windows.h>
#include <shlobj.h>

int main(void) {
    printf("not reached\n");
    return IsUserAnAdmin();
}

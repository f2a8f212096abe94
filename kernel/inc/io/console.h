// The console as the kernel sees it: who has the keyboard, the monitor or the programs.
//
// The monitor and the console share COM1. While the monitor runs it has been lent the input; the console gets it back afterwards.
// A key, Ctrl+], asks for the monitor.
// In the books: "console windows", "kernel debugging". SYS-05, TOL-06
#pragma once

#include "nt/types.h"

constexpr CHAR CONSOLE_MONITOR_KEY = 0x1D; ///< Ctrl+]

extern "C" {
/// Makes \Device\Console. @irql PASSIVE_LEVEL, boot
BOOLEAN NTAPI IoInitConsole();
/// The monitor reads the serial port itself from now on, or does so no longer. @irql PASSIVE_LEVEL
void NTAPI IoLendConsoleInput(BOOLEAN Lend);
/// Lets the console take input, also before a program reads, and waits for the monitor's key, or for another object. @returns whether it
/// was the key. @irql PASSIVE_LEVEL
BOOLEAN NTAPI IoWaitForMonitorKey(PVOID Other);
/// A character has been typed: what a driver of a keyboard calls. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI IoTypeCharacter(CHAR Character);
}

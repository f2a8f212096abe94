// Private to io/console.
#pragma once

#include "io/console.h"
#include "io/consolectl.h"
#include "io/iop.h"

// input.cpp
void IopInitializeConsoleInput();
/// Waits for typed text. @param endOfFile receives whether its end was typed instead. @returns STATUS_SUCCESS; as IoWaitForFile
NTSTATUS IopReadConsole(FILE_OBJECT* file, KPROCESSOR_MODE mode, UCHAR* text, ULONG room, ULONG* bytes,
                        bool* endOfFile);
ULONG IopConsoleMode();
NTSTATUS IopSetConsoleMode(ULONG mode);
// control.cpp
/// Ctrl+C: signals the events. @irql <= DISPATCH_LEVEL
void IopSignalControlEvents();
/// @param event its reference becomes the registration's; nullptr: none any more
NTSTATUS IopSetControlEvent(FILE_OBJECT* file, PKEVENT event);
/// Whether a process that runs has registered one. @param processId as PsLookupProcessByProcessId
bool IopHandlesControl(HANDLE processId);
/// @param process nullptr: of any process
void IopForgetControlEvents(FILE_OBJECT* file, EPROCESS* process);
// serial.cpp
/// Connects the serial port's interrupt, if no thread has done so before.
void IopEnableConsoleInput();
void IopInitializeConsolePort();
// keyboard.cpp
/// Connects the PS/2 keyboard's interrupt, if there is a controller. Once.
void IopConnectKeyboard();

// What programs ask of a console besides reading and writing: NtDeviceIoControlFile's codes. Programs include this header too.
//
// The flags of the mode are those that console programs know; the codes are Mica's own.
// In the books: "console windows". SYS-05
#pragma once

#include "io/files.h"

/// @param function 0x800 and above: not the public ones
constexpr ULONG IoConsoleCode(ULONG function) { return FILE_DEVICE_CONSOLE << 16 | function << 2; }

constexpr ULONG IOCTL_CONSOLE_GET_MODE = IoConsoleCode(0x800); ///< output: ULONG
constexpr ULONG IOCTL_CONSOLE_SET_MODE = IoConsoleCode(0x801); ///< input: ULONG
constexpr ULONG IOCTL_CONSOLE_GET_SIZE = IoConsoleCode(0x802); ///< output: CONSOLE_SIZE
/// Input: HANDLE of an event, which Ctrl+C signals from now on, for as long as the process has this file open; nullptr: none.
constexpr ULONG IOCTL_CONSOLE_SET_CONTROL_EVENT = IoConsoleCode(0x803);
/// Input: HANDLE, a process's ID; output: ULONG, whether it has such an event.
constexpr ULONG IOCTL_CONSOLE_HANDLES_CONTROL = IoConsoleCode(0x804);
/// Does as if Ctrl+C had been typed: signals the events.
constexpr ULONG IOCTL_CONSOLE_GENERATE_CONTROL = IoConsoleCode(0x805);

/// Ctrl+R: the editor of a line shows the line again. It is typed by itself when the monitor gives the console back.
constexpr CHAR CONSOLE_REPRINT_KEY = 0x12;

// Flags of the mode. The mode belongs to the console, not to a handle.
constexpr ULONG ENABLE_PROCESSED_INPUT = 0x1; ///< Ctrl+C is an event, not a character
constexpr ULONG ENABLE_LINE_INPUT = 0x2;      ///< a read gets whole lines, which can be edited before
constexpr ULONG ENABLE_ECHO_INPUT = 0x4;      ///< lines are shown while they are typed
constexpr ULONG CONSOLE_MODE_FLAGS = 0x7;

/// The window in characters.
struct CONSOLE_SIZE {
    USHORT Columns;
    USHORT Rows;
};

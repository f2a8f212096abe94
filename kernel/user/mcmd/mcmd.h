// Private to mcmd: what its files know of each other.
//
// In the books: "user-mode processes", "console windows". SYS-05, PRC-05
#pragma once

#include "user/program.h"

#include "ps/information.h"

constexpr ULONG MCMD_LINE = 512; ///< characters of a line, its variables replaced

/// What the shell keeps from line to line.
struct MCMD_STATE {
    HANDLE ControlC;     ///< signaled by Ctrl+C while a program runs
    NTSTATUS LastStatus; ///< how the last program ended
    bool Leave;          ///< `exit`
    NTSTATUS ExitStatus; ///< of the shell itself
};
extern MCMD_STATE Mcmd;

/// A text with room for one line.
struct MCMD_TEXT {
    WCHAR Characters[MCMD_LINE];
    UNICODE_STRING String; ///< its Buffer is Characters
};

// input.cpp
/// Shows the prompt and reads a line. @returns STATUS_END_OF_FILE: there is none any more; STATUS_CANCELLED: it was given up
NTSTATUS McmdReadLine(MCMD_TEXT* line);
/// Programs find the console as it is at first: lines, echo, Ctrl+C an event.
void McmdLendConsole();
void McmdPrompt();

// complete.cpp
/// Completes the last word of a line. @param add receives what to type behind it, "" if nothing.
/// @returns whether names were listed, so that the line must be shown again
bool McmdComplete(PCSTR line, CHAR* add, ULONG size);

// commands.cpp
/// Runs a command of the shell's own. @returns false: it has none of that name
bool McmdRunOwn(const nt::Words& words);
/// Calls a routine with the name of each command.
void McmdListCommands(void (*found)(PVOID context, PCSTR name), PVOID context);

// expand.cpp
/// Replaces each %NAME% that is a variable by its value, and %STATUS% by the last program's exit status.
/// @returns STATUS_BUFFER_TOO_SMALL: it is too long then
NTSTATUS McmdExpand(const UNICODE_STRING& line, MCMD_TEXT* expanded);

// redirect.cpp
/// The standard handles of a program that is about to be started.
class MCMD_STREAMS {
public:
    /// Takes `< NAME`, `> NAME` and `2> NAME` off a line, and opens what they name; says what is wrong.
    MCMD_STREAMS() = default;
    ~MCMD_STREAMS();
    MCMD_STREAMS(const MCMD_STREAMS&) = delete;
    MCMD_STREAMS& operator=(const MCMD_STREAMS&) = delete;
    bool Open(MCMD_TEXT* line);

    /// The file, or the shell's own handle.
    [[nodiscard]] HANDLE Input() const;
    [[nodiscard]] HANDLE Output() const;
    [[nodiscard]] HANDLE Error() const;

private:
    bool OpenOne(const UNICODE_STRING& name, bool write, HANDLE* file);

    HANDLE m_input = nullptr, m_output = nullptr, m_error = nullptr;
};

// run.cpp
/// Runs a program. @param wait until it has ended; Ctrl+C ends it then
void McmdRun(const UNICODE_STRING& program, const UNICODE_STRING& line, const MCMD_STREAMS& streams, bool wait);

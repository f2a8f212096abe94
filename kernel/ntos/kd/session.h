// KD_SESSION: what a monitor command talks to: its arguments, where its output goes, and whether the kernel runs.
//
// Output goes to COM1 and the screen, page by page if `more on` was said, or into a buffer (KdExecuteCommand).
// In the books: "kernel debugging". TOL-06
#pragma once

#include "kd.h"
#include "rtl/lineedit.h"
#include "nt/types.h"

/// One conversation with the monitor.
class KD_SESSION {
public:
    /// @param stopped registers of the moment at which the kernel was stopped; nullptr: it runs on.
    explicit KD_SESSION(CONTEXT* stopped) : m_stopped(stopped) {}
    /// A session whose output is collected: always terminated, cut to fit.
    KD_SESSION(CONTEXT* stopped, PSTR buffer, SIZE_T size) : m_stopped(stopped), m_buffer(buffer), m_size(size) {
        if (size) *buffer = 0;
    }

    /// Prints, at most 256 characters at a time.
    void Print(PCSTR format, ...) __attribute__((format(printf, 2, 3)));
    /// Whether there is one more word.
    [[nodiscard]] bool HasWord();
    /// The next word of the command's arguments, cut to fit. @returns false if there is none.
    bool NextWord(PSTR word, SIZE_T size);
    /// The next word as a number (decimal, or hexadecimal after 0x). @returns false if there is none or it is not one;
    /// the latter is said to the user.
    bool NextNumber(ULONG* number);

    /// nullptr while the kernel runs; otherwise nothing moves, and locks must not be taken: their holders are stopped.
    [[nodiscard]] CONTEXT* Stopped() const { return m_stopped; }
    /// The user has seen enough (q at the end of a page): a long command may stop early.
    [[nodiscard]] bool HasEnough() const { return m_enough; }

    void SetArguments(PCSTR text) { m_arguments = text; }
    void SetPaging(bool on) { m_paging = on; }
    void BeginCommand();
    /// Ends the monitor after this command: `go`.
    void Leave() { m_leave = true; }
    [[nodiscard]] bool IsOver() const { return m_leave; }

    /// Waits for a character. With the kernel running other threads run meanwhile.
    CHAR ReadChar();
    /// Shows the prompt and waits for a line. With the kernel running the other threads run for a moment before each
    /// line, also before one that was typed ahead.
    /// @param editor edits the line; it has the line afterwards.
    void ReadLine(nt::LineEditor& editor);

private:
    void LetOthersRun();
    void Emit(PSTR text);
    void EndPage();

    CONTEXT* m_stopped;
    PSTR m_buffer = nullptr;
    SIZE_T m_size = 0;
    PCSTR m_arguments = "";
    ULONG m_row = 0;
    bool m_paging = false;
    bool m_enough = false;
    bool m_leave = false;
};

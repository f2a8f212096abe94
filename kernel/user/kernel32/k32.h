// Private to kernel32: what its files share.
#pragma once

#include "kernel32.h"

/// Notes a status as the last error. @returns whether it is a success, for the caller to return
BOOL BaseSucceeded(NTSTATUS status);

/// A time to wait as the services want it. Holds the value that they are given the address of.
class BASE_TIMEOUT {
public:
    explicit BASE_TIMEOUT(DWORD milliseconds) : m_infinite(milliseconds == INFINITE) {
        constexpr LONGLONG unitsPerMillisecond = -10'000; // 100 ns; negative: from now on
        m_value.QuadPart = LONGLONG(milliseconds) * unitsPerMillisecond;
    }
    LARGE_INTEGER* Get() { return m_infinite ? nullptr : &m_value; }

private:
    LARGE_INTEGER m_value;
    bool m_infinite;
};

/// A text of one-byte characters as a UNICODE_STRING, for as long as this object lives.
class BASE_WIDE {
public:
    /// @param text nullptr gives no string
    explicit BASE_WIDE(PCSTR text);
    ~BASE_WIDE() { RtlFreeUnicodeString(&m_wide); }
    BASE_WIDE(const BASE_WIDE&) = delete;
    BASE_WIDE& operator=(const BASE_WIDE&) = delete;

    [[nodiscard]] NTSTATUS Status() const { return m_status; } ///< STATUS_NO_MEMORY, STATUS_NAME_TOO_LONG
    PUNICODE_STRING Get() { return m_wide.Buffer ? &m_wide : nullptr; }

private:
    UNICODE_STRING m_wide{};
    NTSTATUS m_status = STATUS_SUCCESS;
};

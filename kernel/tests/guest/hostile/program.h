// A program of the boot list that this driver starts, waits for and kills.
#pragma once

#include "guest_test.h"
#include "ob.h"
#include "ob/sync.h"
#include "ps.h"
#include "ps/services.h"
#include "rtl/string.h"

class STARTED_PROGRAM {
public:
    STARTED_PROGRAM() = default;
    ~STARTED_PROGRAM() {
        if (m_handle) (void)ZwClose(m_handle);
    }
    STARTED_PROGRAM(const STARTED_PROGRAM&) = delete;
    STARTED_PROGRAM& operator=(const STARTED_PROGRAM&) = delete;

    /// With two numbers as its command line.
    NTSTATUS Start(PCWSTR file, ULONG first, ULONG second) {
        WCHAR line[48];
        ULONG length = 0;
        Add(line, &length, u"program ", 0);
        Add(line, &length, nullptr, first);
        Add(line, &length, u" ", 0);
        Add(line, &length, nullptr, second);
        line[length] = 0;
        UNICODE_STRING name, command;
        RtlInitUnicodeString(&name, file);
        RtlInitUnicodeString(&command, line);
        return PsCreateInitialUserProcess(&name, &command, &m_handle);
    }
    /// Waits for some ticks of the clock. @returns whether it has ended
    bool HasEnded(ULONG ticks) const {
        LARGE_INTEGER limit = KeRelativeMilliseconds(TICK * ticks);
        return ZwWaitForSingleObject(m_handle, FALSE, &limit) == STATUS_SUCCESS;
    }
    /// @returns whether it has ended for that
    [[nodiscard]] bool Kill() const {
        (void)ZwTerminateProcess(m_handle, STATUS_ABANDONED);
        return HasEnded(200);
    }
    [[nodiscard]] HANDLE Handle() const { return m_handle; }

private:
    static constexpr ULONG TICK = 10; ///< milliseconds
    static void Add(PWSTR line, ULONG* length, PCWSTR text, ULONG number) {
        WCHAR digits[12] = {};
        ULONG at = 11;
        if (!text) {
            do
                digits[--at] = WCHAR(u'0' + number % 10);
            while ((number /= 10) != 0);
            text = digits + at;
        }
        while (*text != 0)
            line[(*length)++] = *text++;
    }
    HANDLE m_handle = nullptr;
};

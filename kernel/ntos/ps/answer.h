// The answer of a service that tells one structure about the object of a handle.
//
// In the books: "probing and capturing parameters". TRP-06
#pragma once

#include "rtl/capture.h"
#include "ke.h"
#include "ob/handles.h"
#include "ps/services.h"
#include "rtl/string.h"

/// Where the answer goes.
/// shared: no, on the thread's stack
class PSP_ANSWER {
public:
    PSP_ANSWER(PVOID buffer, ULONG length, ULONG* returnLength)
        : m_mode(ExGetPreviousMode()), m_buffer(buffer), m_length(length), m_returnLength(returnLength) {}

    /// Describes the object. The buffer has exactly the structure's size.
    template <typename T, typename DESCRIBE>
    NTSTATUS Give(HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, DESCRIBE describe) {
        using INFORMATION = decltype(describe(static_cast<T*>(nullptr)));
        constexpr ULONG alignment = alignof(INFORMATION) < 4 ? alignof(INFORMATION) : 4;
        if (m_length != sizeof(INFORMATION)) return STATUS_INFO_LENGTH_MISMATCH;
        NT_TRY(RtlProbeCaller(m_mode, m_buffer, sizeof(INFORMATION), alignment));
        NT_TRY(nt::ProbeOptional(m_mode, m_returnLength));
        nt::ObjectRef<T> object;
        NT_TRY(object.Open(handle, access, type, m_mode));
        const INFORMATION told = describe(object.Get());
        NT_TRY(RtlTellCaller(m_mode, m_buffer, &told, sizeof(told)));
        return nt::TellOptional(m_mode, m_returnLength, ULONG(sizeof(told)));
    }

private:
    const KPROCESSOR_MODE m_mode;
    PVOID const m_buffer;
    const ULONG m_length;
    ULONG* const m_returnLength;
};

// Private to rtl/i386: the registration chain of the current stack, and how a handler is called.
#pragma once

#include "rtl/exception.h"

/// Ends the chain.
inline EXCEPTION_REGISTRATION_RECORD* const RtlpChainEnd =
    reinterpret_cast<EXCEPTION_REGISTRATION_RECORD*>(~ULONG_PTR(0));

/// The innermost registration: fs:[0].
inline EXCEPTION_REGISTRATION_RECORD* RtlpRegistrationHead() {
    EXCEPTION_REGISTRATION_RECORD* head;
    __asm__ __volatile__("movl %%fs:0, %0" : "=r"(head)::"memory");
    return head;
}

inline void RtlpSetRegistrationHead(EXCEPTION_REGISTRATION_RECORD* head) {
    __asm__ __volatile__("movl %0, %%fs:0" ::"r"(head) : "memory");
}

/// The part of the current stack in which registrations are believed.
struct RTLP_CHAIN_BOUNDS {
    ULONG_PTR Lowest; ///< the next registration must not lie below this; moves up with the walk
    ULONG_PTR High;

    RTLP_CHAIN_BOUNDS();
    /// @returns whether `record` is aligned, on the stack, and above every record asked about before.
    bool Accept(const EXCEPTION_REGISTRATION_RECORD* record);
};

/// Calls a frame's handler under a registration of our own, so that an exception in the handler is recognised.
/// @param guard what that registration says: RtlpNestedExceptionHandler or RtlpCollidedUnwindHandler.
EXCEPTION_DISPOSITION RtlpExecuteHandler(EXCEPTION_RECORD* record, EXCEPTION_REGISTRATION_RECORD* frame,
                                         CONTEXT* context, EXCEPTION_REGISTRATION_RECORD** dispatcherContext,
                                         EXCEPTION_ROUTINE* guard);

/// While handlers are asked: an exception that comes from inside one of them is a nested one.
EXCEPTION_ROUTINE RtlpNestedExceptionHandler;
/// While termination handlers run: an unwind that starts inside one of them takes over from the interrupted one.
EXCEPTION_ROUTINE RtlpCollidedUnwindHandler;

/// Raises `status` because of `cause`; does not come back.
[[noreturn]] void RtlpRaiseBecauseOf(NTSTATUS status, EXCEPTION_RECORD* cause);

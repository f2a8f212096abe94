// Calls as user mode makes them, for tests of services that check what they are given.
#pragma once

#include "ke.h"

/// Runs a routine as if user mode had called.
template <typename ROUTINE> NTSTATUS AsUserMode(ROUTINE routine) {
    KTHREAD* const thread = KeGetCurrentThread();
    const KPROCESSOR_MODE before = thread->PreviousMode;
    thread->PreviousMode = UserMode;
    const NTSTATUS status = routine();
    thread->PreviousMode = before;
    return status;
}

// Where a processor is: its registers and its stack trace, taken while it stands still.
//
// In a stopped kernel the others are frozen already. While the kernel runs, they are frozen for the moment that it takes
// to copy: nothing is printed meanwhile, and nothing is read afterwards, for the thread may end and its stack go.
// In the books: "kernel debugging: processors". TOL-06
#pragma once

#include "ke/processor.h"
#include "session.h"

constexpr ULONG KD_PROCESSOR_FRAMES = 32;

/// A copy of what a processor does at one moment.
struct KD_PROCESSOR_VIEW {
    const KTHREAD* Thread;
    ULONG ThreadId;
    CHAR ThreadName[16];
    KIRQL Irql;
    bool Here;     ///< the processor that looks
    bool Answered; ///< Context is good
    CONTEXT Context;
    ULONG CallerCount;
    PVOID Callers[KD_PROCESSOR_FRAMES];
};

/// @returns false if there is no such processor.
bool KdpViewProcessor(const KD_SESSION& session, ULONG number, KD_PROCESSOR_VIEW* view);
/// The stack trace of a view, a frame a line.
void KdpPrintProcessorStack(KD_SESSION& session, const KD_PROCESSOR_VIEW& view);

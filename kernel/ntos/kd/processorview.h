// Where a processor is: its registers, taken while it stands still.
//
// In a stopped kernel the others are frozen already. While the kernel runs, they are frozen for the moment that it takes
// to copy: nothing is printed meanwhile.
// In the books: "kernel debugging: processors". TOL-06
#pragma once

#include "ke/processor.h"
#include "session.h"

struct KD_PROCESSOR_VIEW {
    const KTHREAD* Thread;
    KIRQL Irql;
    bool Here;     ///< the processor that looks
    bool Answered; ///< Context is good
    CONTEXT Context;
};

/// @returns false if there is no such processor.
bool KdpViewProcessor(const KD_SESSION& session, ULONG number, KD_PROCESSOR_VIEW* view);
/// The stack trace of a view, a frame a line.
void KdpPrintProcessorStack(KD_SESSION& session, const KD_PROCESSOR_VIEW& view);

// The trace of a run: what happened at each point, for the timeline.
//
// Locks: none, the baton's holder writes. IRQL: any.
// In the books: none. SYH-01
#include "kx.h"

static KX_TRACE_ENTRY KxTraceBuffer[KX_TRACE_ENTRIES]; // shared: the baton's holder writes it

void KxBeginTrace() {
    KxControl.TraceAddress = KxTraceBuffer;
    KxControl.TraceCapacity = KX_TRACE_ENTRIES;
    KxControl.TraceCount = 0;
}

void KxTracePoint(KX_POINT kind, ULONG size, ULONG_PTR pc, ULONG_PTR object) {
    const ULONG index = KxControl.TraceCount++;
    if (index >= KX_TRACE_ENTRIES) return; // counted: the reader says how much is missing
    const KPCR* const pcr = KeGetPcr();
    KxTraceBuffer[index] = {
        .Step = KxRun.Step,
        .Processor = pcr->Number,
        .Kind = kind,
        .Irql = static_cast<UCHAR>(pcr->Irql),
        .Size = UCHAR(size),
        .Pc = pc,
        .Object = object,
    };
}

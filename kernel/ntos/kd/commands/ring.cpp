// ring: the last events of the event ring, oldest first, all processors in their global order.
#include "kd/commands.h"
#include "kd/names.h"
#include "etw.h"
#include "ke/processor.h"
#include "nt/atomic.h"

namespace {

constexpr ULONG DEFAULT_EVENTS = 20;

ULONG SequenceOf(const ETW_RECORD& record) { return *const_cast<const volatile ULONG*>(&record.Sequence); }

/// Copies the record with the given sequence number. @returns whether a ring has it (still: while one looks, its
/// processor may write another one over it, and what was copied would be a mixture).
/// A processor's records are in rising order, so the newest is looked at first.
bool CopyRecord(ULONG sequence, ETW_RECORD* record) {
    for (const ETW_RING& ring : EtwRing) {
        if (!ring.Records) continue;
        const ULONG next = ring.Next;
        const ULONG kept = next < ring.Size ? next : ring.Size;
        for (ULONG back = 1; back <= kept; back++) {
            const ETW_RECORD& seen = ring.Records[(next - back) % ring.Size];
            const ULONG number = SequenceOf(seen);
            if (number == sequence) {
                *record = seen;
                KeCompilerBarrier();
                return SequenceOf(seen) == sequence;
            }
            if (number < sequence) break;
        }
    }
    return false;
}

} // namespace

KD_COMMAND(ring, "[n]", "the last n events (20)") {
    ULONG count = DEFAULT_EVENTS;
    (void)session.NextNumber(&count);
    const auto last = static_cast<ULONG>(EtwSequence); // looking makes events, too: these are not shown
    if (count > last) count = last;
    if (count > ETW_MOST_RECORDS) count = ETW_MOST_RECORDS;
    session.Print("    seq           time cpu/irql event      arguments\n");
    for (ULONG sequence = last - count + 1; sequence <= last && !session.HasEnough(); sequence++) {
        ETW_RECORD record;
        if (!CopyRecord(sequence, &record)) continue;
        session.Print("%7u %14llu %2u/%-2u %-13s %08x %08x %08x %08x\n", record.Sequence,
                      static_cast<unsigned long long>(record.Time), record.Processor, record.Irql,
                      KdpEventName(static_cast<UCHAR>(record.Event)), record.Argument[0], record.Argument[1],
                      record.Argument[2], record.Argument[3]);
    }
}

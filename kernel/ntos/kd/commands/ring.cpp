// ring: the last events of the event ring, oldest first, all processors in their global order.
#include "kd/commands.h"
#include "kd/names.h"
#include "etw.h"
#include "ke/processor.h"

namespace {

constexpr ULONG DEFAULT_EVENTS = 20;

/// The record with the given sequence number, nullptr if no ring has it (any more).
/// A processor's records are in rising order, so the newest is looked at first.
const ETW_RECORD* FindRecord(ULONG sequence) {
    for (const ETW_RING& ring : EtwRing) {
        if (!ring.Records) continue;
        const ULONG kept = ring.Next < ETW_RING_RECORDS ? ring.Next : ETW_RING_RECORDS;
        for (ULONG back = 1; back <= kept; back++) {
            const ETW_RECORD& record = ring.Records[(ring.Next - back) % ETW_RING_RECORDS];
            if (record.Sequence == sequence) return &record;
            if (record.Sequence < sequence) break;
        }
    }
    return nullptr;
}

} // namespace

KD_COMMAND(ring, "[n]", "the last n events (20)") {
    ULONG count = DEFAULT_EVENTS;
    (void)session.NextNumber(&count);
    const auto last = static_cast<ULONG>(EtwSequence); // looking makes events, too: these are not shown
    if (count > last) count = last;
    if (count > ETW_RING_RECORDS) count = ETW_RING_RECORDS;
    session.Print("    seq           time cpu/irql event      arguments\n");
    for (ULONG sequence = last - count + 1; sequence <= last && !session.HasEnough(); sequence++) {
        const ETW_RECORD* const at = FindRecord(sequence);
        if (!at) continue;
        const ETW_RECORD record = *at;
        session.Print("%7u %14llu %2u/%-2u %-13s %08x %08x %08x %08x\n", record.Sequence,
                      static_cast<unsigned long long>(record.Time), record.Processor, record.Irql,
                      KdpEventName(static_cast<UCHAR>(record.Event)), record.Argument[0], record.Argument[1],
                      record.Argument[2], record.Argument[3]);
    }
}

// The event ring: EtwTraceEvent and its memory.
//
// Each processor writes only its own ring, with interrupts off, so that an interrupt's events land before or after a
// record, never inside it. Records of all processors are ordered by a global sequence number. A reader on the outside
// may see a record while it is written: its Sequence is 0 then, and is stored last.
// In the books: "event tracing". EXE-03
#include "etw.h"
#include "ke/processor.h"
#include "nt/atomic.h"
#include "nt/interrupts.h"
#include "nt/timestamp.h"

ETW_RING EtwRing[MAXIMUM_PROCESSORS];
volatile LONG EtwSequence;

namespace {

// The rings of four processors take an eighth of a small machine's memory at most.
constexpr ULONG SMALL_MACHINE = 32u << 20 >> PAGE_SHIFT, SMALLEST_MACHINE = 12u << 20 >> PAGE_SHIFT; // pages
constexpr ULONG SMALL_MACHINES_RECORDS = 2048;

constexpr bool IsPowerOfTwo(ULONG number) { return (number & (number - 1)) == 0; }
static_assert(IsPowerOfTwo(ETW_FEWEST_RECORDS) && IsPowerOfTwo(SMALL_MACHINES_RECORDS) &&
              IsPowerOfTwo(ETW_MOST_RECORDS));

} // namespace

extern "C" ULONG NTAPI EtwQueryRingSize(ULONG MemoryPages, ULONG Wanted) {
    ULONG size = ETW_FEWEST_RECORDS;
    if (Wanted == 0) {
        if (MemoryPages >= SMALL_MACHINE) return ETW_MOST_RECORDS;
        return MemoryPages >= SMALLEST_MACHINE ? SMALL_MACHINES_RECORDS : ETW_FEWEST_RECORDS;
    }
    while (size < ETW_MOST_RECORDS && 2 * size <= Wanted)
        size *= 2;
    return size;
}

extern "C" void NTAPI EtwInitializeProcessor(ULONG Number, ETW_RECORD* Records, ULONG Size) {
    ETW_RING& ring = EtwRing[Number];
    ring.Next = 0;
    ring.Size = Size;
    KeCompilerBarrier();
    ring.Records = Records;
}

extern "C" void NTAPI EtwTraceEvent(ETW_EVENT Event, ULONG_PTR Argument0, ULONG_PTR Argument1, ULONG_PTR Argument2,
                                    ULONG_PTR Argument3) {
    nt::InterruptsOff guard; // also keeps the processor from changing
    const KPCR* const pcr = KeGetPcr();
    ETW_RING& ring = EtwRing[pcr->Number];
    if (!ring.Records) return;
    ETW_RECORD& record = ring.Records[ring.Next & (ring.Size - 1)];

    record.Sequence = 0;
    KeCompilerBarrier();
    record.Time = nt::ReadTimeStamp();
    record.Event = Event;
    record.Processor = pcr->Number;
    record.Irql = static_cast<UCHAR>(pcr->Irql);
    record.Reserved = 0;
    record.Argument[0] = static_cast<ULONG>(Argument0);
    record.Argument[1] = static_cast<ULONG>(Argument1);
    record.Argument[2] = static_cast<ULONG>(Argument2);
    record.Argument[3] = static_cast<ULONG>(Argument3);
    KeCompilerBarrier();
    record.Sequence = static_cast<ULONG>(InterlockedIncrement(&EtwSequence));
    ring.Next = ring.Next + 1;
}

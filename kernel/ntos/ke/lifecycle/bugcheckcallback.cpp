// Bugcheck callbacks: registered by drivers, called when the system stops.
//
// Registration holds CallbackLock at HIGH_LEVEL, so an interrupted registration cannot be met by another one. The round at a
// bugcheck takes no lock: every other processor stands still, and the one that holds the lock may be among them.
// In the books: "crash dump analysis: bugcheck callbacks". TRP-09
#include "ke/ki/bugcheckcallback.h"
#include "kd.h"
#include "ke/spinlock.h"
#include "nt/assert.h"

namespace {

using STATE = KBUGCHECK_BUFFER_DUMP_STATE;

constexpr ULONG SecondaryDataBytes = 512;
constexpr ULONG ShownBytes = 16;    ///< of secondary data
constexpr ULONG RecordLimit = 1000; ///< of one list: a longer one is a circle

KSPIN_LOCK CallbackLock;
// shared: CallbackLock guards changes; the round at a bugcheck reads without the lock
constinit LIST_ENTRY Callbacks = {&Callbacks, &Callbacks};
// shared: as Callbacks
constinit LIST_ENTRY ReasonCallbacks = {&ReasonCallbacks, &ReasonCallbacks};
UCHAR SecondaryData[SecondaryDataBytes]; // shared: the processor's that carries out the bugcheck

ULONG_PTR Number(const void* pointer) { return reinterpret_cast<ULONG_PTR>(pointer); }

ULONG_PTR ChecksumOf(const KBUGCHECK_CALLBACK_RECORD& record) {
    return reinterpret_cast<ULONG_PTR>(record.CallbackRoutine) + Number(record.Buffer) + record.Length +
           Number(record.Component);
}
ULONG_PTR ChecksumOf(const KBUGCHECK_REASON_CALLBACK_RECORD& record) {
    return reinterpret_cast<ULONG_PTR>(record.CallbackRoutine) + Number(record.Component) + ULONG_PTR(record.Reason);
}

/// Holds the lists against every processor and every interrupt of this one.
class ListGuard {
public:
    // KfRaiseIrql makes no capability: the level is a value.
    ListGuard() NO_THREAD_SAFETY_ANALYSIS : m_oldIrql(KfRaiseIrql(HIGH_LEVEL)) {
        KefAcquireSpinLockAtDpcLevel(&CallbackLock);
    }
    ~ListGuard() NO_THREAD_SAFETY_ANALYSIS { // gives back what the constructor took
        KefReleaseSpinLockFromDpcLevel(&CallbackLock);
        KfLowerIrql(m_oldIrql);
    }
    ListGuard(const ListGuard&) = delete;
    ListGuard& operator=(const ListGuard&) = delete;

private:
    const KIRQL m_oldIrql;
};

/// The last one that is registered is called first.
template <typename Record> BOOLEAN Register(LIST_ENTRY& list, Record* record, const Record& content) {
    ListGuard guard;
    if (record->State != STATE::BufferEmpty) return FALSE;
    *record = content;
    record->Checksum = ChecksumOf(*record);
    record->State = STATE::BufferInserted;
    InsertHeadList(&list, &record->Entry);
    return TRUE;
}

template <typename Record> BOOLEAN Deregister(Record* record) {
    ListGuard guard;
    if (record->State != STATE::BufferInserted) return FALSE;
    RemoveEntryList(&record->Entry);
    record->State = STATE::BufferEmpty;
    return TRUE;
}

/// Calls `call(record)` for each record of a list, as long as links and checksums are right. @returns how many were called
template <typename Record, typename Call> ULONG CallAll(LIST_ENTRY& list, Call call) {
    ULONG called = 0;
    const LIST_ENTRY* before = &list;
    for (LIST_ENTRY* entry = list.Flink; entry != &list && called < RecordLimit; entry = entry->Flink) {
        Record* const record = CONTAINING_RECORD(entry, Record, Entry);
        if (entry->Blink != before || record->Checksum != ChecksumOf(*record)) {
            DbgPrint("bugcheck callbacks: record %p is overwritten, those behind it are lost\n", record);
            break;
        }
        before = entry;
        if (record->State != STATE::BufferInserted) continue;
        record->State = STATE::BufferStarted; // stays so if the routine ends in a bugcheck itself
        call(*record);
        record->State = STATE::BufferFinished;
        called++;
    }
    return called;
}

void CallForSecondaryData(KBUGCHECK_REASON_CALLBACK_RECORD& record) {
    KBUGCHECK_SECONDARY_DUMP_DATA data = {};
    data.InBuffer = SecondaryData;
    data.InBufferLength = data.MaximumAllowed = SecondaryDataBytes;
    record.CallbackRoutine(record.Reason, &record, &data, sizeof(data));
    if (!data.OutBuffer || data.OutBufferLength > SecondaryDataBytes) data.OutBufferLength = 0;
    DbgPrint("bugcheck callback %s: %u bytes of data", reinterpret_cast<PCSTR>(record.Component), data.OutBufferLength);
    for (ULONG i = 0; i < data.OutBufferLength && i < ShownBytes; i++)
        DbgPrint(" %02x", static_cast<const UCHAR*>(data.OutBuffer)[i]);
    DbgPrint("\n");
}

} // namespace

ULONG KiCallBugCheckCallbacks() {
    const ULONG called = CallAll<KBUGCHECK_CALLBACK_RECORD>(Callbacks, [](KBUGCHECK_CALLBACK_RECORD& record) {
        record.CallbackRoutine(record.Buffer, record.Length);
        DbgPrint("bugcheck callback %s: finished\n", reinterpret_cast<PCSTR>(record.Component));
    });
    return called +
           CallAll<KBUGCHECK_REASON_CALLBACK_RECORD>(ReasonCallbacks, [](KBUGCHECK_REASON_CALLBACK_RECORD& record) {
               if (record.Reason == KBUGCHECK_CALLBACK_REASON::KbCallbackSecondaryDumpData)
                   CallForSecondaryData(record);
           });
}

extern "C" {

BOOLEAN NTAPI KeRegisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord,
                                         PKBUGCHECK_CALLBACK_ROUTINE CallbackRoutine, PVOID Buffer, ULONG Length,
                                         const UCHAR* Component) {
    return Register(Callbacks, CallbackRecord, {{}, CallbackRoutine, Buffer, Length, Component, 0, {}});
}

BOOLEAN NTAPI KeDeregisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord) {
    return Deregister(CallbackRecord);
}

BOOLEAN NTAPI KeRegisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord,
                                               PKBUGCHECK_REASON_CALLBACK_ROUTINE CallbackRoutine,
                                               KBUGCHECK_CALLBACK_REASON Reason, const UCHAR* Component) {
    if (Reason < KBUGCHECK_CALLBACK_REASON::KbCallbackSecondaryDumpData ||
        Reason > KBUGCHECK_CALLBACK_REASON::KbCallbackAddPages)
        return FALSE;
    return Register(ReasonCallbacks, CallbackRecord, {{}, CallbackRoutine, Component, 0, Reason, {}});
}

BOOLEAN NTAPI KeDeregisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord) {
    return Deregister(CallbackRecord);
}
}

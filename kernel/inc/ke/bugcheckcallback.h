// Bugcheck callbacks: what drivers want to do when the system stops.
//
// A driver registers a record with a routine. At a bugcheck, after everything was shown, each routine is called once, the one that
// was registered last first: it may save its device's state or stop its device. A reason record is called for a purpose.
// The routines run at HIGH_LEVEL with every other processor frozen: no locks, no memory that may be out, no waiting.
// Invariant: a record's State says how far it came: registered, begun, finished. A record whose links or checksum were
// overwritten ends the round, for nothing behind it can be found safely.
// Lock: a spin lock guards both lists; a bugcheck takes none. IRQL: registration at any level.
// In the books: "crash dump analysis: bugcheck callbacks". TRP-09
#pragma once

#include "nt/list.h"

/// How far a record came (documented values).
enum class KBUGCHECK_BUFFER_DUMP_STATE : UCHAR {
    BufferEmpty,    ///< not registered
    BufferInserted, ///< registered
    BufferStarted,  ///< its routine was called
    BufferFinished, ///< and returned
    BufferIncomplete
};

/// @param Buffer, Length: as registered. @irql HIGH_LEVEL
using KBUGCHECK_CALLBACK_ROUTINE = void NTAPI(PVOID Buffer, ULONG Length);
using PKBUGCHECK_CALLBACK_ROUTINE = KBUGCHECK_CALLBACK_ROUTINE*;

/// A driver's request to be called at a bugcheck.
/// shared: while it is registered, the lists' lock guards it
struct KBUGCHECK_CALLBACK_RECORD {
    LIST_ENTRY Entry;
    PKBUGCHECK_CALLBACK_ROUTINE CallbackRoutine;
    PVOID Buffer;
    ULONG Length;           ///< in bytes
    const UCHAR* Component; ///< the driver's name: text that ends with a 0
    ULONG_PTR Checksum;
    KBUGCHECK_BUFFER_DUMP_STATE State;
};
using PKBUGCHECK_CALLBACK_RECORD = KBUGCHECK_CALLBACK_RECORD*;
PUBLIC_SIZE(KBUGCHECK_CALLBACK_RECORD, 32);
PUBLIC_OFFSET(KBUGCHECK_CALLBACK_RECORD, State, 28);

/// What a reason record is called for (documented values).
enum class KBUGCHECK_CALLBACK_REASON : LONG {
    KbCallbackInvalid,
    KbCallbackReserved1,
    KbCallbackSecondaryDumpData, ///< to add data of its own to what is kept of the crash
    KbCallbackDumpIo,            ///< to send each block of a crash dump somewhere else
    KbCallbackAddPages,          ///< to name more pages for a crash dump
};

struct KBUGCHECK_REASON_CALLBACK_RECORD;
/// @param ReasonSpecificData of KbCallbackSecondaryDumpData a KBUGCHECK_SECONDARY_DUMP_DATA. @irql HIGH_LEVEL
using KBUGCHECK_REASON_CALLBACK_ROUTINE = void NTAPI(KBUGCHECK_CALLBACK_REASON Reason,
                                                     KBUGCHECK_REASON_CALLBACK_RECORD* Record, PVOID ReasonSpecificData,
                                                     ULONG ReasonSpecificDataLength);
using PKBUGCHECK_REASON_CALLBACK_ROUTINE = KBUGCHECK_REASON_CALLBACK_ROUTINE*;

/// A driver's request to be called for a purpose.
/// shared: as KBUGCHECK_CALLBACK_RECORD
struct KBUGCHECK_REASON_CALLBACK_RECORD {
    LIST_ENTRY Entry;
    PKBUGCHECK_REASON_CALLBACK_ROUTINE CallbackRoutine;
    const UCHAR* Component;
    ULONG_PTR Checksum;
    KBUGCHECK_CALLBACK_REASON Reason;
    KBUGCHECK_BUFFER_DUMP_STATE State;
};
using PKBUGCHECK_REASON_CALLBACK_RECORD = KBUGCHECK_REASON_CALLBACK_RECORD*;
PUBLIC_SIZE(KBUGCHECK_REASON_CALLBACK_RECORD, 28);

/// A 128-bit name, here of a kind of data.
/// shared: no, a value
struct GUID {
    ULONG Data1;
    USHORT Data2, Data3;
    UCHAR Data4[8];
};

/// Where a routine for KbCallbackSecondaryDumpData puts its data: in InBuffer, or in memory of its own.
/// shared: no, on the stack of the processor that carries out the bugcheck
struct KBUGCHECK_SECONDARY_DUMP_DATA {
    PVOID InBuffer;
    ULONG InBufferLength;
    ULONG MaximumAllowed; ///< bytes of OutBuffer at most
    GUID Guid;            ///< the routine names its data
    PVOID OutBuffer;      ///< nullptr: no data
    ULONG OutBufferLength;
};
using PKBUGCHECK_SECONDARY_DUMP_DATA = KBUGCHECK_SECONDARY_DUMP_DATA*;
PUBLIC_SIZE(KBUGCHECK_SECONDARY_DUMP_DATA, 36);

extern "C" {
/// Registers a record that is not registered (State is BufferEmpty). @param Component is not copied.
/// @returns false if it is registered already. @irql any
NTKERNELAPI BOOLEAN NTAPI KeRegisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord,
                                                     PKBUGCHECK_CALLBACK_ROUTINE CallbackRoutine, PVOID Buffer,
                                                     ULONG Length, const UCHAR* Component);
/// @returns false if the record is not registered. @irql any
NTKERNELAPI BOOLEAN NTAPI KeDeregisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord);
/// As KeRegisterBugCheckCallback. The routines for a crash dump (KbCallbackDumpIo, KbCallbackAddPages) are called once there are
/// crash dumps. @returns also false for another reason
NTKERNELAPI BOOLEAN NTAPI KeRegisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord,
                                                           PKBUGCHECK_REASON_CALLBACK_ROUTINE CallbackRoutine,
                                                           KBUGCHECK_CALLBACK_REASON Reason, const UCHAR* Component);
NTKERNELAPI BOOLEAN NTAPI KeDeregisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord);
}

inline void KeInitializeCallbackRecord(PKBUGCHECK_CALLBACK_RECORD CallbackRecord) {
    CallbackRecord->State = KBUGCHECK_BUFFER_DUMP_STATE::BufferEmpty;
}
inline void KeInitializeCallbackRecord(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord) {
    CallbackRecord->State = KBUGCHECK_BUFFER_DUMP_STATE::BufferEmpty;
}

// What the parts of the debugger share. Private to kernel/ntos/kd.
#pragma once

#include "kd.h"
#include "rtl/ustring.h"

class KD_SESSION;

/// Where the fields of the kernel's structures are, by name. The build makes it of the types in fields.cpp.
extern "C" const KD_FIELD KdFieldTable[];

/// Text on COM1 and on the screen as one piece: another processor's text comes before or after. Works at any IRQL, with
/// interrupts off, and from a fault inside itself.
void KdpPutString(PCSTR Text);

/// The image that holds `Address`: its name, and how far into it the address is. nullptr if there is none. Takes no lock: the machine may
/// have stopped, or crash.
PCUNICODE_STRING KdpFindModule(ULONG_PTR Address, ULONG_PTR* Offset);

/// One line of a stack trace: `  #2 ntoskrnl.exe+0x1234`.
void KdpPrintFrame(KD_SESSION& session, ULONG number, ULONG_PTR address);

/// A stack trace: `eip`, then which routine called which from `frame` up, inside the given stack.
void KdpPrintChain(KD_SESSION& session, ULONG_PTR eip, ULONG_PTR frame, ULONG_PTR low, ULONG_PTR high);
/// The stack trace of a thread that does not run, and does not end meanwhile.
void KdpPrintSavedStack(KD_SESSION& session, const KTHREAD& thread);
/// The same of a thread that may have ended. Takes ProcessLock. @irql <= APC_LEVEL, or the kernel is stopped
void KdpPrintStackOf(KD_SESSION& session, const KTHREAD* thread);

/// Whether the monitor shall stop at every exception, before its handlers are asked.
void KdpStopAtFirstChance(bool stop);

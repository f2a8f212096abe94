// Faults of images, for messages. Contract: rtl/pe.h.
#include "rtl/pe.h"

namespace nt {

namespace {

NTSTATUS StatusOf(PeFault fault) {
    switch (fault) {
    case PeFault::None: return STATUS_SUCCESS;
    case PeFault::NotAnImage: return STATUS_INVALID_IMAGE_NOT_MZ;
    case PeFault::BadCheckSum: return STATUS_IMAGE_CHECKSUM_MISMATCH;
    case PeFault::NoRelocations: return STATUS_CONFLICTING_ADDRESSES;
    case PeFault::ModuleMissing: return STATUS_DLL_NOT_FOUND;
    case PeFault::SymbolMissing:
    case PeFault::ForwarderLoop: return STATUS_ENTRYPOINT_NOT_FOUND;
    default: return STATUS_INVALID_IMAGE_FORMAT;
    }
}

void Copy(CHAR* to, PCSTR from, ULONG size) {
    ULONG at = 0;
    for (; from && from[at] != 0 && at + 1 < size; at++)
        to[at] = from[at];
    to[at] = 0;
}

} // namespace

NTSTATUS PeError::Set(PeFault fault, ULONG value) { return Set(fault, value, StatusOf(fault)); }

NTSTATUS PeError::Set(PeFault fault, ULONG value, NTSTATUS status) {
    Fault = fault;
    Value = value;
    return status;
}

NTSTATUS PeError::SetNames(PeFault fault, PCSTR module, PCSTR symbol, ULONG value) {
    Copy(Module, module, sizeof(Module));
    Copy(Symbol, symbol, sizeof(Symbol));
    if (fault == PeFault::SymbolMissing && !symbol) return Set(fault, value, STATUS_ORDINAL_NOT_FOUND);
    return Set(fault, value);
}

} // namespace nt

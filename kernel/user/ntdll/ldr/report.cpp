// Messages of the loader. Contract: ldrp.h.
#include "ldr/ldrp.h"

namespace {

/// A routine's name, or its ordinal.
void Symbol(const nt::PeError& error, CHAR (&text)[nt::PeError::SYMBOL_SIZE]) {
    if (error.Symbol[0] != 0)
        (void)RtlStringCbPrintf(text, sizeof(text), "%s", error.Symbol);
    else
        (void)RtlStringCbPrintf(text, sizeof(text), "ordinal %u", error.Value);
}

} // namespace

void LdrpReport(PCSTR what, NTSTATUS status, const nt::PeError& error) {
    CHAR symbol[nt::PeError::SYMBOL_SIZE];
    Symbol(error, symbol);
    const auto code = static_cast<ULONG>(status);
    switch (error.Fault) {
    case nt::PeFault::ModuleMissing: (void)DbgPrint("%s: %s is missing (%08x)\n", what, error.Module, code); break;
    case nt::PeFault::SymbolMissing:
        (void)DbgPrint("%s: %s does not have the routine %s (%08x)\n", what, error.Module, symbol, code);
        break;
    case nt::PeFault::ForwarderLoop:
        (void)DbgPrint("%s: %s leads %s round in a ring (%08x)\n", what, error.Module, symbol, code);
        break;
    default: (void)DbgPrint("%s: cannot be loaded (%08x)\n", what, code);
    }
}

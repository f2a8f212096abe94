// The end of an exception that no frame has taken: the process's filter, a message, the end of the process. Contract: user/exception.h.
//
//     hello.exe: exception c0000005 at hello.exe+0x1010: writes 00000000
//
// In the books: "unhandled exceptions". EXC-04
#include "ldr/ldrp.h"

namespace {

PUNHANDLED_EXCEPTION_FILTER Filter; ///< shared: one word

constexpr ULONG TEXT = nt::PeError::MODULE_SIZE + 32;

/// Module and offset of an address.
void Describe(ULONG_PTR address, CHAR (&text)[TEXT]) {
    LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InLoadOrderModuleList;
    for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
        const LDRP_MODULE* const module = LdrpModuleOf(link);
        const ULONG_PTR offset = address - reinterpret_cast<ULONG_PTR>(module->Entry.DllBase);
        if (offset >= module->Entry.SizeOfImage) continue;
        (void)RtlStringCbPrintf(text, sizeof(text), "%s+0x%x", module->Name, ULONG(offset));
        return;
    }
    (void)RtlStringCbPrintf(text, sizeof(text), "%08x", ULONG(address));
}

/// What an access violation wanted.
void DescribeAccess(const EXCEPTION_RECORD& record, CHAR (&text)[TEXT]) {
    text[0] = 0;
    if (record.ExceptionCode != STATUS_ACCESS_VIOLATION || record.NumberParameters < 2) return;
    (void)RtlStringCbPrintf(text, sizeof(text), ": %s %08x", record.ExceptionInformation[0] ? "writes" : "reads",
                            ULONG(record.ExceptionInformation[1]));
}

void Report(const EXCEPTION_POINTERS& pointers) {
    const EXCEPTION_RECORD& record = *pointers.ExceptionRecord;
    CHAR place[TEXT], access[TEXT];
    Describe(reinterpret_cast<ULONG_PTR>(record.ExceptionAddress), place);
    DescribeAccess(record, access);
    const LDRP_MODULE* const program = LdrpModuleOf(NtCurrentPeb()->Ldr->InLoadOrderModuleList.Flink);
    (void)DbgPrint("%s: exception %08x at %s%s\n", program->Name, static_cast<ULONG>(record.ExceptionCode), place,
                   access);
}

} // namespace

LONG RtlpUnhandledException(EXCEPTION_POINTERS* pointers) {
    const PUNHANDLED_EXCEPTION_FILTER filter = Filter;
    const LONG answer = filter ? filter(pointers) : EXCEPTION_CONTINUE_SEARCH;
    if (answer == EXCEPTION_CONTINUE_EXECUTION) return answer;
    if (answer == EXCEPTION_CONTINUE_SEARCH) Report(*pointers);
    return EXCEPTION_EXECUTE_HANDLER;
}

extern "C" PUNHANDLED_EXCEPTION_FILTER NTAPI RtlSetUnhandledExceptionFilter(PUNHANDLED_EXCEPTION_FILTER NewFilter) {
    return __atomic_exchange_n(&Filter, NewFilter, __ATOMIC_SEQ_CST);
}

// The end of an exception that no frame has taken: the process's filter, a message, the end of the process. Contract: user/exception.h.
//
// In the books: "unhandled exceptions". EXC-04
#include "ntdllp.h"

namespace {

PUNHANDLED_EXCEPTION_FILTER Filter; ///< shared: one word

} // namespace

LONG RtlpUnhandledException(EXCEPTION_POINTERS* pointers) {
    const PUNHANDLED_EXCEPTION_FILTER filter = Filter;
    const LONG answer = filter ? filter(pointers) : EXCEPTION_CONTINUE_SEARCH;
    if (answer == EXCEPTION_CONTINUE_EXECUTION) return answer;
    if (answer == EXCEPTION_CONTINUE_SEARCH) RtlpReportException(*pointers->ExceptionRecord, *pointers->ContextRecord);
    return EXCEPTION_EXECUTE_HANDLER;
}

extern "C" PUNHANDLED_EXCEPTION_FILTER NTAPI RtlSetUnhandledExceptionFilter(PUNHANDLED_EXCEPTION_FILTER NewFilter) {
    return __atomic_exchange_n(&Filter, NewFilter, __ATOMIC_SEQ_CST);
}

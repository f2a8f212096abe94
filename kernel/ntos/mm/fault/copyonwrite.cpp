// Copies of shared pages. Nothing is shared yet: an entry that says so is damaged.
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"

NTSTATUS MiResolveCopyOnWriteFault(MI_FAULT& fault) {
    KeBugCheckEx(MEMORY_MANAGEMENT, reinterpret_cast<ULONG_PTR>(fault.Pte), fault.Pte->Long, 0, 0);
}

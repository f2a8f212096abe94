// The page that the kernel shares with user mode: its memory.
//
// The page has a whole page frame: user mode sees all of it. Interrupt time and system time have symbols of their own inside of it
// (KiInterruptTime, KiSystemTime), because the kernel, debuggers and tools call them so.
// Locks: none, boot. IRQL: any. In the books: "shared user data". HAL-07, MEM-02
#include "ke/shareddata.h"

extern "C" {
constinit union alignas(PAGE_SIZE) {
    KUSER_SHARED_DATA Data;
    UCHAR Page[PAGE_SIZE];
} KiSharedUserDataPage = {}; // shared: one writer a field; see the structure
}

#if defined(_WIN32)
#define SYMBOL(name) "_" #name
#else
#define SYMBOL(name) #name
#endif
// A C++ declaration cannot give a field a symbol: these are places in the page above.
#define NAME_PLACE(name, offset) \
    asm(".globl " SYMBOL(name) "\n.set " SYMBOL(name) ", " SYMBOL(KiSharedUserDataPage) "+" #offset "\n")
NAME_PLACE(KiSharedUserData, 0x00);
NAME_PLACE(KiInterruptTime, 0x08);
NAME_PLACE(KiSystemTime, 0x14);
static_assert(offsetof(KUSER_SHARED_DATA, InterruptTime) == 0x08 && offsetof(KUSER_SHARED_DATA, SystemTime) == 0x14);

// A fake processor. Private to the fake machine.
#pragma once

#include "fiber.h"
#include "machine.h"

namespace host {

struct Machine::Processor {
    KPCR Pcr;
    KTHREAD IdleThread;
    Fiber* Running; ///< the flow it goes on with
    bool Halted;
};

} // namespace host

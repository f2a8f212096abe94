// exceptions.h - an interrupt table for the loader, so that its own faults (and the kernel's, before it has a table)
// end in a message and not in a triple fault.
#pragma once

namespace boot {

/// Loads an interrupt table whose 32 exceptions end in Fail.
void CatchExceptions();

} // namespace boot

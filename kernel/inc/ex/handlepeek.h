// Handles as a debugger reads them, in a kernel that stands still.
//
// In the books: "object handles and the process handle table". OBJ-07, TOL-06
#pragma once

#include "ex/handle.h"

extern "C" {
/// Copies a handle's entry, locked or not, without its lock bit. @returns FALSE: there is no such handle. @irql any
NTKERNELAPI BOOLEAN NTAPI ExPeekHandle(const HANDLE_TABLE* Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Copy);
}

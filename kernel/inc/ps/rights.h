// Rights to a process, which kernel and programs ask for.
//
// In the books: "access rights". PRC-03, OBJ-07
#pragma once

#include "ob/handles.h"

// Rights to a process (documented values); PROCESS_DUP_HANDLE: ob/handles.h.
constexpr ACCESS_MASK PROCESS_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0xFFF;
constexpr ACCESS_MASK PROCESS_TERMINATE = 0x001;
constexpr ACCESS_MASK PROCESS_CREATE_THREAD = 0x002;
constexpr ACCESS_MASK PROCESS_VM_OPERATION = 0x008;
constexpr ACCESS_MASK PROCESS_VM_READ = 0x010;
constexpr ACCESS_MASK PROCESS_VM_WRITE = 0x020;
constexpr ACCESS_MASK PROCESS_CREATE_PROCESS = 0x080;
constexpr ACCESS_MASK PROCESS_SET_QUOTA = 0x100;
constexpr ACCESS_MASK PROCESS_SET_INFORMATION = 0x200;
constexpr ACCESS_MASK PROCESS_QUERY_INFORMATION = 0x400;
constexpr ACCESS_MASK PROCESS_SUSPEND_RESUME = 0x800;

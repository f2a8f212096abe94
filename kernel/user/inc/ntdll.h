// What programs may use of ntdll.dll: services, the run-time library, the loader.
//
// Services and the run-time library are declared in the kernel's public headers, for both sides; user/ has what only user mode has. In
// programs NTKERNELAPI means "imported from ntdll.dll"; ntdll.dll itself is compiled with MICA_NTDLL.
// IRQL: PASSIVE_LEVEL, as everything in user mode.
// In the books: "system library", "user-mode processes". SYS-01, PRC-04
#pragma once

#include "io/services.h"
#include "ke/service.h"
#include "mm/section.h"
#include "mm/virtual.h"
#include "ob/services.h"
#include "ob/sync.h"
#include "rtl.h"
#include "user/conditionvariable.h"
#include "user/criticalsection.h"
#include "user/debug.h"
#include "user/environment.h"
#include "user/errors.h"
#include "user/exception.h"
#include "user/files.h"
#include "user/heap.h"
#include "user/loader.h"
#include "user/process.h"
#include "user/srwlock.h"
#include "user/thread.h"

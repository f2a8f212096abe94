// The run-time library: strings, formatted output, bitmaps, structured exceptions, stack traces.
//
// Depends on nothing but the language. Any IRQL unless stated; only routines of counted strings that say so allocate.
// In the books: "executive support: run-time library". EXE-01, EXC-03
#pragma once

#include "ntstatus.h"
#include "rtl/bitmap.h"
#include "rtl/capture.h"
#include "rtl/cstring.h"
#include "rtl/exception.h"
#include "rtl/largeinteger.h"
#include "rtl/memory.h"
#include "rtl/string.h"
#include "rtl/time.h"
#include "rtl/useraccess.h"
#include "rtl/ustring.h"

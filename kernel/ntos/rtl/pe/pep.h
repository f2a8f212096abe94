// For the files of this folder: a failed access, told as a fault of the image.
#pragma once

#include "rtl/pe.h"

#ifdef MICA_NTOSKRNL // what is not written yet says so (LAB_NOT_IMPLEMENTED)
#include "ke/bugcheck.h"
#endif

/// Returns with `fault` at `value` in `error` when `expression` fails.
#define PE_TRY(expression, fault, value)                                         \
    do {                                                                         \
        if (const NTSTATUS peTryStatus = (expression); !NT_SUCCESS(peTryStatus)) \
            return error->Set(fault, value, peTryStatus);                        \
    } while (false)

// The table of structure fields (fields.cpp). Private to kd: tools reach it through KdDebuggerDataBlock.
#pragma once

#include "kd.h"

constexpr ULONG KD_FIELD_COUNT = 507;
extern "C" const KD_FIELD KdFieldTable[KD_FIELD_COUNT];

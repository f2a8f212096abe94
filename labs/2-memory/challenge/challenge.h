// The challenge of lab 2: a trimming policy of your own (make challenge LAB=2).
//
// Policy.cpp derives a class from MM_TRIM_POLICY, and gives one object of it. The object may remember what it is told. A working set
// is told as it is at that moment, and always at the same address; of its pages only ages are told, never which pages they are.
#pragma once

#include "mm/trimpolicy.h"
#include "mm/wsl.h"

/// @returns the policy, the same at each call.
MM_TRIM_POLICY& ChallengePolicy();

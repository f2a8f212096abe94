// Executive support: pool, locks that wait, worker threads. One header a concept, all of them here.
// In the books: "system memory pools", "synchronization at low IRQL", "system worker threads". ARC-08, DSP-18..21
#pragma once

#include "ex/pool.h"

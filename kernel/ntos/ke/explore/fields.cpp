// The types that KxFieldTable describes to the host: the explorer's own. kernel/ntos/kd/fields.cpp says how that becomes a table.
// build: -fstandalone-debug
//
// In the books: "symbols". TOL-07
#include "kx.h"

extern "C" const FIELD_TABLE_OF<
    // what the host tells the explorer, and is told
    KX_CONTROL, KX_LOT, KX_LOT_DONE, KX_SCRIPT_ENTRY, KX_SCENARIO, KX_RACE, KX_ACCESS, KX_TRACE_ENTRY,
    // what no other code touches
    KX_RUN, KX_STRATEGIES,
    // values
    KX_STRATEGY, KX_OUTCOME, KX_POINT>
    KxFieldTableTypes{};

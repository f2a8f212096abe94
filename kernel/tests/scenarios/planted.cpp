// Races planted in code of the courseware's own, each with its corrected twin (the name ends in Mended): what the explorer
// must find, and what it must never accuse. One of them is the canary of every grading session.
//
// The mistakes are the classic ones; none needs more than three actors and a few dozen steps.
// In the books: "synchronization". SYH-03, SYH-05, DSP-02, DSP-12
#include "scenario_main.h"

#include "planted/updates.inc"

#include "planted/locks.inc"

#include "planted/lists.inc"

#include "planted/waits.inc"

#include "planted/levels.inc"

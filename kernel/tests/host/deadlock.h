// What the deadlock finder named last, on the fake machine.
#pragma once

#include "ke/lockgraph.h"

#include <vector>

namespace host {
extern std::vector<KLOCK_WAIT> Deadlock;
}

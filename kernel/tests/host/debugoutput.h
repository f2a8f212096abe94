// What the kernel has printed with DbgPrint, for tests that look at it.
#pragma once

#include <string>

namespace host {
extern std::string DebugOutput;
}

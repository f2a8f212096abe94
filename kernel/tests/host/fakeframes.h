// The memory of the fake machine, frame by frame. The first ones are those of PageTest's machine (pagetest.h).
#pragma once

#include "nt/types.h"

#include <array>

namespace host {
/// The bytes of a frame. They are 0 at first.
std::array<UCHAR, PAGE_SIZE>& Frame(PFN_NUMBER frame);
/// All frames are gone.
void ForgetFrames();
} // namespace host

// images.h - places, loads, relocates and binds the images of a boot plan.
#pragma once

#include "imagefile.h"
#include "plan.h"

namespace boot {

/// Loads every file of the plan; modules[i] is Files[i]. Whatever is wrong ends in Fail, naming the image.
/// @returns the page after the highest image.
ULONG LoadImages(BootPlan& plan, nt::PeModule (&modules)[MAXIMUM_FILES]);

} // namespace boot

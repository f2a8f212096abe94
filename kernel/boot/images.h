// images.h - places, loads, relocates and binds the images of a boot plan.
#pragma once

#include "imagefile.h"
#include "plan.h"

namespace boot {

/// What the loader has made of the files of a plan.
struct LoadedFiles {
    nt::PeModule Modules[MAXIMUM_FILES]; ///< images, in the order of the list
    ULONG ModuleCount;
    const BootFile* Others[MAXIMUM_FILES]; ///< boot files: they stay as they are
    ULONG OtherCount;
    ULONG NextPage; ///< behind the highest image
};

/// Is this a file that stays as it is? All are but the kernel, the HAL and what ends in ".sys".
[[nodiscard]] bool IsBootFile(const char* name);

/// Loads the images of the plan and keeps its other files. Whatever is wrong ends in Fail, naming the image.
void LoadImages(BootPlan& plan, LoadedFiles* loaded);

} // namespace boot

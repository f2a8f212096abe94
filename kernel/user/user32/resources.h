// The resources of an image: a tree of three levels, type, name and language, whose leaves are data.
//
// Invariant: every byte that is read lies inside of the image; a tree that leads out of it has no resource.
// In the books: "image loader"; the public specification of PE images, "the .rsrc section". EXE-01
#pragma once

#include "nt/types.h"

namespace nt {

/// Bytes of an image.
struct Resource {
    const UCHAR* Data; ///< nullptr: there is none
    ULONG Size;
};

/// Finds a resource by its numbers: in the language of this system, English, else in the first that has it.
/// @param image a mapped image of `imageSize` bytes. @param directory where its resource directory begins
Resource FindResource(const UCHAR* image, ULONG imageSize, ULONG directory, ULONG type, ULONG name);

} // namespace nt

// The part of the run-time library that every image carries itself (crt.lib), beyond what the compiler calls by name.
#pragma once

#include "nt/types.h"

extern "C" {
/// Runs the image's static constructors, in the order of its object files. Once, before anything uses their objects.
void NTAPI CrtRunConstructors();
}

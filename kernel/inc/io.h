// Files and devices. One header a concept, all of them here.
// In the books: "I/O system". IOM-03
#pragma once

#include "io/device.h"
#include "io/fileobject.h"
#include "io/files.h"
#include "io/services.h"

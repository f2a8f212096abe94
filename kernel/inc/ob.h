// The object manager. One header a concept, all of them here.
// In the books: "object manager". OBJ-01
#pragma once

#include "ob/handles.h"
#include "ob/names.h"
#include "ob/object.h"
#include "ob/services.h"

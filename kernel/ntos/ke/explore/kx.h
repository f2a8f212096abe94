// Private to the explorer.
#pragma once

#include "ke.h"
#include "ke/explore.h"

// The host tests' main program. Shows the seed of randomised tests, so that a failure can be repeated.
#include "machine.h"

#include <cstdio>

// A machine that stopped leaves its threads' stacks, and what they own, as they were.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    std::printf("MICA_SEED=%u\n", host::Seed());
    return RUN_ALL_TESTS();
}

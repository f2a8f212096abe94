// Boot options as the loader passes them. BOO-04
#include "init/init.h"
#include "ke.h"
#include "ke/options.h"

#include <gtest/gtest.h>

// BOO-04
TEST(BootOptions, NoneGiveTheDefaults) {
    InitParseOptions("");
    EXPECT_FALSE(KeLoaderOptions.Test);
    EXPECT_FALSE(KeLoaderOptions.Debug);
    EXPECT_FALSE(KeLoaderOptions.Break);
    EXPECT_FALSE(KeLoaderOptions.ForcePic);
    EXPECT_EQ(KeLoaderOptions.Seed, 0u);
    EXPECT_EQ(KeLoaderOptions.ProcessorLimit, MAXIMUM_PROCESSORS);
    EXPECT_EQ(KeLoaderOptions.RingRecords, 0u);
}

// BOO-04
TEST(BootOptions, AllOfThem) {
    InitParseOptions("/TEST /seed=7  /SMP=2 /DEBUG /HAL=PIC /BREAK /RING=4096");
    EXPECT_TRUE(KeLoaderOptions.Test);
    EXPECT_TRUE(KeLoaderOptions.Debug);
    EXPECT_TRUE(KeLoaderOptions.Break);
    EXPECT_TRUE(KeLoaderOptions.ForcePic);
    EXPECT_EQ(KeLoaderOptions.Seed, 7u);
    EXPECT_EQ(KeLoaderOptions.ProcessorLimit, 2u);
    EXPECT_EQ(KeLoaderOptions.RingRecords, 4096u);
}

// BOO-04: what is not a number, and what only looks like an option
TEST(BootOptions, NonsenseIsIgnored) {
    InitParseOptions("/SEED=seven /SMP= /TESTING /HAL=APIC");
    EXPECT_EQ(KeLoaderOptions.Seed, 0u);
    EXPECT_EQ(KeLoaderOptions.ProcessorLimit, MAXIMUM_PROCESSORS);
    EXPECT_FALSE(KeLoaderOptions.Test);
    EXPECT_FALSE(KeLoaderOptions.ForcePic);
}

// BOO-04, POL-05
TEST(BootOptions, PoolOptions) {
    InitParseOptions("/POOLFAIL=12 /SPECIALPOOL=Ab");
    EXPECT_EQ(KeLoaderOptions.PoolFailure, 12u);
    EXPECT_TRUE(KeLoaderOptions.SpecialPool);
    EXPECT_EQ(KeLoaderOptions.SpecialPoolTag, 0x20206241u) << "filled up with spaces";
    InitParseOptions("/SPECIALPOOL");
    EXPECT_TRUE(KeLoaderOptions.SpecialPool);
    EXPECT_EQ(KeLoaderOptions.SpecialPoolTag, 0u);
    InitParseOptions("");
    EXPECT_TRUE(!KeLoaderOptions.SpecialPool && KeLoaderOptions.PoolFailure == 0);
}

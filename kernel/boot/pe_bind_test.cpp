// pe_bind_test.cpp - imports find their exports, circular ones too; what is missing is named; noise never reads or
// writes outside an image (address sanitizer). BOO-01
#include "pe_builder.h"

#include <gtest/gtest.h>
#include <random>

using namespace boot;

namespace {

constexpr USHORT HIGHLOW_10 = 0x3010;
constexpr ULONG NT_BASE = 0x80100000, HAL_BASE = 0x80400000, DRIVER_BASE = 0x80500000;

PeBuilder Kernel() {
    PeBuilder builder("ntoskrnl.exe", NT_BASE);
    builder.Exports({{"KeBugCheck", 0x1010, ""}, {"NtVariable", 0x4000, ""}, {"Other", 0x1020, ""}, {"", 0x1030, ""}});
    builder.Imports({{"hal.dll", "HalPut", 0}, {"HAL.DLL", "HalData", 0}});
    return builder;
}

PeBuilder Hal() {
    PeBuilder builder("hal.dll", HAL_BASE);
    builder.Exports({{"HalData", 0x4010, ""},
                     {"HalForward", 0, "ntoskrnl.KeBugCheck"},
                     {"HalLoop", 0, "hal.HalLoop"},
                     {"HalLost", 0, "win32k.Draw"},
                     {"HalOrdinal", 0, "ntoskrnl.#4"},
                     {"HalPut", 0x1040, ""}});
    builder.Imports({{"ntoskrnl.exe", "NtVariable", 0}});
    return builder;
}

PeResult BindAll(std::initializer_list<const LoadedPe*> images) {
    std::vector<PeModule> modules;
    for (const LoadedPe* image : images) {
        EXPECT_TRUE(image->Result);
        modules.push_back(image->Module);
    }
    for (const PeModule& module : modules) {
        if (PeResult result = PeBind(module, {modules.data(), modules.size()}); !result) return result;
    }
    return {};
}

TEST(PeBind, CircularImportsAndDataExports) { // BOO-01
    PeBuilder nt = Kernel(), hal = Hal();
    LoadedPe kernel(nt, NT_BASE), layer(hal, 0x80700000);
    ASSERT_TRUE(BindAll({&kernel, &layer}));
    EXPECT_EQ(kernel.Get(nt.Slot(0)), 0x80701040u);
    EXPECT_EQ(kernel.Get(nt.Slot(1)), 0x80704010u) << "module names compare in any case";
    EXPECT_EQ(layer.Get(hal.Slot(0)), NT_BASE + 0x4000);
}

TEST(PeBind, OrdinalsAndForwarders) { // BOO-01
    PeBuilder nt = Kernel(), hal = Hal(), driver("driver.sys", 0x10000);
    driver.Imports({{"ntoskrnl.exe", "", 4}, {"hal.dll", "HalForward", 0}, {"hal.dll", "HalOrdinal", 0}});
    LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE), loaded(driver, DRIVER_BASE);
    ASSERT_TRUE(BindAll({&kernel, &layer, &loaded}));
    EXPECT_EQ(loaded.Get(driver.Slot(0)), NT_BASE + 0x1030);
    EXPECT_EQ(loaded.Get(driver.Slot(1)), NT_BASE + 0x1010);
    EXPECT_EQ(loaded.Get(driver.Slot(2)), NT_BASE + 0x1030);
}

struct Missing {
    PeBuilder::Import Import;
    PeStatus Status;
    const char* Module;
    const char* Symbol;
};

TEST(PeBind, WhatIsMissingIsNamed) { // BOO-01
    const Missing cases[] = {
        {{"hal.dll", "HalPuu", 0}, PeStatus::SymbolMissing, "hal.dll", "HalPuu"},
        {{"hal.dll", "HalPutt", 0}, PeStatus::SymbolMissing, "hal.dll", "HalPutt"},
        {{"hal.dll", "Aaa", 0}, PeStatus::SymbolMissing, "hal.dll", "Aaa"},
        {{"hal.dll", "halput", 0}, PeStatus::SymbolMissing, "hal.dll", "halput"}, // symbols compare by case
        {{"hal.dll", "", 99}, PeStatus::SymbolMissing, "hal.dll", nullptr},
        {{"hal.dll", "", 7}, PeStatus::SymbolMissing, "hal.dll", nullptr}, // one beyond the last
        {{"hal.dll", "", 0}, PeStatus::SymbolMissing, "hal.dll", nullptr},
        {{"win32k.sys", "Draw", 0}, PeStatus::ModuleMissing, "win32k.sys", nullptr},
        {{"hal.dll", "HalLost", 0}, PeStatus::ModuleMissing, "win32k.Draw", "Draw"},
        {{"hal.dll", "HalLoop", 0}, PeStatus::ForwarderLoop, "hal.dll", "HalLoop"},
        {{"driver.sys", "Self", 0}, PeStatus::SymbolMissing, "driver.sys", "Self"}, // exports nothing at all
    };
    for (const Missing& each : cases) {
        PeBuilder nt = Kernel(), hal = Hal(), driver("driver.sys", 0x10000);
        driver.Imports({each.Import});
        LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE), loaded(driver, DRIVER_BASE);
        const PeResult result = BindAll({&kernel, &layer, &loaded});
        EXPECT_EQ(result.Status, each.Status) << each.Import.Name;
        EXPECT_STREQ(result.Module, each.Module);
        EXPECT_STREQ(result.Symbol, each.Symbol);
    }
}

TEST(PeBind, DamagedTablesAreRefused) { // BOO-01
    PeBuilder nt = Kernel(), hal = Hal();
    hal.Directory(IMAGE_DIRECTORY_ENTRY_EXPORT, PeBuilder::END - 8, 40);
    LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE);
    const PeResult exports = BindAll({&kernel, &layer});
    EXPECT_EQ(exports.Status, PeStatus::BadExports);
    EXPECT_STREQ(exports.Module, "hal.dll");

    PeBuilder far = Kernel();
    far.Directory(IMAGE_DIRECTORY_ENTRY_IMPORT, 0xfffffff0, 40);
    LoadedPe damaged(far, NT_BASE);
    EXPECT_EQ(BindAll({&damaged}).Status, PeStatus::BadImports);
}

/// Random damage to headers and tables: any result is right as long as nothing outside is touched and it ends.
TEST(PeBind, NoiseNeverLeavesTheImage) { // BOO-01, BOO-03
    std::mt19937 random(20240229);
    ULONG refused = 0, accepted = 0;
    const PeBuilder goodKernel = Kernel(), goodHal = Hal();
    for (ULONG round = 0; round < 30000; round++) {
        PeBuilder nt = goodKernel, hal = goodHal;
        nt.Relocations(PeBuilder::TEXT, {HIGHLOW_10, HIGHLOW_10 + 8});
        PeBuilder& victim = random() % 2 == 0 ? nt : hal;
        for (ULONG damage = 1 + random() % 4; damage != 0; damage--) {
            constexpr ULONG places[][2] = {{0, 0x40}, {0x80, 0x120}, {0x178, 0xa0}, {0x600, 0x280}, {0x1800, 0x20}};
            const auto& place = places[random() % 5];
            UCHAR& byte = victim.File()[place[0] + random() % place[1]];
            constexpr UCHAR nasty[] = {0, 1, 0x7f, 0x80, 0xff};
            byte = random() % 2 == 0 ? nasty[random() % 5] : static_cast<UCHAR>(random());
        }
        LoadedPe kernel(nt, NT_BASE + 0x10000), layer(hal, HAL_BASE);
        if (!kernel.Result || !layer.Result) {
            refused++;
            continue;
        }
        const PeModule modules[] = {kernel.Module, layer.Module};
        const bool bound = bool(PeBind(modules[0], modules)) && bool(PeBind(modules[1], modules));
        (bound ? accepted : refused)++;
    }
    EXPECT_GT(refused, 5000u);  // the noise is not harmless,
    EXPECT_GT(accepted, 1000u); // nor does it stop everything at the door
}

} // namespace

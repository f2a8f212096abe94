// Imports find their exports, circular ones too; what is missing is named; noise never reads or
// writes outside an image (address sanitizer). BOO-01
#include "pe_builder.h"

#include <gtest/gtest.h>
#include <random>

using namespace nt;

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

NTSTATUS BindAll(std::initializer_list<const LoadedPe*> images, PeError* error) {
    std::vector<PeModule> modules;
    for (const LoadedPe* image : images) {
        EXPECT_EQ(image->Status, STATUS_SUCCESS);
        modules.push_back(image->Module);
    }
    boot::BootModules all({modules.data(), modules.size()});
    for (const PeModule& module : modules)
        NT_TRY(PeBind(module, all, error));
    return STATUS_SUCCESS;
}

TEST(PeBind, CircularImportsAndDataExports) { // BOO-01
    PeBuilder nt = Kernel(), hal = Hal();
    LoadedPe kernel(nt, NT_BASE), layer(hal, 0x80700000);
    PeError error;
    ASSERT_EQ(BindAll({&kernel, &layer}, &error), STATUS_SUCCESS);
    EXPECT_EQ(kernel.Get(nt.Slot(0)), 0x80701040u);
    EXPECT_EQ(kernel.Get(nt.Slot(1)), 0x80704010u) << "module names compare in any case";
    EXPECT_EQ(layer.Get(hal.Slot(0)), NT_BASE + 0x4000);
}

TEST(PeBind, OrdinalsAndForwarders) { // BOO-01
    PeBuilder nt = Kernel(), hal = Hal(), driver("driver.sys", 0x10000);
    driver.Imports({{"ntoskrnl.exe", "", 4}, {"hal.dll", "HalForward", 0}, {"hal.dll", "HalOrdinal", 0}});
    LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE), loaded(driver, DRIVER_BASE);
    PeError error;
    ASSERT_EQ(BindAll({&kernel, &layer, &loaded}, &error), STATUS_SUCCESS);
    EXPECT_EQ(loaded.Get(driver.Slot(0)), NT_BASE + 0x1030);
    EXPECT_EQ(loaded.Get(driver.Slot(1)), NT_BASE + 0x1010);
    EXPECT_EQ(loaded.Get(driver.Slot(2)), NT_BASE + 0x1030);
}

struct Missing {
    PeBuilder::Import Import;
    PeFault Fault;
    const char* Module;
    const char* Symbol;
    NTSTATUS Status;
};

TEST(PeBind, WhatIsMissingIsNamed) { // BOO-01
    const Missing cases[] = {
        {{"hal.dll", "HalPuu", 0}, PeFault::SymbolMissing, "hal.dll", "HalPuu", STATUS_ENTRYPOINT_NOT_FOUND},
        {{"hal.dll", "HalPutt", 0}, PeFault::SymbolMissing, "hal.dll", "HalPutt", STATUS_ENTRYPOINT_NOT_FOUND},
        {{"hal.dll", "Aaa", 0}, PeFault::SymbolMissing, "hal.dll", "Aaa", STATUS_ENTRYPOINT_NOT_FOUND},
        {{"hal.dll", "halput", 0},
         PeFault::SymbolMissing,
         "hal.dll",
         "halput",
         STATUS_ENTRYPOINT_NOT_FOUND}, // symbols compare by case
        {{"hal.dll", "", 99}, PeFault::SymbolMissing, "hal.dll", "", STATUS_ORDINAL_NOT_FOUND},
        {{"hal.dll", "", 7}, PeFault::SymbolMissing, "hal.dll", "", STATUS_ORDINAL_NOT_FOUND}, // one beyond the last
        {{"hal.dll", "", 0}, PeFault::SymbolMissing, "hal.dll", "", STATUS_ORDINAL_NOT_FOUND},
        {{"win32k.sys", "Draw", 0}, PeFault::ModuleMissing, "win32k.sys", "", STATUS_DLL_NOT_FOUND},
        {{"hal.dll", "HalLost", 0}, PeFault::ModuleMissing, "win32k", "Draw", STATUS_DLL_NOT_FOUND},
        {{"hal.dll", "HalLoop", 0}, PeFault::ForwarderLoop, "hal.dll", "HalLoop", STATUS_ENTRYPOINT_NOT_FOUND},
        {{"driver.sys", "Self", 0},
         PeFault::SymbolMissing,
         "driver.sys",
         "Self",
         STATUS_ENTRYPOINT_NOT_FOUND}, // exports nothing at all
    };
    for (const Missing& each : cases) {
        PeBuilder nt = Kernel(), hal = Hal(), driver("driver.sys", 0x10000);
        driver.Imports({each.Import});
        LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE), loaded(driver, DRIVER_BASE);
        PeError error;
        EXPECT_EQ(BindAll({&kernel, &layer, &loaded}, &error), each.Status) << each.Import.Name;
        EXPECT_EQ(error.Fault, each.Fault) << each.Import.Name;
        EXPECT_STREQ(error.Module, each.Module);
        EXPECT_STREQ(error.Symbol, each.Symbol);
        EXPECT_EQ(error.Value, each.Import.Name.empty() ? each.Import.Ordinal : 0);
    }
}

/// An image whose memory another thread takes away, or may not be written to, at the access of a number.
class Failing final : public PeImage {
public:
    Failing(PeImage& inner, ULONG after, NTSTATUS status)
        : PeImage(inner.Size()), m_inner(inner), m_left(after), m_status(status) {}

private:
    NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) override {
        return m_left-- == 0 ? m_status : m_inner.GetBytes(offset, to, bytes);
    }
    NTSTATUS Write(ULONG offset, const void* from, ULONG bytes) override {
        if (m_left-- == 0) return m_status;
        ULONG value;
        EXPECT_EQ(bytes, sizeof(value));
        memcpy(&value, from, sizeof(value));
        return m_inner.Put(offset, value);
    }

    PeImage& m_inner;
    ULONG m_left;
    NTSTATUS m_status;
};

TEST(PeBind, AFailedAccessIsToldAsItIs) { // BOO-01, POL-09
    for (ULONG after = 0;; after++) {
        PeBuilder nt = Kernel(), hal = Hal();
        LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE);
        Failing image(*kernel.Module.Image, after, STATUS_COMMITMENT_LIMIT);
        kernel.Module.Image = &image;
        PeError error;
        const NTSTATUS status = BindAll({&kernel, &layer}, &error);
        if (NT_SUCCESS(status)) {
            EXPECT_GT(after, 10u);
            break;
        }
        ASSERT_EQ(status, STATUS_COMMITMENT_LIMIT) << after;
        ASSERT_TRUE(error.Fault == PeFault::BadImports || error.Fault == PeFault::BadExports) << after;
    }
}

TEST(PeBind, DamagedTablesAreRefused) { // BOO-01
    PeBuilder nt = Kernel(), hal = Hal();
    hal.Directory(IMAGE_DIRECTORY_ENTRY_EXPORT, PeBuilder::END - 8, 40);
    LoadedPe kernel(nt, NT_BASE), layer(hal, HAL_BASE);
    PeError error;
    EXPECT_EQ(BindAll({&kernel, &layer}, &error), STATUS_INVALID_IMAGE_FORMAT);
    EXPECT_EQ(error.Fault, PeFault::BadExports);
    EXPECT_STREQ(error.Module, "hal.dll");

    PeBuilder far = Kernel();
    far.Directory(IMAGE_DIRECTORY_ENTRY_IMPORT, 0xfffffff0, 40);
    LoadedPe damaged(far, NT_BASE);
    EXPECT_EQ(BindAll({&damaged}, &error), STATUS_INVALID_IMAGE_FORMAT);
    EXPECT_EQ(error.Fault, PeFault::BadImports);
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
        if (!NT_SUCCESS(kernel.Status) || !NT_SUCCESS(layer.Status)) {
            refused++;
            continue;
        }
        PeError error;
        const bool bound = NT_SUCCESS(BindAll({&kernel, &layer}, &error));
        ASSERT_EQ(bound, error.Fault == PeFault::None);
        (bound ? accepted : refused)++;
    }
    EXPECT_GT(refused, 5000u);  // the noise is not harmless,
    EXPECT_GT(accepted, 1000u); // nor does it stop everything at the door
}

} // namespace

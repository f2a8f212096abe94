// The tree of ranges against a std::map, in random walks: order, balance, searches, room.
// POL-06
#include "machine.h"
#include "mm/vad/vad.h"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>

namespace {

/// A tree and its model: the ranges by their first page.
class VadTreeTest : public testing::Test {
protected:
    void Insert(ULONG first, ULONG last) {
        auto node = std::make_unique<MMADDRESS_NODE>();
        node->StartingVpn = first;
        node->EndingVpn = last;
        MiInsertNode(node.get(), &table);
        model[first] = std::move(node);
    }
    void Remove(ULONG first) {
        MiRemoveNode(model.at(first).get(), &table);
        model.erase(first);
    }
    /// The model's lowest range that ends at `first` or above, if it begins at `last` or below.
    MMADDRESS_NODE* Conflict(ULONG first, ULONG last) {
        auto at = model.upper_bound(first);
        if (at != model.begin() && std::prev(at)->second->EndingVpn >= first) --at;
        return at != model.end() && at->first <= last ? at->second.get() : nullptr;
    }
    static ULONG Height(const MMADDRESS_NODE* node) {
        return node ? 1 + std::max(Height(node->LeftChild), Height(node->RightChild)) : 0;
    }
    /// Every node in order, forwards and backwards, and as high as an AVL tree may be.
    void CheckWhole() {
        const MMADDRESS_NODE* culprit = nullptr;
        ASSERT_STREQ(MiCheckVadTree(&table, &culprit), nullptr);
        ASSERT_EQ(table.NumberOfNodes, model.size());
        ASSERT_LE(Height(table.Root), 1.44 * std::log2(double(model.size()) + 2));
        const MMADDRESS_NODE* before = nullptr;
        for (auto& [first, node] : model) {
            ASSERT_EQ(MiGetPreviousNode(node.get()), before);
            if (before) ASSERT_EQ(MiGetNextNode(before), node.get());
            before = node.get();
        }
        if (before) ASSERT_EQ(MiGetNextNode(before), nullptr);
    }

    MM_AVL_TABLE table{};
    std::map<ULONG, std::unique_ptr<MMADDRESS_NODE>> model;
};

// POL-06
TEST_F(VadTreeTest, EmptyTreeHasNothingAndRoomEverywhere) {
    EXPECT_EQ(MiLocateAddressInTree(0, &table), nullptr);
    EXPECT_EQ(MiCheckForConflictingNode(0, MI_MAXIMUM_VPN, &table), nullptr);
    ULONG start = 0;
    EXPECT_TRUE(MiFindEmptyAddressRange(&table, 1, 16, 0x11, 0x7FFEF, &start));
    EXPECT_EQ(start, 0x20u);
    EXPECT_TRUE(MiFindEmptyAddressRangeDown(&table, 2, 16, 0x11, 0x7FFEF, &start));
    EXPECT_EQ(start, 0x7FFE0u);
    EXPECT_TRUE(MiFindEmptyAddressRange(&table, MI_MAXIMUM_VPN + 1, 1, 0, MI_MAXIMUM_VPN, &start));
    EXPECT_EQ(start, 0u);
    EXPECT_FALSE(MiFindEmptyAddressRange(&table, 1, 16, 0x11, 0x1F, &start)) << "no multiple of 16 in between";
    EXPECT_FALSE(MiFindEmptyAddressRangeDown(&table, 1, 16, 0x11, 0x1F, &start));
    EXPECT_FALSE(MiFindEmptyAddressRange(&table, 1, 1, 5, 4, &start));
    EXPECT_FALSE(MiFindEmptyAddressRangeDown(&table, 1, 1, 5, 4, &start));
    EXPECT_STREQ(MiCheckVadTree(&table), nullptr);
}

// Each of the four shapes of an imbalance, and the one that only a removal makes (the high child is even).
// POL-06
TEST_F(VadTreeTest, EachRotationKeepsOrderAndBalance) {
    for (const auto& order : {std::array{1, 2, 3}, {3, 2, 1}, {1, 3, 2}, {3, 1, 2}}) {
        for (ULONG vpn : order)
            Insert(vpn, vpn);
        CheckWhole();
        EXPECT_EQ(table.Root->StartingVpn, 2u);
        for (ULONG vpn : order)
            Remove(vpn);
        EXPECT_EQ(table.Root, nullptr);
    }
    for (const auto& order : {std::array{4, 2, 5, 1, 3}, {2, 4, 1, 5, 3}}) {
        for (ULONG vpn : order)
            Insert(vpn, vpn);
        Remove(ULONG(order[2])); // a leaf of the low side: the child of the high side has two children of one height
        CheckWhole();
        EXPECT_EQ(table.Root->StartingVpn, ULONG(order[1]));
        while (!model.empty())
            Remove(model.begin()->first);
    }
}

// POL-06
TEST_F(VadTreeTest, OverlapIsRejected) {
    Insert(0x100, 0x1FF);
    Insert(0x300, 0x300);
    EXPECT_EQ(MiCheckForConflictingNode(0x1FF, 0x200, &table), model[0x100].get());
    EXPECT_EQ(MiCheckForConflictingNode(0x80, 0x100, &table), model[0x100].get());
    EXPECT_EQ(MiCheckForConflictingNode(0x180, 0x180, &table), model[0x100].get());
    EXPECT_EQ(MiCheckForConflictingNode(0, MI_MAXIMUM_VPN, &table), model[0x100].get()) << "the lowest one";
    EXPECT_EQ(MiCheckForConflictingNode(0x200, 0x2FF, &table), nullptr);
    EXPECT_EQ(MiCheckForConflictingNode(0x200, 0x300, &table), model[0x300].get());
    MMADDRESS_NODE again{};
    again.StartingVpn = 0x150;
    again.EndingVpn = 0x250;
    EXPECT_THROW(MiInsertNode(&again, &table), host::BrokenAssertion);
}

// POL-06
TEST_F(VadTreeTest, HintIsForgottenWithItsNode) {
    Insert(1, 5);
    EXPECT_EQ(MiLocateAddressInTree(3, &table), model[1].get());
    EXPECT_EQ(table.NodeHint, model[1].get());
    EXPECT_EQ(MiLocateAddressInTree(6, &table), nullptr);
    Remove(1);
    EXPECT_EQ(table.NodeHint, nullptr);
    EXPECT_EQ(MiLocateAddressInTree(3, &table), nullptr);
}

// POL-06
TEST_F(VadTreeTest, CheckNamesWhatIsBroken) {
    for (ULONG i = 1; i <= 7; i++)
        Insert(i * 10, i * 10 + 5);
    const MMADDRESS_NODE* culprit = nullptr;
    const auto breaks = [&](auto& field, auto value, const MMADDRESS_NODE* expected) {
        const auto before = field;
        field = value;
        EXPECT_NE(MiCheckVadTree(&table, &culprit), nullptr);
        EXPECT_EQ(culprit, expected);
        field = before;
        EXPECT_STREQ(MiCheckVadTree(&table, &culprit), nullptr);
        EXPECT_EQ(culprit, nullptr);
    };
    MMADDRESS_NODE stranger{};
    breaks(model[10]->Balance, 1, model[10].get());
    breaks(model[20]->EndingVpn, 30u, model[30].get());
    breaks(model[20]->EndingVpn, 19u, model[20].get());
    breaks(model[50]->Parent, model[70].get(), model[50].get());
    breaks(table.NumberOfNodes, 8u, nullptr);
    breaks(table.NodeHint, &stranger, &stranger);
    breaks(model[10]->LeftChild, model[40].get(), model[40].get()); // round in a circle
}

// POL-06
TEST_F(VadTreeTest, RandomWalkAgreesWithAMap) {
    std::mt19937 random(host::Seed());
    constexpr ULONG steps = 100'000;
    ULONG space = 0x400; // pages in use: small and crowded first, then the whole user's half
    for (ULONG step = 0; step < steps; step++) {
        if (step == steps / 2) space = 0x80000;
        const ULONG first = random() % space;
        const ULONG last = std::min<ULONG>(first + random() % (random() % 4 ? 8 : 300), MI_MAXIMUM_VPN);
        const bool growing = step / 5'000 % 2 == 0;

        MMADDRESS_NODE* const conflict = Conflict(first, last);
        ASSERT_EQ(MiCheckForConflictingNode(first, last, &table), conflict);
        MMADDRESS_NODE* const holder = Conflict(first, first);
        ASSERT_EQ(MiLocateAddressInTree(first, &table), holder);
        if (!conflict && (growing || random() % 4 == 0)) {
            Insert(first, last);
        } else if (!model.empty() && (!growing || random() % 8 == 0)) {
            auto victim = model.lower_bound(first);
            Remove(victim == model.end() ? model.begin()->first : victim->first);
        }
        if (step % 64 == 0 || model.size() < 16) {
            CheckWhole();
            if (HasFatalFailure()) FAIL() << "step " << step;
        }
    }
}

// POL-06
TEST_F(VadTreeTest, RoomIsWhatALookAtEachPageFinds) {
    std::mt19937 random(host::Seed());
    constexpr ULONG space = 0x200;
    for (ULONG step = 0; step < 20'000; step++) {
        const ULONG first = random() % space, last = std::min<ULONG>(first + random() % 12, space - 1);
        if (!Conflict(first, last) && random() % 3)
            Insert(first, last);
        else if (auto at = model.lower_bound(first); at != model.end())
            Remove(at->first);

        const ULONG pages = 1 + random() % 24, alignment = 1u << random() % 6;
        const ULONG lowest = random() % space, highest = random() % space;
        LONG up = -1, down = -1;
        for (ULONG at = 0; at + pages <= space; at += alignment) {
            if (at < lowest || at + pages - 1 > highest || Conflict(at, at + pages - 1)) continue;
            if (up < 0) up = LONG(at);
            down = LONG(at);
        }
        ULONG start = ~0u;
        ASSERT_EQ(MiFindEmptyAddressRange(&table, pages, alignment, lowest, highest, &start), up >= 0);
        ASSERT_EQ(start, ULONG(up)) << "step " << step;
        start = ~0u;
        ASSERT_EQ(MiFindEmptyAddressRangeDown(&table, pages, alignment, lowest, highest, &start), down >= 0);
        ASSERT_EQ(start, ULONG(down)) << "step " << step;
    }
}

} // namespace

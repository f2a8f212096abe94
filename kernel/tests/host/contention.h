// Real contention on the host: each thread of the host is a processor of its own, at DISPATCH_LEVEL if it says so.
//
// The interleavings are the host's, so a test of this kind may only prove what holds under all of them. Exploration on
// the machine itself (kernel/tests/scenarios) finds the rare ones and repeats them.
#pragma once

#include "ke.h"

#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace host {

/// Runs `body(index)` on `processors` processors at once, from DISPATCH_LEVEL. They begin together.
inline void OnProcessors(unsigned processors, const std::function<void(unsigned)>& body) {
    std::atomic<unsigned> arrived = 0;
    std::vector<std::thread> threads;
    for (unsigned index = 0; index < processors; index++) {
        threads.emplace_back([&, index] {
            const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
            arrived++;
            while (arrived != processors)
                std::this_thread::yield();
            body(index);
            EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 0u);
            KfLowerIrql(oldIrql);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
}

} // namespace host

// A stack with its own control flow, for the host: what a kernel stack is in the machine.
//
// Built on ucontext, and told to AddressSanitizer, which otherwise takes another stack for an overflow.
#pragma once

#include <functional>
#include <memory>
#include <ucontext.h>

namespace host {

class Fiber {
public:
    /// The flow that the process began with.
    Fiber();
    /// A new one: `entry` runs at the first switch to it and must never return.
    explicit Fiber(std::function<void()> entry);
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Leaves the running flow, which is `from`, for this one. Returns when somebody switches back.
    void SwitchFrom(Fiber& from);

private:
    static void Enter(unsigned high, unsigned low);
    void FinishSwitch();

    ucontext_t m_context{};
    std::function<void()> m_entry;
    std::unique_ptr<char[]> m_stack;
    const void* m_bottom = nullptr;
    size_t m_size = 0;
    void* m_fakeStack = nullptr;
};

} // namespace host

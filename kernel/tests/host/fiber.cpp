#include "fiber.h"

#include <cstdint>
#include <cstdlib>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>

namespace host {

namespace {
constexpr size_t StackSize = 256 * 1024;
} // namespace

Fiber::Fiber() {
    pthread_attr_t attributes;
    void* bottom = nullptr;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) abort();
    pthread_attr_getstack(&attributes, &bottom, &m_size);
    pthread_attr_destroy(&attributes);
    m_bottom = bottom;
}

Fiber::Fiber(std::function<void()> entry) : m_entry(std::move(entry)), m_stack(new char[StackSize]) {
    m_bottom = m_stack.get();
    m_size = StackSize;
    getcontext(&m_context);
    m_context.uc_stack.ss_sp = m_stack.get();
    m_context.uc_stack.ss_size = StackSize;
    const auto self = reinterpret_cast<uintptr_t>(this);
    makecontext(&m_context, reinterpret_cast<void (*)()>(&Fiber::Enter), 2, unsigned(self >> 32), unsigned(self));
}

void Fiber::Enter(unsigned high, unsigned low) {
    auto* const self = reinterpret_cast<Fiber*>(uintptr_t(high) << 32 | low);
    self->FinishSwitch();
    self->m_entry();
    abort();
}

void Fiber::FinishSwitch() { __sanitizer_finish_switch_fiber(m_fakeStack, nullptr, nullptr); }

void Fiber::SwitchFrom(Fiber& from) {
    __sanitizer_start_switch_fiber(&from.m_fakeStack, m_bottom, m_size);
    swapcontext(&from.m_context, &m_context);
    from.FinishSwitch();
}

} // namespace host

// A fake machine for host tests: processors with an IRQL, software interrupts, a clock that the test drives, and kernel
// threads that are fibers. Under it runs the real dispatcher, compiled for the host.
//
// Deterministic: one flow runs at a time, and it is left only where the kernel switches threads or where the test says
// so, or spins (YieldProcessor). A processor with nothing to do halts; when all have halted, the clock of processor 0 ticks, so that time passes
// exactly while nobody can use it.
// A broken assertion or a bugcheck ends the run (its fibers are left as they are) and fails the test, unless expected.
#pragma once

#include "etw.h"
#include "hal.h"
#include "ke.h"

#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace host {

class Fiber;

/// What RtlRaiseStatus throws on the host.
struct RaisedStatus {
    NTSTATUS Status;
};
/// What a broken assertion throws where no machine runs.
struct BrokenAssertion {
    std::string Text;
};

/// A kernel thread of a test.
struct Thread {
    KTHREAD Tcb;
    std::function<void()> Body;
};

/// An event as the kernel wrote it, with the arguments at full width.
struct Event {
    ETW_EVENT Kind;
    ULONG Processor;
    ULONG_PTR Argument[4];
};

struct BugCheck {
    ULONG Code = 0;
    ULONG_PTR Parameter[4] = {};
    std::string Text; ///< of a broken assertion
};

class Machine {
public:
    explicit Machine(ULONG processors = 1);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Boots, runs `body` in a system thread of priority 8 on processor 0, and comes back when it returns or the machine
    /// stops. @returns false if it stopped: then see Stopped()
    bool Run(std::function<void()> body);
    [[nodiscard]] const BugCheck& Stopped() const { return m_bugCheck; }
    [[nodiscard]] const std::vector<Event>& Events() const { return m_events; }
    void ForgetEvents() { m_events.clear(); }

    // The rest is for code inside Run.

    /// Makes a thread and starts it.
    Thread* Spawn(KPRIORITY priority, std::function<void()> body);
    /// Makes a thread in state Initialized.
    Thread* Make(KPRIORITY priority, std::function<void()> body);
    /// Starts a thread of the test's own in any process.
    void Start(Thread* thread, KPROCESS* process);
    /// The clock interrupts this processor.
    void Tick(ULONG times = 1);
    /// A device interrupts this processor and runs `service` at its IRQL.
    void Interrupt(const std::function<void()>& service);
    /// The other processors go on until they halt or let others run themselves.
    void LetOthersRun();
    /// This processor spins: another one goes on, at the IRQL that it has. Nothing is delivered here.
    void Yield();
    /// A process of its own address space.
    KPROCESS* MakeProcess(KPRIORITY basePriority);

    KPROCESS SystemProcess;
    ULONG_PTR LoadedDirectory = 0; ///< the last page directory that was loaded
    ULONG DirectoryLoads = 0;

    // For the fake HAL and the fake kernel parts.
    static Machine* Current();
    KPCR* Pcr();
    [[noreturn]] void Stop(BugCheck bugCheck);
    void Record(const Event& event) { m_events.push_back(event); }
    void SwapFibers(KTHREAD* oldThread, KTHREAD* newThread);
    Fiber* MakeFiber(std::function<void()> entry);
    void Halt();
    /// Sends an interrupt that requests a software interrupt of `level` there.
    void Wake(KAFFINITY processors, KIRQL level = DISPATCH_LEVEL);

private:
    struct Processor;
    void SwitchToProcessor(ULONG number);
    bool AnotherRuns(ULONG* number) const;
    void BootProcessors();

    std::vector<std::unique_ptr<Processor>> m_processors;
    std::deque<std::unique_ptr<Fiber>> m_fibers;
    std::deque<Thread> m_threads;
    std::deque<KPROCESS> m_processes;
    std::unique_ptr<Fiber> m_outside;
    std::vector<Event> m_events;
    BugCheck m_bugCheck;
    ULONG m_current = 0;
    ULONG m_idleTicks = 0;
    bool m_running = false;
};

/// A test of the kernel: `TEST_F(EventTest, ...) { Run([&] { ... }); }` with `using EventTest = host::KernelTest`.
class KernelTest : public testing::Test {
protected:
    /// Runs on a machine of `processors` processors; a machine that stops fails the test.
    void Run(std::function<void()> body, ULONG processors = 1);
    /// Runs and expects the machine to stop with this code.
    void RunUntilBugCheck(ULONG code, std::function<void()> body, ULONG processors = 1);
    /// Runs and expects a broken assertion whose expression contains `text`.
    void RunUntilAssertion(const std::string& text, std::function<void()> body, ULONG processors = 1);

    std::unique_ptr<Machine> machine;
};

/// @returns the seed of a randomised test, shown when it fails. MICA_SEED in the environment repeats one.
ULONG Seed();
/// A relative time of `ticks` clock ticks.
LARGE_INTEGER Ticks(LONGLONG ticks);
/// A relative time of `units` of 100 ns.
LARGE_INTEGER After(LONGLONG units);

} // namespace host

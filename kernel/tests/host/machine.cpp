#include "machine.h"

#include "ex/resource.h"
#include "ke/ki.h"
#include "ke/ki/lockrecords.h"
#include "processor.h"

#include <cstdlib>
#include <cstring>

namespace host {

namespace {

Machine* Running = nullptr;
constexpr ULONG MaximumIdleTicks = 200'000;
constexpr ULONG_PTR SystemDirectory = 0x1000; ///< "physical address" of the system process's page directory
constexpr KPRIORITY TestPriority = 8;
constexpr KIRQL DeviceLevel{10};

void NTAPI RunBody(PVOID context) { static_cast<Thread*>(context)->Body(); }

void NTAPI SystemThreadStartup(PKSTART_ROUTINE startRoutine, PVOID startContext) {
    KfLowerIrql(PASSIVE_LEVEL);
    startRoutine(startContext);
    KeRundownApcQueues(nullptr);
    KeTerminateThread(0);
}

void NTAPI SendDispatchInterrupt(KAFFINITY processors) { Machine::Current()->Wake(processors); }

/// The kernel's globals as they are before boot: another test's machine was here.
void ResetKernel() {
    KiForgetAllSpinLockRanks();
    KeInitializeSpinLock(&KiDispatcherLock, KLOCK_RANK::Dispatcher);
    KeInitializeSpinLock(&KiLockRecordLock, KLOCK_RANK::LockRecords);
    KeInitializeSpinLock(&ExpResourceSpinLock, KLOCK_RANK::Object);
    InitializeListHead(&ExpSystemResourcesList);
    KiForgetLockRecords();
    KiIdleSummary = 0;
    KiInterruptTime = KiSystemTime = KeTickCount = {};
    KiSharedUserData.TickCount = {};
    KeMaximumIncrement = 100'000;
    KiSendDispatchInterrupt = SendDispatchInterrupt;
    KeNumberProcessors = 0;
    KeActiveProcessors = 0;
}

} // namespace

Machine* Machine::Current() { return Running; }

KPCR* Machine::Pcr() { return &m_processors[m_current]->Pcr; }

Machine::Machine(ULONG processors) : m_outside(std::make_unique<Fiber>()) {
    if (Running) abort(); // one at a time
    Running = this;
    ResetKernel();
    for (ULONG number = 0; number < processors; number++) {
        auto processor = std::make_unique<Processor>();
        std::memset(static_cast<void*>(processor.get()), 0, sizeof(Processor));
        KPCR& pcr = processor->Pcr;
        pcr.SelfPcr = &pcr;
        pcr.Prcb = &pcr.PrcbData;
        pcr.Number = UCHAR(number);
        pcr.PrcbData.Number = number;
        pcr.PrcbData.SetMember = pcr.SetMember = 1u << number;
        pcr.Irql = DISPATCH_LEVEL;
        KiProcessorBlock[number] = &pcr.PrcbData;
        KeNumberProcessors++;
        KeActiveProcessors |= pcr.SetMember;
        m_processors.push_back(std::move(processor));
    }
    ULONG_PTR directory[2] = {SystemDirectory, 0};
    KeInitializeProcess(&SystemProcess, TestPriority, ~KAFFINITY(0), directory);
}

Machine::~Machine() {
    for (PKPRCB& prcb : KiProcessorBlock)
        prcb = nullptr;
    Running = nullptr;
}

void Machine::BootProcessors() {
    for (m_current = 0; m_current < m_processors.size(); m_current++) {
        Processor& processor = *m_processors[m_current];
        KPRCB* const prcb = processor.Pcr.Prcb;
        if (prcb->Number == 0) KiInitializeLockQueue(prcb);
        KiInitializeDispatcher(prcb);
        KiInitializeIdleThread(prcb, &processor.IdleThread, &SystemProcess, nullptr, nullptr);
        processor.Running = MakeFiber([] { KiIdleLoop(); });
        processor.IdleThread.KernelStack = processor.Running;
    }
    m_current = 0;
    (void)KeSetSchedulingPolicy(nullptr);
}

bool Machine::Run(std::function<void()> body) {
    BootProcessors();
    Fiber* const boot = MakeFiber([this, body = std::move(body)] {
        Spawn(TestPriority, [this, body] {
            body();
            m_running = false;
            m_outside->SwitchFrom(*m_processors[m_current]->Running);
        });
        KiIdleLoop();
    });
    m_processors[0]->Running = boot;
    m_processors[0]->IdleThread.KernelStack = boot;
    m_running = true;
    boot->SwitchFrom(*m_outside);
    return m_bugCheck.Code == 0;
}

void Machine::Stop(BugCheck bugCheck) {
    if (!m_running) throw BrokenAssertion{bugCheck.Text}; // in the test's own flow: there is no machine to stop
    m_bugCheck = std::move(bugCheck);
    m_running = false;
    m_outside->SwitchFrom(*m_processors[m_current]->Running);
    abort(); // nobody comes back to a machine that has stopped
}

Thread* Machine::Make(KPRIORITY priority, std::function<void()> body) {
    m_threads.push_back({{}, std::move(body)});
    Thread* const thread = &m_threads.back();
    KeInitializeThread(&thread->Tcb, nullptr, nullptr, SystemThreadStartup, RunBody, thread, &SystemProcess);
    (void)KeSetPriorityThread(&thread->Tcb, priority);
    return thread;
}

Thread* Machine::Spawn(KPRIORITY priority, std::function<void()> body) {
    Thread* const thread = Make(priority, std::move(body));
    KeReadyThread(&thread->Tcb);
    return thread;
}

void Machine::Start(Thread* thread, KPROCESS* process) {
    KeInitializeThread(&thread->Tcb, nullptr, nullptr, SystemThreadStartup, RunBody, thread, process);
    KeReadyThread(&thread->Tcb);
}

KPROCESS* Machine::MakeProcess(KPRIORITY basePriority) {
    m_processes.emplace_back();
    ULONG_PTR directory[2] = {SystemDirectory + 0x1000 * m_processes.size(), 0};
    KeInitializeProcess(&m_processes.back(), basePriority, ~KAFFINITY(0), directory);
    return &m_processes.back();
}

void Machine::Tick(ULONG times) {
    for (; times != 0; times--) {
        const KIRQL oldIrql = KfRaiseIrql(CLOCK_LEVEL);
        if (m_current == 0) {
            KeUpdateSystemTime(nullptr, KeQueryTimeIncrement());
        } else {
            KeUpdateRunTime(nullptr);
        }
        KiCheckDpcWatchdog(oldIrql);
        KfLowerIrql(oldIrql);
    }
}

void Machine::Interrupt(const std::function<void()>& service) {
    const KIRQL oldIrql = KfRaiseIrql(DeviceLevel);
    KeGetCurrentPrcb()->InterruptNesting++;
    service();
    KeGetCurrentPrcb()->InterruptNesting--;
    KfLowerIrql(oldIrql);
}

Fiber* Machine::MakeFiber(std::function<void()> entry) {
    m_fibers.push_back(std::make_unique<Fiber>(std::move(entry)));
    return m_fibers.back().get();
}

void Machine::SwapFibers(KTHREAD* oldThread, KTHREAD* newThread) {
    Processor& processor = *m_processors[m_current];
    auto* const oldFiber = processor.Running;
    auto* const newFiber = static_cast<Fiber*>(newThread->KernelStack);
    oldThread->KernelStack = oldFiber;
    processor.Running = newFiber;
    newFiber->SwitchFrom(*oldFiber);
}

void Machine::SwitchToProcessor(ULONG number) {
    Fiber* const from = m_processors[m_current]->Running;
    m_current = number;
    m_processors[number]->Running->SwitchFrom(*from);
}

bool Machine::AnotherRuns(ULONG* number) const {
    for (ULONG step = 1; step < m_processors.size(); step++) {
        *number = (m_current + step) % ULONG(m_processors.size());
        if (!m_processors[*number]->Halted) return true;
    }
    return false;
}

void Machine::Halt() {
    const ULONG self = m_current;
    m_processors[self]->Halted = true;
    while (m_processors[self]->Halted) {
        ULONG other;
        if (AnotherRuns(&other)) {
            SwitchToProcessor(other);
        } else if (self != 0) {
            m_processors[0]->Halted = false; // the clock is its interrupt
            SwitchToProcessor(0);
        } else {
            if (++m_idleTicks > MaximumIdleTicks) Stop({.Code = MICA_ASSERTION_FAILED, .Text = "nobody can go on"});
            m_processors[0]->Halted = false;
            Tick();
        }
    }
}

void Machine::Yield() {
    ULONG other;
    if (AnotherRuns(&other)) SwitchToProcessor(other);
}

void Machine::LetOthersRun() {
    m_idleTicks = 0;
    Yield();
    KfLowerIrql(KeGetCurrentIrql()); // what was sent to this processor meanwhile is delivered now
}

void Machine::Wake(KAFFINITY processors, KIRQL level) {
    for (auto& processor : m_processors) {
        if (!(processors & processor->Pcr.SetMember)) continue;
        processor->Halted = false;
        processor->Pcr.IRR |= 1u << unsigned(level);
    }
}

void KernelTest::Run(std::function<void()> body, ULONG processors) {
    machine.reset();
    machine = std::make_unique<Machine>(processors);
    if (machine->Run(std::move(body))) return;
    ADD_FAILURE() << "the machine stopped: code 0x" << std::hex << machine->Stopped().Code << ", parameter 1 0x"
                  << machine->Stopped().Parameter[0] << " " << machine->Stopped().Text;
}

void KernelTest::RunUntilBugCheck(ULONG code, std::function<void()> body, ULONG processors) {
    machine.reset();
    machine = std::make_unique<Machine>(processors);
    EXPECT_FALSE(machine->Run(std::move(body))) << "expected the machine to stop";
    EXPECT_EQ(machine->Stopped().Code, code) << machine->Stopped().Text;
}

void KernelTest::RunUntilAssertion(const std::string& text, std::function<void()> body, ULONG processors) {
    RunUntilBugCheck(MICA_ASSERTION_FAILED, std::move(body), processors);
    EXPECT_NE(machine->Stopped().Text.find(text), std::string::npos) << "seen: " << machine->Stopped().Text;
}

ULONG Seed() {
    const char* const given = std::getenv("MICA_SEED");
    if (given) return ULONG(std::strtoul(given, nullptr, 0));
    return ULONG(testing::GTEST_FLAG(random_seed)) +
           1; // the same every time, unless --gtest_random_seed says otherwise
}

LARGE_INTEGER Ticks(LONGLONG ticks) { return After(ticks * LONGLONG(KeQueryTimeIncrement())); }

LARGE_INTEGER After(LONGLONG units) {
    LARGE_INTEGER time;
    time.QuadPart = -units;
    return time;
}

} // namespace host

// scenario.h: how a concurrency test is written.
//
//     // SYH-05
//     struct Counts {
//         static inline LONG Counter;
//         static void Setup() { Counter = 0; KX_TRACK(Counter); }
//         static void Actor0() { InterlockedIncrement(&Counter); }
//         static void Actor1() { InterlockedIncrement(&Counter); }
//         static void Check() { CHECK_EQUAL(2, Counter); }
//     };
//     SCENARIO(Counts);
//
// Actor0, Actor1 and Actor2 run at the same time, each in a thread on a processor of its own. Setup, if there is one,
// makes everything anew before each run; Check, if there is one, looks at the end. The explorer runs the whole many
// times, each time with another order of steps. A run must depend on nothing that an earlier run left: what a scenario
// uses is in its static members, and Setup writes all of it. Actors end at PASSIVE_LEVEL, outside critical regions.
//
//   static constexpr ULONG ClockTicks = n;   time may pass at any point, up to n clock ticks in a run. Without it a tick
//                                            comes only when nothing else can run and a timer is pending.
//   static void Prepare();                   once, before the first run: makes threads that are no actors. Such a thread gets
//                                            one processor (KeSetAffinityThread: 2, 4 or 8) and ends each run where it began it.
//   static constexpr ULONG Flags = ...;      KX_SCENARIO_SHARES, KX_SCENARIO_PLANTED (ke/explore.h)
//
// In the Setup, KX_DRAW(n) is a number below n that follows from the run's seed: for what no result may depend on, such as the
// place of an object.
//
// One source of a driver includes scenario_main.h. In flavours other than explore a scenario compiles to its table entry.
#pragma once

#include "ke.h"
#include "ke/explore.h"

/// A run fails where the two values differ.
#define CHECK_EQUAL(expected, seen) KxCheckEqual((expected), (seen), #seen, __FILE__, __LINE__)
/// Watches a variable or structure for accesses that nothing orders (in the Setup).
#define KX_TRACK(object) KX_TRACK_RANGE(&(object), sizeof(object), #object)
/// A field of a tracked structure that is read or written on purpose without order.
#define KX_EXEMPT(object) KX_EXEMPT_RANGE(&(object), sizeof(object))

#if defined(MICA_EXPLORE)
/// A run fails where the expression is false. The actor goes on.
#define CHECK(expression) ((expression) ? void(0) : KX_FAIL("%s", #expression))
#define KX_FAIL(...) KxFail(__FILE__, __LINE__, __VA_ARGS__)
#define KX_TRACK_RANGE(address, size, name) KxTrack((address), (size), (name))
#define KX_EXEMPT_RANGE(address, size) KxExempt((address), (size))
#define KX_OBSERVE(index, value) KxObserve((index), ULONG(value))
#define KX_MARK(value) KxMark(ULONG(value))
#define KX_PARAMETER(index) KxParameter(index)
#define KX_DRAW(bound) KxDraw(bound)
#else
#define CHECK(expression) ((void)(expression))
#define KX_FAIL(...) void(0)
#define KX_TRACK_RANGE(address, size, name) ((void)(address))
#define KX_EXEMPT_RANGE(address, size) ((void)(address))
#define KX_OBSERVE(index, value) ((void)(value))
#define KX_MARK(value) ((void)(value))
#define KX_PARAMETER(index) (0u)
#define KX_DRAW(bound) ((void)(bound), 0u)
#endif

template <typename A> inline LONGLONG KxAsNumber(A value) {
    if constexpr (__is_pointer(A)) {
        return LONGLONG(reinterpret_cast<ULONG_PTR>(value));
    } else {
        return LONGLONG(value);
    }
}

template <typename A, typename B> inline void KxCheckEqual(A expected, B seen, PCSTR what, PCSTR file, ULONG line) {
    const LONGLONG wanted = KxAsNumber(expected), found = KxAsNumber(seen);
    (void)what, (void)file, (void)line;
#if defined(MICA_EXPLORE)
    if (wanted == found) return;
    if constexpr (__is_pointer(A) || __is_pointer(B)) {
        KxFail(file, line, "%s is 0x%08x, not 0x%08x", what, ULONG(found), ULONG(wanted));
    } else {
        KxFail(file, line, "%s is %d, not %d", what, LONG(found), LONG(wanted));
    }
#else
    (void)wanted, (void)found;
#endif
}

/// Makes the table's entry from what the structure has.
template <typename T> constexpr KX_SCENARIO KxDescribe(PCSTR name, PCSTR file, ULONG line) {
    KX_SCENARIO scenario{};
    scenario.Name = name;
    scenario.File = file;
    scenario.Line = line;
    if constexpr (requires { T::Setup(); }) scenario.Setup = T::Setup;
    if constexpr (requires { T::Prepare(); }) scenario.Prepare = T::Prepare;
    if constexpr (requires { T::Check(); }) scenario.Check = T::Check;
    scenario.Actor[0] = T::Actor0;
    scenario.ActorCount = 1;
    if constexpr (requires { T::Actor1(); }) {
        scenario.Actor[1] = T::Actor1;
        scenario.ActorCount = 2;
    }
    if constexpr (requires { T::Actor2(); }) {
        scenario.Actor[2] = T::Actor2;
        scenario.ActorCount = 3;
    }
    if constexpr (requires { T::ClockTicks; }) scenario.ClockTicks = T::ClockTicks;
    if constexpr (requires { T::Flags; }) scenario.Flags = T::Flags;
    return scenario;
}

/// Enters the structure `name` into the driver's table: the host finds it as the symbol KxScenario_<name>.
#define SCENARIO(name)                                                                          \
    extern "C" __attribute__((section(".kxscn$m"), used)) const KX_SCENARIO KxScenario_##name = \
        KxDescribe<name>(#name, __FILE__, __LINE__)

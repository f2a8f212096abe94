// Clang's thread-safety annotations, under the names this code uses.
//
// A *capability* is something a piece of code may hold: a lock, or a level of interrupt masking.
// `GUARDED_BY(lock)` on a field and `REQUIRES_(lock)` on a routine make the compiler refuse an access
// without the lock. IRQL is a capability too (irql.h). What the analysis cannot see is asserted at run
// time in checked builds.
#pragma once

#if defined(__clang__)
#define MICA_ATTRIBUTE(x) __attribute__((x))
#else
#define MICA_ATTRIBUTE(x)
#endif

#define CAPABILITY(name) MICA_ATTRIBUTE(capability(name))
#define SCOPED_CAPABILITY MICA_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(x) MICA_ATTRIBUTE(guarded_by(x))
#define PT_GUARDED_BY(x) MICA_ATTRIBUTE(pt_guarded_by(x))
#define REQUIRES_(...) MICA_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ACQUIRE_(...) MICA_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRE_(...) MICA_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define RELEASE_(...) MICA_ATTRIBUTE(release_capability(__VA_ARGS__))
#define ACQUIRE_SHARED_(...) MICA_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define RELEASE_SHARED_(...) MICA_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC_(...) MICA_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define EXCLUDES_(...) MICA_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ASSERT_SHARED_CAPABILITY_(...) MICA_ATTRIBUTE(assert_shared_capability(__VA_ARGS__))
#define ASSERT_CAPABILITY_(...) MICA_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define RETURN_CAPABILITY_(x) MICA_ATTRIBUTE(lock_returned(x))
/// The body does what the analysis cannot follow; a comment beside it says why it is right. Where one lock is the matter,
/// nt::AssumeHeld or nt::AssumeSnapshot (ke/spinlock.h) say that of this lock only, and the rest stays checked.
#define NO_THREAD_SAFETY_ANALYSIS MICA_ATTRIBUTE(no_thread_safety_analysis)
/// The body is what takes or gives back a lock, or raises the IRQL: what its declaration says, nobody else can check.
#define IMPLEMENTS_LOCK MICA_ATTRIBUTE(no_thread_safety_analysis)

// Objects as monitor commands show them: names as text, the walk along a name without the object manager's services.
//
// While the kernel runs, a directory's lock is held for the search, and what was found is referenced. In a stopped kernel nothing is locked or counted.
// In the books: "object manager", the !object and !handle extensions. TOL-06
#pragma once

#include "ob.h"
#include "session.h"

/// An object that a command looks at, kept as long as this lives if the kernel runs.
class KdpObject {
public:
    explicit KdpObject(const KD_SESSION& session) : m_runs(!session.Stopped()) {}
    ~KdpObject() { Take(nullptr); }
    KdpObject(const KdpObject&) = delete;
    KdpObject& operator=(const KdpObject&) = delete;

    /// Keeps an object for this command; a lock or a reference keeps it until then.
    PVOID Keep(PVOID object) const {
        if (object && m_runs) (void)ObReferenceObject(object);
        return object;
    }
    /// Looks at another object, which was kept, and no longer at the one before. No lock of that one is held.
    void Take(PVOID object) {
        if (m_object && m_runs) (void)ObDereferenceObject(m_object);
        m_object = object;
    }
    PVOID Get() const { return m_object; }

private:
    const bool m_runs;
    PVOID m_object = nullptr;
};

constexpr ULONG KDP_NAME_ROOM = 48;

/// A counted string as text for the console: characters that it lacks are dots, and a long text is cut.
void KdpSpell(const UNICODE_STRING& name, CHAR (&text)[KDP_NAME_ROOM]);
/// The name that an object has in its directory; "" without one.
void KdpSpellName(PVOID object, CHAR (&text)[KDP_NAME_ROOM]);
/// Finds an object by its name, without symbolic links and parse procedures. @returns false: there is none
bool KdpFindObject(KD_SESSION& session, PCSTR path, KdpObject& found);

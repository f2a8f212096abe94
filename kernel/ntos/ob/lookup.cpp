// The look-up: from a name to an object, or to the place where a new object gets its name.
//
// The walk holds a reference to the object that it stands at, and a directory's Lock while it searches there. A new object is added in
// the same hold of the lock in which its name was not found, so no two objects get one name.
// In the books: "object names", "object directories", "parse procedures". OBJ-05
#include "ob/obp.h"
#include "rtl/string.h"

namespace {

/// A walk along one name.
class WALK {
public:
    explicit WALK(OBP_LOOKUP& lookup) : m_lookup(lookup), m_complete(lookup.Name) {}
    ~WALK() {
        if (m_owned) ExFreePoolWithTag(m_complete.Buffer, 0);
    }
    WALK(const WALK&) = delete;
    WALK& operator=(const WALK&) = delete;

    NTSTATUS Run() {
        NTSTATUS status = FromStart(m_lookup.RootDirectory);
        for (ULONG reparses = 0; status == STATUS_REPARSE; reparses++) {
            if (reparses == OB_MAXIMUM_REPARSES) return STATUS_REPARSE_POINT_NOT_RESOLVED;
            status = FromStart(nullptr); // the new name says where
        }
        return status;
    }

private:
    bool IsCaseInsensitive() const { return (m_lookup.Attributes & OBJ_CASE_INSENSITIVE) != 0; }
    bool BeginsWithSeparator() const { return m_rest.Length != 0 && m_rest.Buffer[0] == OBJ_NAME_PATH_SEPARATOR; }
    void Skip(ULONG characters) {
        m_rest.Buffer += characters;
        m_rest.Length = USHORT(m_rest.Length - characters * sizeof(WCHAR));
        m_rest.MaximumLength = m_rest.Length;
    }

    NTSTATUS FromStart(HANDLE rootHandle) {
        m_rest = m_complete;
        PVOID object;
        if (rootHandle) {
            if (BeginsWithSeparator()) return STATUS_OBJECT_PATH_SYNTAX_BAD;
            NT_TRY(ObReferenceObjectByHandle(rootHandle, 0, nullptr, m_lookup.Mode, &object, nullptr));
        } else {
            if (m_rest.Length == 0) return STATUS_OBJECT_NAME_INVALID;
            if (!BeginsWithSeparator()) return STATUS_OBJECT_PATH_SYNTAX_BAD;
            Skip(1);
            object = ObpRootDirectoryObject;
            (void)ObfReferenceObject(object);
        }
        return Through(object);
    }

    /// Goes on from an object, whose reference this takes over; the rest of the name is relative to it.
    NTSTATUS Through(PVOID object) {
        for (;;) {
            POBJECT_TYPE const type = ObGetObjectType(object);
            if (type != ObpDirectoryObjectType) return Beyond(object, type);
            if (m_rest.Length == 0) return Arrive(object); // the root, or a directory by its handle
            PVOID next;
            const NTSTATUS status = Step(static_cast<POBJECT_DIRECTORY>(object), &next);
            (void)ObfDereferenceObject(object);
            if (!NT_SUCCESS(status) || m_lookup.Inserted) return status;
            object = next;
            if (m_rest.Length == 0 && (ObGetObjectType(object) == ObpDirectoryObjectType || m_lookup.Insert))
                return Arrive(object);
            if (ObGetObjectType(object) == ObpDirectoryObjectType) Skip(1); // the separator
        }
    }

    /// Takes the next component off the rest, which begins with a separator afterwards, or is empty.
    NTSTATUS NextComponent(UNICODE_STRING* component) {
        ULONG length = 0;
        while (length < m_rest.Length / sizeof(WCHAR) && m_rest.Buffer[length] != OBJ_NAME_PATH_SEPARATOR)
            length++;
        if (length == 0) return STATUS_OBJECT_NAME_INVALID;
        *component = {USHORT(length * sizeof(WCHAR)), USHORT(length * sizeof(WCHAR)), m_rest.Buffer};
        Skip(length);
        return STATUS_SUCCESS;
    }

    /// Finds the next component in a directory, or inserts the new object there. @param next receives what was found, referenced
    NTSTATUS Step(POBJECT_DIRECTORY directory, PVOID* next) {
        *next = nullptr;
        UNICODE_STRING component;
        NT_TRY(NextComponent(&component));
        const ULONG hash = ObpHashName(component);
        const nt::FastMutexGuard guard(directory->Lock);
        PVOID const found = ObpFindEntry(directory, component, hash, IsCaseInsensitive());
        // A separator may end the name of an object that reads the rest itself: the root directory of a device.
        const bool readsRest = found && ObGetObjectType(found)->TypeInfo.ParseProcedure;
        if (m_rest.Length == sizeof(WCHAR) && !readsRest) return STATUS_OBJECT_NAME_INVALID;
        if (found) {
            (void)ObfReferenceObject(found);
            *next = found;
            return STATUS_SUCCESS;
        }
        if (m_rest.Length != 0) return STATUS_OBJECT_PATH_NOT_FOUND;
        return m_lookup.Insert ? Insert(directory, component, hash) : STATUS_OBJECT_NAME_NOT_FOUND;
    }

    NTSTATUS Insert(POBJECT_DIRECTORY directory, const UNICODE_STRING& component, ULONG hash) {
        OBJECT_HEADER_NAME_INFO* const info = OBJECT_HEADER_TO_NAME_INFO(OBJECT_TO_OBJECT_HEADER(m_lookup.Insert));
        if (!info->Name.Buffer) { // a type has its name's text already
            auto* const text = static_cast<PWSTR>(ExAllocatePoolWithTag(NonPagedPool, component.Length, OB_NAME_TAG));
            if (!text) return STATUS_INSUFFICIENT_RESOURCES;
            RtlCopyMemory(text, component.Buffer, component.Length);
            info->Name = {component.Length, component.Length, text};
        }
        if (!ObpAddEntry(directory, m_lookup.Insert, hash)) return STATUS_INSUFFICIENT_RESOURCES;
        ObpSetNameDirectory(info, directory);
        m_lookup.Inserted = true;
        return Arrive(m_lookup.Insert, true);
    }

    /// The walk ends at an object, whose reference becomes the caller's.
    NTSTATUS Arrive(PVOID object, bool reference = false) {
        if (reference) (void)ObfReferenceObject(object);
        if (!m_lookup.Insert && m_lookup.Type && ObGetObjectType(object) != m_lookup.Type) {
            (void)ObfDereferenceObject(object);
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        m_lookup.Found = object;
        return STATUS_SUCCESS;
    }

    /// The walk has come to an object that is no directory: its type reads the rest, or there must be none.
    NTSTATUS Beyond(PVOID object, POBJECT_TYPE type) {
        OB_PARSE_METHOD* const parse = type->TypeInfo.ParseProcedure;
        if (!parse) {
            if (m_rest.Length == 0) return Arrive(object);
            (void)ObfDereferenceObject(object);
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        UNICODE_STRING complete = m_complete;
        PVOID found = nullptr;
        const NTSTATUS status = parse(object, m_lookup.Type, m_lookup.AccessState, m_lookup.Mode, m_lookup.Attributes,
                                      &complete, &m_rest, m_lookup.ParseContext, nullptr, &found);
        (void)ObfDereferenceObject(object);
        if (status == STATUS_REPARSE) {
            if (m_owned) ExFreePoolWithTag(m_complete.Buffer, 0);
            m_complete = complete;
            m_owned = true;
            return status;
        }
        NT_TRY(status);
        return found ? Arrive(found) : STATUS_OBJECT_NAME_NOT_FOUND;
    }

    OBP_LOOKUP& m_lookup;
    UNICODE_STRING m_complete; ///< the name from its start
    UNICODE_STRING m_rest = {};
    bool m_owned = false; ///< m_complete came from a parse procedure
};

} // namespace

NTSTATUS ObpLookupObjectName(OBP_LOOKUP& lookup) {
    lookup.Found = nullptr;
    lookup.Inserted = false;
    return WALK(lookup).Run();
}

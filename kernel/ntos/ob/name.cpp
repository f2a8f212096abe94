// The name of an object: which directory has it, when it goes, how it reads from the root on.
//
// A thread that has an object and wants its directory cannot hold the directory's lock yet. ObpNameLock guards the pointer between the
// two: under it the thread reads the pointer and references the directory.
// Locks: OBJECT_DIRECTORY::Lock, then ObpNameLock. In the books: "object names", "object retention". OBJ-05, OBJ-08
#include "ob/obp.h"
#include "rtl/string.h"

namespace {

constinit KSPIN_LOCK ObpNameLock = {};

/// The references that a name holds: to the directory, and the directory's to the object.
struct NAME_REFERENCES {
    POBJECT_DIRECTORY Directory;
    PVOID Object;
};

/// Takes the name away if the object is temporary and without handles. @returns what is to be dereferenced, without a lock held
NAME_REFERENCES TakeName(POBJECT_HEADER header, POBJECT_DIRECTORY directory) {
    OBJECT_HEADER_NAME_INFO* const info = OBJECT_HEADER_TO_NAME_INFO(header);
    const nt::FastMutexGuard guard(directory->Lock);
    {
        const nt::SpinLockGuard names(ObpNameLock);
        if (info->Directory != directory || header->HandleCount != 0 || (header->Flags & OB_FLAG_PERMANENT) != 0)
            return {};
        info->Directory = nullptr;
    }
    ObpRemoveEntry(directory, &header->Body, ObpHashName(info->Name));
    return {directory, &header->Body};
}

/// A name that is written from its end to its beginning.
class BACKWARD_NAME {
public:
    BACKWARD_NAME(PWSTR buffer, ULONG bytes) : m_buffer(buffer), m_left(bytes) {}

    void Put(const UNICODE_STRING& component) {
        PutText(component.Buffer, component.Length);
        const WCHAR separator = OBJ_NAME_PATH_SEPARATOR;
        PutText(&separator, sizeof(separator));
    }
    ULONG Bytes() const { return m_bytes; } ///< of the whole name, whether it fits or not
    ULONG Left() const { return m_left; }

private:
    void PutText(PCWSTR text, ULONG bytes) {
        m_bytes += bytes;
        if (bytes > m_left) {
            m_left = 0;
            return;
        }
        m_left -= bytes;
        RtlCopyMemory(reinterpret_cast<UCHAR*>(m_buffer) + m_left, text, bytes);
    }

    PWSTR const m_buffer;
    ULONG m_left; ///< bytes in front of what is written
    ULONG m_bytes = 0;
};

/// Writes an object's name into a buffer that may be too small.
void WriteName(PVOID object, BACKWARD_NAME& name) {
    POBJECT_HEADER header = OBJECT_TO_OBJECT_HEADER(object);
    if (object == ObpRootDirectoryObject) {
        name.Put({});
        return;
    }
    POBJECT_DIRECTORY directory = ObpReferenceNameDirectory(header);
    if (!directory) return;
    name.Put(OBJECT_HEADER_TO_NAME_INFO(header)->Name);
    while (directory != ObpRootDirectoryObject) {
        header = OBJECT_TO_OBJECT_HEADER(directory);
        POBJECT_DIRECTORY const parent = ObpReferenceNameDirectory(header);
        if (parent) name.Put(OBJECT_HEADER_TO_NAME_INFO(header)->Name);
        (void)ObfDereferenceObject(directory);
        if (!parent) return; // the directory has lost its name: what is known of the path is told
        directory = parent;
    }
    (void)ObfDereferenceObject(directory);
}

} // namespace

void ObpInitializeNames() { KeInitializeSpinLock(&ObpNameLock, KLOCK_RANK::Object); }

POBJECT_DIRECTORY ObpReferenceNameDirectory(POBJECT_HEADER header) {
    const OBJECT_HEADER_NAME_INFO* const info = OBJECT_HEADER_TO_NAME_INFO(header);
    if (!info) return nullptr;
    const nt::SpinLockGuard guard(ObpNameLock);
    if (info->Directory) (void)ObfReferenceObject(info->Directory);
    return info->Directory;
}

void ObpSetNameDirectory(OBJECT_HEADER_NAME_INFO* info, POBJECT_DIRECTORY directory) {
    (void)ObfReferenceObject(directory);
    const nt::SpinLockGuard guard(ObpNameLock);
    info->Directory = directory;
}

void ObpSetPermanent(POBJECT_HEADER header, bool permanent) {
    const nt::SpinLockGuard guard(ObpNameLock);
    header->Flags = UCHAR(permanent ? header->Flags | OB_FLAG_PERMANENT : header->Flags & ~OB_FLAG_PERMANENT);
}

void ObpDeleteNameCheck(PVOID object) {
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(object);
    POBJECT_DIRECTORY const directory = ObpReferenceNameDirectory(header);
    if (!directory) return;
    const NAME_REFERENCES taken = TakeName(header, directory);
    if (taken.Object) (void)ObfDereferenceObject(taken.Object);
    if (taken.Directory) (void)ObfDereferenceObject(taken.Directory);
    (void)ObfDereferenceObject(directory);
}

extern "C" {

void NTAPI ObMakeTemporaryObject(PVOID Object) {
    ObpSetPermanent(OBJECT_TO_OBJECT_HEADER(Object), false);
    ObpDeleteNameCheck(Object);
}

NTSTATUS NTAPI ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length,
                                 ULONG* ReturnLength) {
    OB_QUERYNAME_METHOD* const own = ObGetObjectType(Object)->TypeInfo.QueryNameProcedure;
    if (own) {
        const BOOLEAN named = OBJECT_HEADER_TO_NAME_INFO(OBJECT_TO_OBJECT_HEADER(Object)) != nullptr;
        return own(Object, named, ObjectNameInfo, Length, ReturnLength);
    }
    const ULONG header = sizeof(OBJECT_NAME_INFORMATION);
    const ULONG room = Length > header + sizeof(WCHAR) ? Length - header - ULONG(sizeof(WCHAR)) : 0;
    auto* const text = reinterpret_cast<PWSTR>(ObjectNameInfo + 1);
    BACKWARD_NAME name(text, room);
    WriteName(Object, name);
    const ULONG bytes = name.Bytes();
    *ReturnLength = header + (bytes != 0 ? bytes + ULONG(sizeof(WCHAR)) : 0);
    if (bytes > MAXIMUM_USHORT - sizeof(WCHAR)) return STATUS_NAME_TOO_LONG;
    if (Length < *ReturnLength) return STATUS_INFO_LENGTH_MISMATCH;
    ObjectNameInfo->Name = {};
    if (bytes == 0) return STATUS_SUCCESS;
    memmove(text, reinterpret_cast<UCHAR*>(text) + name.Left(), bytes);
    text[bytes / sizeof(WCHAR)] = 0;
    ObjectNameInfo->Name = {USHORT(bytes), USHORT(bytes + sizeof(WCHAR)), text};
    return STATUS_SUCCESS;
}
}

// Environments: blocks of texts NAME=value. Contract: user/environment.h.
//
// A block has no note of its room, so a change makes a new block. The process's own is exchanged under FastPebLock, and the one before freed if
// it came from the heap.
// In the books: "environment". PRC-04
#include "ntdllp.h"

namespace {

PEB* Peb() { return NtCurrentPeb(); }

/// Holds FastPebLock, if it is the process's own environment.
class GUARD {
public:
    explicit GUARD(bool wanted) : m_lock(wanted ? Peb()->FastPebLock : nullptr) {
        if (m_lock) (void)RtlEnterCriticalSection(m_lock);
    }
    ~GUARD() {
        if (m_lock) (void)RtlLeaveCriticalSection(m_lock);
    }
    GUARD(const GUARD&) = delete;
    GUARD& operator=(const GUARD&) = delete;

private:
    RTL_CRITICAL_SECTION* const m_lock;
};

ULONG LengthOf(PCWSTR text) {
    ULONG length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

/// Characters of a block, with the 0 that ends it.
ULONG SizeOf(PCWSTR environment) {
    ULONG size = 0;
    while (environment[size] != 0)
        size += LengthOf(environment + size) + 1;
    return size + 1;
}

/// Where a variable's value begins; nullptr: `text` is another variable. @param text NAME=value
PCWSTR ValueOf(PCWSTR text, PCUNICODE_STRING name) {
    const ULONG length = name->Length / sizeof(WCHAR);
    for (ULONG i = 0; i < length; i++)
        if (text[i] == 0 || RtlUpcaseUnicodeChar(text[i]) != RtlUpcaseUnicodeChar(name->Buffer[i])) return nullptr;
    return text[length] == u'=' ? text + length + 1 : nullptr;
}

/// The text of a variable; nullptr: there is none.
PWSTR Find(PWSTR environment, PCUNICODE_STRING name) {
    for (; *environment != 0; environment += LengthOf(environment) + 1)
        if (ValueOf(environment, name)) return environment;
    return nullptr;
}

PWSTR Allocate(ULONG characters) {
    return static_cast<PWSTR>(RtlAllocateHeap(Peb()->ProcessHeap, 0, SIZE_T(characters) * sizeof(WCHAR)));
}

/// A block without `name`, with it again if there is a value. @returns nullptr: no memory
PWSTR Rebuild(PWSTR environment, PCUNICODE_STRING name, PCUNICODE_STRING value) {
    const ULONG nameLength = name->Length / sizeof(WCHAR), valueLength = value ? value->Length / sizeof(WCHAR) : 0;
    const PWSTR block = Allocate(SizeOf(environment) + nameLength + valueLength + 2);
    if (!block) return nullptr;
    PWSTR to = block;
    for (PWSTR from = environment; *from != 0;) {
        const ULONG length = LengthOf(from) + 1;
        if (!ValueOf(from, name)) {
            memcpy(to, from, length * sizeof(WCHAR));
            to += length;
        }
        from += length;
    }
    if (value) {
        memcpy(to, name->Buffer, nameLength * sizeof(WCHAR));
        to += nameLength;
        *to++ = u'=';
        memcpy(to, value->Buffer, valueLength * sizeof(WCHAR));
        to += valueLength;
        *to++ = 0;
    }
    *to = 0;
    return block;
}

bool IsName(PCUNICODE_STRING name) {
    const ULONG length = name->Length / sizeof(WCHAR);
    for (ULONG i = 1; i < length; i++) // the first one may be '='
        if (name->Buffer[i] == u'=' || name->Buffer[i] == 0) return false;
    return length != 0 && name->Buffer[0] != 0;
}

WCHAR Empty[] = u"";

PWSTR Own() {
    const auto environment = static_cast<PWSTR>(Peb()->ProcessParameters->Environment);
    return environment ? environment : Empty;
}

} // namespace

extern "C" {

NTSTATUS NTAPI RtlCreateEnvironment(BOOLEAN CloneCurrent, PWSTR* Environment) {
    GUARD guard(CloneCurrent);
    const PWSTR from = CloneCurrent ? Own() : Empty;
    const ULONG size = SizeOf(from);
    const PWSTR block = Allocate(size);
    if (!block) return STATUS_NO_MEMORY;
    memcpy(block, from, size * sizeof(WCHAR));
    *Environment = block;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlDestroyEnvironment(PWSTR Environment) {
    return RtlFreeHeap(Peb()->ProcessHeap, 0, Environment) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS NTAPI RtlQueryEnvironmentVariable_U(PWSTR Environment, PCUNICODE_STRING Name, PUNICODE_STRING Value) {
    GUARD guard(!Environment);
    const PWSTR found = IsName(Name) ? Find(Environment ? Environment : Own(), Name) : nullptr;
    if (!found) return STATUS_VARIABLE_NOT_FOUND;
    const PCWSTR value = ValueOf(found, Name);
    const SIZE_T bytes = LengthOf(value) * sizeof(WCHAR);
    if (bytes > MAXIMUM_USHORT) return STATUS_NAME_TOO_LONG;
    Value->Length = USHORT(bytes);
    if (bytes > Value->MaximumLength) return STATUS_BUFFER_TOO_SMALL;
    memcpy(Value->Buffer, value, bytes);
    if (bytes + sizeof(WCHAR) <= Value->MaximumLength) Value->Buffer[bytes / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlSetEnvironmentVariable(PWSTR* Environment, PCUNICODE_STRING Name, PCUNICODE_STRING Value) {
    if (!IsName(Name)) return STATUS_INVALID_PARAMETER;
    GUARD guard(!Environment);
    const PWSTR before = Environment ? *Environment : Own();
    const PWSTR block = Rebuild(before, Name, Value);
    if (!block) return STATUS_NO_MEMORY;
    if (Environment)
        *Environment = block;
    else
        Peb()->ProcessParameters->Environment = block;
    if (before != Empty)
        (void)RtlFreeHeap(Peb()->ProcessHeap, 0, before); // not one that a creator has put elsewhere: that is refused
    return STATUS_SUCCESS;
}
}

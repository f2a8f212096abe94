// What a program has left behind is looked for in the kernel's own counts, and said to the host. POL-01, OBJ-03
#include "leftovers.h"

#include "mm.h"
#include "ob/names.h"
#include "ps.h"
#include "ps/services.h"

HOSTILE_SEEN HostileSeen;

namespace {

constexpr ULONG BUFFER_BYTES = 64 * 1024;
constexpr ULONG SETTLE_TICKS = 300; ///< milliseconds until threads that have ended have given all back
constexpr ULONG NAMES = 256;        ///< in the name space, at most
constexpr ULONG DEPTH = 6;
constexpr ULONG CHECK_EVERY = 8; ///< ends between two looks at the pages and the pools

alignas(8) UCHAR Buffer[BUFFER_BYTES];
STOCK Now;

bool SayType(LEFTOVER what, LONG more, ULONG index) {
    char text[32] = {};
    ULONG needed;
    if (!NT_SUCCESS(
            ZwQueryObject(nullptr, OBJECT_INFORMATION_CLASS::ObjectTypesInformation, Buffer, BUFFER_BYTES, &needed)))
        return SayLeftover(what, more, "?", 1);
    const auto* at = Buffer + sizeof(OBJECT_TYPES_INFORMATION);
    for (ULONG i = 0;; i++) {
        const auto* const type = reinterpret_cast<const OBJECT_TYPE_INFORMATION*>(at);
        if (i == index) {
            for (ULONG c = 0; c < type->TypeName.Length / sizeof(WCHAR) && c < sizeof(text) - 1; c++)
                text[c] = char(type->TypeName.Buffer[c]);
            return SayLeftover(what, more, text, sizeof(text));
        }
        at += (sizeof(*type) + type->TypeName.MaximumLength + sizeof(PVOID) - 1) & ~(sizeof(PVOID) - 1);
    }
}

// ---- names

/// Names that were there before programs ran: hashes of their paths.
ULONG Known[NAMES];
ULONG KnownCount;

ULONG HashOf(const UNICODE_STRING& path) {
    ULONG hash = 2166136261;
    for (ULONG i = 0; i < path.Length / sizeof(WCHAR); i++)
        hash = (hash ^ path.Buffer[i]) * 16777619;
    return hash;
}

bool IsKnown(ULONG hash) {
    for (ULONG i = 0; i < KnownCount; i++) {
        if (Known[i] == hash) return true;
    }
    return false;
}

void TakeNameAway(UNICODE_STRING* path) {
    PVOID object;
    if (!NT_SUCCESS(ObReferenceObjectByName(path, OBJ_OPENLINK, nullptr, 0, nullptr, KernelMode, nullptr, &object)))
        return;
    ObMakeTemporaryObject(object);
    (void)ObDereferenceObject(object);
}

/// Looks at all names below a directory. @param learn they are known from now on; else those that are unknown lose their objects
void Names(const UNICODE_STRING& folder, bool learn, ULONG depth) {
    struct ENTRY {
        OBJECT_DIRECTORY_INFORMATION Information;
        WCHAR Texts[260];
    };
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    UNICODE_STRING name = folder;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, nullptr, nullptr);
    if (!NT_SUCCESS(ZwOpenDirectoryObject(&handle, DIRECTORY_QUERY, &attributes))) return;
    ULONG context = 0, needed;
    auto* const entry = static_cast<ENTRY*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(ENTRY) + 0x400, EX_TAG("Host")));
    while (entry && NT_SUCCESS(ZwQueryDirectoryObject(handle, entry, sizeof(ENTRY), TRUE, FALSE, &context, &needed))) {
        auto* const text = reinterpret_cast<PWSTR>(entry + 1);
        const UNICODE_STRING& last = entry->Information.Name;
        if (folder.Length + sizeof(WCHAR) + last.Length > 0x400) continue;
        USHORT length = folder.Length;
        RtlCopyMemory(text, folder.Buffer, length);
        if (length > sizeof(WCHAR)) text[length / sizeof(WCHAR)] = u'\\', length += sizeof(WCHAR);
        RtlCopyMemory(text + length / sizeof(WCHAR), last.Buffer, last.Length);
        length = USHORT(length + last.Length);
        UNICODE_STRING path = {length, length, text};
        static const UNICODE_STRING directory = {18, 18, const_cast<PWSTR>(u"Directory")};
        if (depth != 0 && RtlEqualUnicodeString(&entry->Information.TypeName, &directory, FALSE))
            Names(path, learn, depth - 1);
        const ULONG hash = HashOf(path);
        if (learn && KnownCount < NAMES) Known[KnownCount++] = hash;
        if (learn || IsKnown(hash)) continue;
        TakeNameAway(&path); // the rest moves; the next tick's scan sees it
    }
    if (entry) ExFreePoolWithTag(entry, 0);
    (void)ZwClose(handle);
}

constexpr WCHAR ROOT[] = u"\\";
const UNICODE_STRING Root = {2, 2, const_cast<PWSTR>(ROOT)};

void Kill(EPROCESS* process) {
    HANDLE handle;
    if (NT_SUCCESS(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, nullptr, PROCESS_ALL_ACCESS, PsProcessType,
                                         KernelMode, &handle))) {
        (void)ZwTerminateProcess(handle, STATUS_ABANDONED);
        (void)ZwClose(handle);
    }
    (void)ObDereferenceObject(process);
}

} // namespace

bool SayLeftover(LEFTOVER what, LONG more, const char* name, ULONG length) {
    HostileSeen.What = what;
    HostileSeen.More = more;
    ULONG i = 0;
    for (; i < length && i < sizeof(HostileSeen.Name) - 1 && name[i] != 0; i++)
        HostileSeen.Name[i] = name[i];
    HostileSeen.Name[i] = 0;
    return false;
}

void STOCK::Take() {
    for (ULONG i = 0; i < POOL_TRACK_ROWS; i++) {
        POOL_TRACKER_TABLE counts{};
        const ULONG key = ULONG(PoolTrackTable[i].Key);
        if (key != 0) ExQueryPoolTag(key, &counts);
        Bytes[i] = counts.NonPagedBytes + counts.PagedBytes;
    }
    ULONG committed, limit, peak, needed;
    MmQueryCommitment(&committed, &limit, &peak);
    Commitment = LONG(committed);
    Pages = LONG(MmQueryFreePages());
    if (!NT_SUCCESS(
            ZwQueryObject(nullptr, OBJECT_INFORMATION_CLASS::ObjectTypesInformation, Buffer, BUFFER_BYTES, &needed)))
        return;
    const auto* at = Buffer + sizeof(OBJECT_TYPES_INFORMATION);
    const ULONG types = reinterpret_cast<const OBJECT_TYPES_INFORMATION*>(Buffer)->NumberOfTypes;
    for (ULONG i = 0; i < types && i < STOCK_TYPES; i++) {
        const auto* const type = reinterpret_cast<const OBJECT_TYPE_INFORMATION*>(at);
        Objects[i] = LONG(type->TotalNumberOfObjects);
        Handles[i] = LONG(type->TotalNumberOfHandles);
        at += (sizeof(*type) + type->TypeName.MaximumLength + sizeof(PVOID) - 1) & ~(sizeof(PVOID) - 1);
    }
}

bool STOCK::IsBackTo(const STOCK& before) const {
    for (ULONG i = 0; i < STOCK_TYPES; i++) {
        if (Handles[i] != before.Handles[i]) return SayType(LEFTOVER::Handles, Handles[i] - before.Handles[i], i);
        if (Objects[i] != before.Objects[i]) return SayType(LEFTOVER::Objects, Objects[i] - before.Objects[i], i);
    }
    for (ULONG i = 0; i < POOL_TRACK_ROWS; i++) {
        if (Bytes[i] == before.Bytes[i]) continue;
        const ULONG key = ULONG(PoolTrackTable[i].Key);
        return SayLeftover(LEFTOVER::Pool, Bytes[i] - before.Bytes[i], reinterpret_cast<const char*>(&key),
                           sizeof(key));
    }
    if (Commitment != before.Commitment)
        return SayLeftover(LEFTOVER::Commitment, Commitment - before.Commitment, "pages", 5);
    HostileSeen = {};
    return true;
}

void LEFTOVERS::Begin() {
    if (KnownCount == 0) Names(Root, true, DEPTH);
    m_before.Take();
}

void LEFTOVERS::KillPrograms() const {
    ULONG needed;
    if (!NT_SUCCESS(NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemProcessInformation, Buffer, BUFFER_BYTES,
                                             &needed)))
        return;
    const UCHAR* at = Buffer;
    for (;;) {
        const auto* const row = reinterpret_cast<const SYSTEM_PROCESS_INFORMATION*>(at);
        PEPROCESS process;
        if (NT_SUCCESS(PsLookupProcessByProcessId(row->UniqueProcessId, &process)))
            Kill(process); // but the system's own
        if (row->NextEntryOffset == 0) break;
        at += row->NextEntryOffset;
    }
}

bool LEFTOVERS::End() {
    for (ULONG tick = 0; tick < SETTLE_TICKS; tick++) {
        KillPrograms();
        Names(Root, false, DEPTH);
        Now.Take();
        if (Now.IsBackTo(m_before)) break;
        LARGE_INTEGER delay = KeRelativeMilliseconds(1);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
    }
    if (HostileSeen.What != LEFTOVER::Nothing) return false;
    if (++m_ends % CHECK_EVERY != 0) return true; // a long walk
    if (PCSTR const broken = MmCheckPageFrames())
        return SayLeftover(LEFTOVER::Broken, 0, broken, sizeof(HostileSeen.Name));
    if (!ExCheckPools()) return SayLeftover(LEFTOVER::Broken, 0, "the pools", sizeof(HostileSeen.Name));
    return true;
}

// Directories: a hash table of names, 37 buckets.
//
// The hash takes each character in upper case, so that names which differ in case only are in one bucket.
// Locks: OBJECT_DIRECTORY::Lock, held by the caller. In the books: "object directories". OBJ-05
#include "ob/obp.h"
#include "rtl/string.h"

namespace {

[[maybe_unused]] OBJECT_DIRECTORY_ENTRY*& BucketOf(POBJECT_DIRECTORY directory, ULONG hash) {
    return directory->HashBuckets[hash % NUMBER_HASH_BUCKETS];
}

[[maybe_unused]] const UNICODE_STRING& NameOf(PVOID object) {
    return OBJECT_HEADER_TO_NAME_INFO(OBJECT_TO_OBJECT_HEADER(object))->Name;
}

} // namespace

ULONG ObpHashName(const UNICODE_STRING& name) {
    ULONG hash = 0;
    (void)RtlHashUnicodeString(&name, TRUE, HASH_STRING_ALGORITHM_DEFAULT, &hash);
    return hash;
}

/// Finds a name. @param hash of the name (ObpHashName). @param caseInsensitive whether names that differ in case only are the same
/// @returns the object, not referenced; nullptr: no object of the directory has the name
PVOID ObpFindEntry(POBJECT_DIRECTORY directory, const UNICODE_STRING& name, ULONG hash, bool caseInsensitive) {
    // LAB(1.5) begin
    for (OBJECT_DIRECTORY_ENTRY* entry = BucketOf(directory, hash); entry; entry = entry->ChainLink) {
        if (entry->HashValue == hash && RtlEqualUnicodeString(&name, &NameOf(entry->Object), caseInsensitive))
            return entry->Object;
    }
    return nullptr;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Adds an object, whose name no other one has. The directory has one reference to it, and an entry in the bucket of the hash.
/// @returns false: no memory; then nothing has changed
bool ObpAddEntry(POBJECT_DIRECTORY directory, PVOID object, ULONG hash) {
    // LAB(1.5) begin
    auto* const entry = static_cast<OBJECT_DIRECTORY_ENTRY*>(
        ExAllocatePoolWithTag(NonPagedPool, sizeof(OBJECT_DIRECTORY_ENTRY), OB_DIRECTORY_TAG));
    if (!entry) return false;
    (void)ObfReferenceObject(object);
    OBJECT_DIRECTORY_ENTRY*& bucket = BucketOf(directory, hash);
    *entry = {.ChainLink = bucket, .Object = object, .HashValue = hash};
    bucket = entry;
    return true;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Takes an object out, wherever in its bucket it is; all others stay. Its entry is freed; the reference becomes the caller's.
void ObpRemoveEntry(POBJECT_DIRECTORY directory, PVOID object, ULONG hash) {
    // LAB(1.5) begin
    OBJECT_DIRECTORY_ENTRY** link = &BucketOf(directory, hash);
    while (*link && (*link)->Object != object)
        link = &(*link)->ChainLink;
    OBJECT_DIRECTORY_ENTRY* const entry = *link;
    NT_ASSERT(entry); // the object's name part says that it is here
    *link = entry->ChainLink;
    ExFreePoolWithTag(entry, OB_DIRECTORY_TAG);
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

NTSTATUS ObpMakeDirectory(KPROCESSOR_MODE mode, POBJECT_ATTRIBUTES attributes, POBJECT_DIRECTORY* directory) {
    PVOID object;
    NT_TRY(ObCreateObject(mode, ObpDirectoryObjectType, attributes, mode, nullptr, sizeof(OBJECT_DIRECTORY), 0, 0,
                          &object));
    *directory = static_cast<POBJECT_DIRECTORY>(object);
    RtlZeroMemory(*directory, sizeof(OBJECT_DIRECTORY));
    ExInitializeFastMutex(&(*directory)->Lock);
    return STATUS_SUCCESS;
}

// Objects as monitor commands show them.
#include "objectview.h"
#include "processview.h"

namespace {

bool IsSame(const UNICODE_STRING& name, PCSTR text, ULONG length) {
    if (name.Length != length * sizeof(WCHAR)) return false;
    for (ULONG i = 0; i < length; i++) {
        if (RtlUpcaseUnicodeChar(name.Buffer[i]) != RtlUpcaseUnicodeChar(WCHAR(UCHAR(text[i])))) return false;
    }
    return true;
}

/// The object with that name in a directory, kept; nullptr: none.
PVOID Step(const KD_SESSION& session, POBJECT_DIRECTORY directory, PCSTR text, ULONG length, const KdpObject& at) {
    const KdpMutex guard(session, directory->Lock);
    for (const OBJECT_DIRECTORY_ENTRY* bucket : directory->HashBuckets) {
        for (const OBJECT_DIRECTORY_ENTRY* entry = bucket; entry; entry = entry->ChainLink) {
            POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(entry->Object);
            if (IsSame(OBJECT_HEADER_TO_NAME_INFO(header)->Name, text, length)) return at.Keep(entry->Object);
        }
    }
    return nullptr;
}

} // namespace

void KdpSpell(const UNICODE_STRING& name, CHAR (&text)[KDP_NAME_ROOM]) {
    ULONG length = 0;
    for (; length < name.Length / sizeof(WCHAR) && length < KDP_NAME_ROOM - 1; length++) {
        const WCHAR character = name.Buffer[length];
        text[length] = character >= u' ' && character <= u'~' ? CHAR(character) : '.';
    }
    text[length] = 0;
}

void KdpSpellName(PVOID object, CHAR (&text)[KDP_NAME_ROOM]) {
    const OBJECT_HEADER_NAME_INFO* const info = OBJECT_HEADER_TO_NAME_INFO(OBJECT_TO_OBJECT_HEADER(object));
    text[0] = 0;
    if (info && info->Directory) KdpSpell(info->Name, text);
}

bool KdpFindObject(KD_SESSION& session, PCSTR path, KdpObject& found) {
    found.Take(found.Keep(ObpRootDirectoryObject));
    while (*path == '\\')
        path++;
    while (*path != 0) {
        ULONG length = 0;
        while (path[length] != 0 && path[length] != '\\')
            length++;
        if (ObGetObjectType(found.Get()) != ObpDirectoryObjectType) return false;
        PVOID const next = Step(session, static_cast<POBJECT_DIRECTORY>(found.Get()), path, length, found);
        if (!next) return false;
        found.Take(next); // the directory's lock is free again
        path += length;
        while (*path == '\\')
            path++;
    }
    return true;
}

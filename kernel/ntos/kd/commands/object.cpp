// object: an object by its name; of a directory, what is in it.
//
// Copies first, printing afterwards: printing is slow, and threads wait for the directory's lock.
// In the books: the !object extension, "object directories". TOL-06, OBJ-05
#include "kd/commands.h"
#include "kd/objectview.h"
#include "kd/processview.h"

namespace {

constexpr ULONG MOST_ENTRIES = 128;

/// An object as it was.
struct COPY {
    const void* Address;
    LONG Pointers, Handles;
    CHAR Type[KDP_NAME_ROOM], Name[KDP_NAME_ROOM];
};
COPY Entries[MOST_ENTRIES]; ///< the monitor is used by one person at a time
ULONG Count;

void Copy(PVOID object, COPY* copy) {
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(object);
    *copy = {.Address = object, .Pointers = header->PointerCount, .Handles = header->HandleCount};
    KdpSpell(header->Type->Name, copy->Type);
    KdpSpellName(object, copy->Name);
}

/// @returns how many entries the directory has
ULONG CopyDirectory(const KD_SESSION& session, POBJECT_DIRECTORY directory) {
    ULONG all = 0;
    Count = 0;
    const KdpMutex guard(session, directory->Lock);
    for (const OBJECT_DIRECTORY_ENTRY* bucket : directory->HashBuckets) {
        for (const OBJECT_DIRECTORY_ENTRY* entry = bucket; entry; entry = entry->ChainLink, all++) {
            if (Count < MOST_ENTRIES) Copy(entry->Object, &Entries[Count++]);
        }
    }
    return all;
}

} // namespace

KD_COMMAND(object, "[name]", "an object by its name, and what is in a directory; without a name the root") {
    CHAR path[128] = "\\";
    (void)session.NextWord(path, sizeof path);
    KdpObject object(session);
    if (!KdpFindObject(session, path, object)) {
        session.Print("no object has the name %s\n", path);
        return;
    }
    COPY it;
    Copy(object.Get(), &it);
    // This command's own reference is not counted.
    session.Print("%s: %s at %p, %d pointer%s, %d handle%s\n", path, it.Type, it.Address,
                  it.Pointers - !session.Stopped(), KdpPlural(ULONG(it.Pointers - !session.Stopped())), it.Handles,
                  KdpPlural(ULONG(it.Handles)));
    POBJECT_TYPE const type = ObGetObjectType(object.Get());
    if (type == ObpSymbolicLinkObjectType) {
        CHAR target[KDP_NAME_ROOM];
        KdpSpell(static_cast<POBJECT_SYMBOLIC_LINK>(object.Get())->LinkTarget, target);
        session.Print("leads to %s\n", target);
    }
    if (type->TypeInfo.DumpProcedure) {
        OB_DUMP_CONTROL control = {.Stream = &session, .Detail = 0};
        type->TypeInfo.DumpProcedure(object.Get(), &control);
    }
    if (type != ObpDirectoryObjectType) return;
    const ULONG all = CopyDirectory(session, static_cast<POBJECT_DIRECTORY>(object.Get()));
    if (all != 0) session.Print("address   pointers  handles  type          name\n");
    for (ULONG i = 0; i < Count && !session.HasEnough(); i++) {
        const COPY& entry = Entries[i];
        session.Print("%p  %8d  %7d  %-12s  %s\n", entry.Address, entry.Pointers, entry.Handles, entry.Type,
                      entry.Name);
    }
    if (all > Count) session.Print("... and %u more\n", all - Count);
}

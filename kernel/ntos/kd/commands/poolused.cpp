// poolused: what the pools have, and who has it, by tag.
//
// Locks: none; each count is read once, and they need not belong to the same moment.
// In the books: "monitoring pool usage", "pool tags". TOL-06, POL-05
#include "ex.h"
#include "kd/commands.h"
#include "rtl/string.h"

namespace {

constexpr ULONG TAG_LENGTH = 4;
POOL_TRACKER_TABLE Shown[POOL_TRACK_ROWS]; ///< the most bytes first; the monitor is used by one person at a time

ULONG BytesOf(const POOL_TRACKER_TABLE& row) { return ULONG(row.NonPagedBytes) + ULONG(row.PagedBytes); }

/// The tag's four characters; a dot stands for what cannot be printed.
void Spell(ULONG tag, CHAR (&text)[TAG_LENGTH + 1]) {
    for (ULONG i = 0; i < TAG_LENGTH; i++, tag >>= 8) {
        const CHAR character = CHAR(tag & 0xFF);
        text[i] = character >= ' ' && character <= '~' ? character : '.';
    }
    text[TAG_LENGTH] = 0;
}

bool BeginsWith(PCSTR text, PCSTR prefix) {
    while (*prefix != 0 && *prefix == *text)
        prefix++, text++;
    return *prefix == 0;
}

/// Copies the rows whose tags begin with `prefix`, the one of most bytes first. @returns how many
ULONG Sort(PCSTR prefix) {
    ULONG count = 0;
    for (const POOL_TRACKER_TABLE& one : PoolTrackTable) {
        CHAR tag[TAG_LENGTH + 1];
        Spell(ULONG(one.Key), tag);
        if (one.Key == 0 || !BeginsWith(tag, prefix)) continue;
        POOL_TRACKER_TABLE row;
        ExQueryPoolTag(ULONG(one.Key), &row);
        ULONG place = count++;
        for (; place > 0 && BytesOf(Shown[place - 1]) < BytesOf(row); place--)
            RtlCopyMemory(&Shown[place], &Shown[place - 1], sizeof row);
        RtlCopyMemory(&Shown[place], &row, sizeof row);
    }
    return count;
}

void PrintPool(KD_SESSION& session, PCSTR name, POOL_TYPE type) {
    POOL_USAGE usage;
    ExQueryPoolUsage(type, &usage);
    session.Print("%s pool: %u pages of blocks, %u pages of large allocations; %u bytes in blocks\n", name,
                  usage.BlockPages, usage.BigPages, usage.BlockBytes);
}

} // namespace

KD_COMMAND(poolused, "[tag]", "pool by tag: allocations, frees, bytes; tags that begin with the word") {
    CHAR prefix[TAG_LENGTH + 1] = "";
    (void)session.NextWord(prefix, sizeof prefix);
    PrintPool(session, "non-paged", NonPagedPool);
    PrintPool(session, "paged", PagedPool);
    const ULONG count = Sort(prefix);
    if (count != 0) session.Print("tag   non-paged: allocs    frees    bytes  paged: allocs    frees    bytes\n");
    for (ULONG i = 0; i < count && !session.HasEnough(); i++) {
        const POOL_TRACKER_TABLE& row = Shown[i];
        CHAR tag[TAG_LENGTH + 1];
        Spell(ULONG(row.Key), tag);
        session.Print("%s  %17u %8u %8u %14u %8u %8u\n", tag, ULONG(row.NonPagedAllocs), ULONG(row.NonPagedFrees),
                      ULONG(row.NonPagedBytes), ULONG(row.PagedAllocs), ULONG(row.PagedFrees), ULONG(row.PagedBytes));
    }
}

// fat16.cpp - FAT16 reader. Contract: fat16.h.
#include "fat16.h"
#include "bytes.h"

namespace boot {

namespace {

constexpr ULONG PARTITION_TABLE = 0x1be;
constexpr ULONG PARTITION_COUNT = 4;
constexpr ULONG ENTRY_SIZE = 32;
constexpr ULONG ENTRIES_PER_SECTOR = SECTOR_SIZE / ENTRY_SIZE;
constexpr UCHAR ATTRIBUTE_VOLUME = 0x08;
constexpr UCHAR ATTRIBUTE_DIRECTORY = 0x10;
constexpr UCHAR ATTRIBUTE_LONG_NAME = 0x0f;
constexpr UCHAR ENTRY_END = 0x00;
constexpr UCHAR ENTRY_DELETED = 0xe5;
constexpr ULONG FAT16_MINIMUM_CLUSTERS = 4085;
constexpr ULONG FAT16_MAXIMUM_CLUSTERS = 65524;
constexpr ULONG LONG_NAME_PART = 13; // characters in one long-name entry
constexpr ULONG LONG_NAME_PARTS = 5;

template <typename T> T Get(const UCHAR* sector, ULONG offset) {
    T value;
    memcpy(&value, sector + offset, sizeof(T));
    return value;
}

bool IsFat16Partition(UCHAR type) { return type == 0x04 || type == 0x06 || type == 0x0e; }

/// The long name that precedes a short entry, put together from its parts (which come last part first).
class LongName {
public:
    void Add(const UCHAR* entry) {
        constexpr UCHAR offsets[LONG_NAME_PART] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
        const ULONG part = entry[0] & 0x3fu;
        if (part == 0 || part > LONG_NAME_PARTS) {
            Clear();
            return;
        }
        if ((entry[0] & 0x40) != 0) {
            Clear();
            m_checkSum = entry[13];
        } else if (m_expected != part || m_checkSum != entry[13]) {
            Clear();
            return;
        }
        for (ULONG index = 0; index < LONG_NAME_PART; index++) {
            const USHORT c = Get<USHORT>(entry, offsets[index]);
            // 0xFFFF pads after the terminating 0; what is not ASCII matches nothing.
            m_text[(part - 1) * LONG_NAME_PART + index] = c == 0xffff ? '\0' : c > 0x7e ? '\x7f' : static_cast<char>(c);
        }
        m_expected = part - 1;
        m_complete = m_expected == 0;
    }

    void Clear() {
        memset(m_text, 0, sizeof(m_text));
        m_expected = 0;
        m_complete = false;
    }

    /// The name, or nullptr when the parts do not belong to this short name.
    [[nodiscard]] const char* For(const UCHAR* shortName) const {
        UCHAR sum = 0;
        for (ULONG index = 0; index < 11; index++) {
            sum = static_cast<UCHAR>((sum >> 1 | sum << 7) + shortName[index]);
        }
        return m_complete && sum == m_checkSum ? m_text : nullptr;
    }

private:
    char m_text[LONG_NAME_PARTS * LONG_NAME_PART + 1] = {};
    ULONG m_expected = 0;
    UCHAR m_checkSum = 0;
    bool m_complete = false;
};

/// "NTOSKRNLEXE" to "NTOSKRNL.EXE".
void ShortName(const UCHAR* entry, char (&text)[13]) {
    ULONG length = 0;
    for (ULONG index = 0; index < 11; index++) {
        if (index == 8 && entry[8] != ' ') {
            text[length++] = '.';
        }
        if (entry[index] != ' ') {
            text[length++] = static_cast<char>(entry[index]);
        }
    }
    text[length] = 0;
}

} // namespace

FatStatus FatVolume::Mount(SectorReader reader, void* context) {
    m_reader = reader;
    m_context = context;
    m_tableCached = 0;
    if (!m_reader(m_context, 0, 1, m_sector)) {
        return FatStatus::ReadError;
    }
    ULONG start = 0;
    for (ULONG index = 0; index < PARTITION_COUNT && start == 0; index++) {
        const UCHAR* const entry = m_sector + PARTITION_TABLE + index * 16;
        if (IsFat16Partition(entry[4])) {
            start = Get<ULONG>(entry, 8);
        }
    }
    if (start == 0) {
        return FatStatus::NoPartition;
    }
    if (!m_reader(m_context, start, 1, m_sector)) {
        return FatStatus::ReadError;
    }
    const ULONG bytesPerSector = Get<USHORT>(m_sector, 11);
    m_sectorsPerCluster = m_sector[13];
    const ULONG reserved = Get<USHORT>(m_sector, 14);
    const ULONG tables = m_sector[16];
    const ULONG rootEntries = Get<USHORT>(m_sector, 17);
    const ULONG sectors16 = Get<USHORT>(m_sector, 19);
    const ULONG sectors = sectors16 != 0 ? sectors16 : Get<ULONG>(m_sector, 32);
    const ULONG tableSectors = Get<USHORT>(m_sector, 22);
    if (Get<USHORT>(m_sector, 510) != 0xaa55 || bytesPerSector != SECTOR_SIZE || m_sectorsPerCluster == 0 ||
        (m_sectorsPerCluster & (m_sectorsPerCluster - 1)) != 0 || reserved == 0 || tables == 0 || tableSectors == 0) {
        return FatStatus::NotFat16;
    }
    m_rootSectors = (rootEntries + ENTRIES_PER_SECTOR - 1) / ENTRIES_PER_SECTOR;
    const ULONG overhead = reserved + tables * tableSectors + m_rootSectors;
    if (sectors <= overhead) {
        return FatStatus::NotFat16;
    }
    const ULONG clusters = (sectors - overhead) / m_sectorsPerCluster;
    if (clusters < FAT16_MINIMUM_CLUSTERS || clusters > FAT16_MAXIMUM_CLUSTERS ||
        (clusters + 2) * 2 > tableSectors * SECTOR_SIZE) {
        return FatStatus::NotFat16;
    }
    m_fatLba = start + reserved;
    m_rootLba = m_fatLba + tables * tableSectors;
    m_dataLba = m_rootLba + m_rootSectors;
    m_clusterEnd = clusters + 2;
    return FatStatus::Ok;
}

FatStatus FatVolume::NextCluster(ULONG cluster, ULONG* next) {
    const ULONG lba = m_fatLba + cluster * 2 / SECTOR_SIZE;
    if (lba != m_tableCached) {
        m_tableCached = 0;
        if (!m_reader(m_context, lba, 1, m_table)) {
            return FatStatus::ReadError;
        }
        m_tableCached = lba;
    }
    *next = Get<USHORT>(m_table, cluster * 2 % SECTOR_SIZE);
    return FatStatus::Ok;
}

/// The `index`-th sector of a directory; NotFound past its end.
FatStatus FatVolume::DirectorySector(ULONG directory, ULONG index, ULONG* lba) {
    if (directory == ROOT) {
        *lba = m_rootLba + index;
        return index < m_rootSectors ? FatStatus::Ok : FatStatus::NotFound;
    }
    ULONG cluster = directory;
    for (ULONG skip = index / m_sectorsPerCluster; skip != 0; skip--) {
        if (const FatStatus status = NextCluster(cluster, &cluster); status != FatStatus::Ok) {
            return status;
        }
        if (!IsCluster(cluster)) {
            return FatStatus::NotFound;
        }
    }
    *lba = ClusterLba(cluster) + index % m_sectorsPerCluster;
    return FatStatus::Ok;
}

FatStatus FatVolume::FindInDirectory(ULONG directory, const char* name, ULONG nameLength, FatFile* file) {
    char wanted[LONG_NAME_PARTS * LONG_NAME_PART + 1];
    if (nameLength >= sizeof(wanted)) {
        return FatStatus::NotFound;
    }
    memcpy(wanted, name, nameLength);
    wanted[nameLength] = 0;

    LongName longName;
    // A directory has at most 65,536 entries: a ring of clusters ends here.
    for (ULONG index = 0; index < 65536 / ENTRIES_PER_SECTOR; index++) {
        ULONG lba;
        if (const FatStatus status = DirectorySector(directory, index, &lba); status != FatStatus::Ok) {
            return status;
        }
        if (!m_reader(m_context, lba, 1, m_sector)) {
            return FatStatus::ReadError;
        }
        for (const UCHAR* entry = m_sector; entry != m_sector + SECTOR_SIZE; entry += ENTRY_SIZE) {
            const UCHAR attributes = entry[11];
            if (entry[0] == ENTRY_END) {
                return FatStatus::NotFound;
            }
            if (entry[0] == ENTRY_DELETED) {
                longName.Clear();
                continue;
            }
            if (attributes == ATTRIBUTE_LONG_NAME) {
                longName.Add(entry);
                continue;
            }
            char shortName[13];
            ShortName(entry, shortName);
            const char* const full = longName.For(entry);
            if ((attributes & ATTRIBUTE_VOLUME) == 0 &&
                (EqualNames(shortName, wanted) || (full != nullptr && EqualNames(full, wanted)))) {
                *file = {Get<USHORT>(entry, 26), Get<ULONG>(entry, 28), (attributes & ATTRIBUTE_DIRECTORY) != 0};
                return FatStatus::Ok;
            }
            longName.Clear();
        }
    }
    return FatStatus::NotFound;
}

FatStatus FatVolume::Open(const char* path, FatFile* file) {
    *file = {ROOT, 0, true};
    for (;;) {
        while (*path == '\\') {
            path++;
        }
        if (*path == 0) {
            return FatStatus::Ok;
        }
        ULONG length = 0;
        while (path[length] != 0 && path[length] != '\\') {
            length++;
        }
        if (!file->IsDirectory) {
            return FatStatus::NotFound;
        }
        if (file->FirstCluster != ROOT && !IsCluster(file->FirstCluster)) {
            return FatStatus::Damaged;
        }
        if (const FatStatus status = FindInDirectory(file->FirstCluster, path, length, file); status != FatStatus::Ok) {
            return status;
        }
        path += length;
    }
}

FatStatus FatVolume::Read(const FatFile& file, UCHAR* to) {
    ULONG sectorsLeft = file.Size / SECTOR_SIZE + (file.Size % SECTOR_SIZE != 0 ? 1 : 0);
    ULONG cluster = file.FirstCluster;
    while (sectorsLeft != 0) {
        if (!IsCluster(cluster)) {
            return FatStatus::Damaged;
        }
        // Clusters that follow each other on the disk are read at once.
        const ULONG first = cluster;
        ULONG sectors = 0;
        do {
            sectors += m_sectorsPerCluster;
            const ULONG expected = cluster + 1;
            if (const FatStatus status = NextCluster(cluster, &cluster); status != FatStatus::Ok) {
                return status;
            }
            if (cluster != expected) {
                break;
            }
        } while (sectors < sectorsLeft && IsCluster(cluster));
        if (sectors > sectorsLeft) {
            sectors = sectorsLeft;
        }
        if (!m_reader(m_context, ClusterLba(first), sectors, to)) {
            return FatStatus::ReadError;
        }
        to += sectors * SECTOR_SIZE;
        sectorsLeft -= sectors;
    }
    return FatStatus::Ok;
}

} // namespace boot

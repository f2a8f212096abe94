// fat16.h - reads files of a FAT16 volume, by path, long names included.
//
// Invariants: the volume is untrusted; any content gives a FatStatus. A cluster chain is followed for as many
// clusters as the file's size needs, so a ring in the table ends. The same source is tested on the host.
//
// In the books: "FAT" (file-system chapters); the format is Microsoft's published FAT specification. BOO-04
#pragma once

#include "nt/types.h"

namespace boot {

constexpr ULONG SECTOR_SIZE = 512;

/// Reads `count` sectors from `lba`. @returns false on a device error.
using SectorReader = bool (*)(void* context, ULONG lba, ULONG count, UCHAR* to);

/// Why a file of the boot disk could not be read.
enum class [[nodiscard]] FatStatus : UCHAR{
    Ok,
    ReadError,   ///< the device failed
    NoPartition, ///< the partition table names no FAT16 partition
    NotFat16,    ///< the boot sector does not describe a FAT16 volume
    NotFound,    ///< no such file or directory
    Damaged,     ///< the allocation table contradicts the directory
};

/// A file or folder of the volume: where its data begins, and how long it is.
struct FatFile {
    ULONG FirstCluster;
    ULONG Size;
    bool IsDirectory;
};

/// A FAT16 partition, read through sectors of its disk.
class FatVolume {
public:
    /// Finds the first FAT16 partition of the disk and checks its boot sector.
    FatStatus Mount(SectorReader reader, void* context);

    /// @param path from the root, separated by '\', in any case: "\MICA\BOOT.LST".
    FatStatus Open(const char* path, FatFile* file);

    /// Reads the whole file. `to` has room for its size rounded up to a whole sector.
    FatStatus Read(const FatFile& file, UCHAR* to);

private:
    static constexpr ULONG ROOT = 0; // "cluster" of the root directory

    FatStatus FindInDirectory(ULONG directory, const char* name, ULONG nameLength, FatFile* file);
    FatStatus DirectorySector(ULONG directory, ULONG index, ULONG* lba);
    FatStatus NextCluster(ULONG cluster, ULONG* next);
    bool IsCluster(ULONG cluster) const { return cluster >= 2 && cluster < m_clusterEnd; }
    ULONG ClusterLba(ULONG cluster) const { return m_dataLba + (cluster - 2) * m_sectorsPerCluster; }

    SectorReader m_reader = nullptr;
    void* m_context = nullptr;
    ULONG m_fatLba = 0;
    ULONG m_rootLba = 0;
    ULONG m_rootSectors = 0;
    ULONG m_dataLba = 0;
    ULONG m_sectorsPerCluster = 0;
    ULONG m_clusterEnd = 0;  ///< one more than the last cluster's number
    ULONG m_tableCached = 0; ///< LBA of the table sector in m_table, 0: none
    UCHAR m_table[SECTOR_SIZE] = {};
    UCHAR m_sector[SECTOR_SIZE] = {};
};

} // namespace boot

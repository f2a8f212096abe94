// imagefile.h - the loader's part of loading PE images: check a whole file, lay out its sections in memory.
//
// What a header says, relocations and imports: rtl/pe.h. The same source runs on the host, under GoogleTest with sanitizers.
// Invariants
//  - The file and everything in it is untrusted: any bytes give a status, never an access outside them.
//  - Order: CheckImageFile, LayOutImage, nt::PeRelocate for every image, then nt::PeBind for every image.
//
// In the books: "PE format", "section padding" (BOO-01, BOO-02).
#pragma once

#include "bytes.h"
#include "nt/array.h"
#include "rtl/pe.h"

namespace boot {

/// The largest image accepted: catches a header whose SizeOfImage is garbage.
inline constexpr ULONG MAXIMUM_IMAGE = 64u << 20;

/// An image whose bytes the loader can reach: a file, or an image in memory.
class ImageBytes final : public nt::PeImage {
public:
    constexpr ImageBytes() : PeImage(0) {}
    explicit constexpr ImageBytes(Bytes bytes) : PeImage(bytes.Size()), m_data(bytes.Data()) {}

private:
    NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) override {
        memcpy(to, m_data + offset, bytes);
        return STATUS_SUCCESS;
    }
    NTSTATUS Write(ULONG offset, const void* from, ULONG bytes) override {
        memcpy(m_data + offset, from, bytes);
        return STATUS_SUCCESS;
    }

    UCHAR* m_data = nullptr;
};

/// Checks the headers, the section table and the checksum (when it is not 0).
NTSTATUS CheckImageFile(Bytes file, nt::PeHeaders* headers, nt::PeError* error);

/// Copies headers and sections to `image` (SizeOfImage bytes); whatever the file does not fill becomes 0.
NTSTATUS LayOutImage(Bytes file, const nt::PeHeaders& headers, Bytes image, nt::PeError* error);

/// The PE header's checksum of a file whose checksum field is at `checkSumOffset`.
[[nodiscard]] ULONG ImageCheckSum(Bytes file, ULONG checkSumOffset);

/// Looks for a module by its name, in any case; for a name without an extension ("hal", of a forwarder) with those that there are.
[[nodiscard]] const nt::PeModule* FindModule(nt::Span<const nt::PeModule> modules, const char* name);

/// The images of the boot list.
class BootModules final : public nt::PeModules {
public:
    explicit BootModules(nt::Span<const nt::PeModule> modules) : m_modules(modules) {}
    NTSTATUS Find(PCSTR name, const nt::PeModule** module) override {
        *module = FindModule(m_modules, name);
        return *module != nullptr ? STATUS_SUCCESS : STATUS_DLL_NOT_FOUND;
    }

private:
    nt::Span<const nt::PeModule> m_modules;
};

} // namespace boot

// pe_builder.h - makes small PE images for host tests: valid unless a test damages them.
//
// The image: headers, .text (0x1000), .rdata with exports and imports (0x2000), .data (0x4000, larger in memory than
// in the file), .reloc (0x7000).
#pragma once

#include "imagefile.h"

#include <cstring>
#include <string>
#include <vector>

/// Makes small PE images in memory, right ones and broken ones, for the loader's tests.
class PeBuilder {
public:
    static constexpr ULONG TEXT = 0x1000, RDATA = 0x2000, DATA = 0x4000, RELOC = 0x7000, END = 0x8000;
    static constexpr ULONG NT = 0x80, HEADERS = 0x400, FILE_SIZE = 0x1a00;
    static constexpr ULONG SECTIONS = NT + sizeof(IMAGE_NT_HEADERS);

    explicit PeBuilder(std::string name, ULONG base = 0x80100000) : m_name(std::move(name)), m_file(FILE_SIZE) {
        IMAGE_DOS_HEADER dos = {};
        dos.e_magic = IMAGE_DOS_SIGNATURE;
        dos.e_lfanew = NT;
        Put(0, dos);
        Nt([&](IMAGE_NT_HEADERS& nt) {
            nt.Signature = IMAGE_NT_SIGNATURE;
            nt.FileHeader.Machine = IMAGE_FILE_MACHINE_I386;
            nt.FileHeader.NumberOfSections = 4;
            nt.FileHeader.SizeOfOptionalHeader = sizeof(IMAGE_OPTIONAL_HEADER);
            nt.FileHeader.Characteristics = IMAGE_FILE_EXECUTABLE_IMAGE;
            nt.OptionalHeader.Magic = IMAGE_NT_OPTIONAL_HDR32_MAGIC;
            nt.OptionalHeader.AddressOfEntryPoint = TEXT;
            nt.OptionalHeader.ImageBase = base;
            nt.OptionalHeader.SectionAlignment = 0x1000;
            nt.OptionalHeader.FileAlignment = 0x200;
            nt.OptionalHeader.SizeOfImage = END;
            nt.OptionalHeader.SizeOfHeaders = HEADERS;
            nt.OptionalHeader.NumberOfRvaAndSizes = 16;
        });
        Section(0, ".text", {TEXT, 0x100, HEADERS, 0x200});
        Section(1, ".rdata", {RDATA, 0x1000, 0x600, 0x1000});
        Section(2, ".data", {DATA, 0x2800, 0x1600, 0x200});
        Section(3, ".reloc", {RELOC, 0x200, 0x1800, 0x200});
    }

    struct Place {
        ULONG Address, Size, FileOffset, FileSize;
    };
    void Section(ULONG index, const char* name, Place place) {
        IMAGE_SECTION_HEADER header = {};
        memcpy(header.Name, name, strlen(name));
        header.VirtualAddress = place.Address;
        header.VirtualSize = place.Size;
        header.PointerToRawData = place.FileOffset;
        header.SizeOfRawData = place.FileSize;
        Put(SECTIONS + index * sizeof(header), header);
    }

    template <typename F> void Nt(F change) {
        IMAGE_NT_HEADERS nt;
        memcpy(&nt, &m_file[NT], sizeof(nt));
        change(nt);
        memcpy(&m_file[NT], &nt, sizeof(nt));
    }

    /// Writes to the file at a file offset.
    template <typename T> void Put(SIZE_T offset, const T& value) {
        memcpy(&m_file.at(offset + sizeof(T) - 1) - (sizeof(T) - 1), &value, sizeof(T));
    }
    /// Writes to the file where the image address lies.
    template <typename T> void At(ULONG address, const T& value) { Put(FileOffset(address), value); }

    struct Export {
        std::string Name; ///< "" for an export by ordinal only
        ULONG Address;
        std::string Forwarder;
    };
    /// Exports with ordinals from 1 in the order given; names must be given in sorted order.
    void Exports(const std::vector<Export>& exports) {
        const ULONG start = m_cursor;
        const ULONG count = static_cast<ULONG>(exports.size());
        const ULONG functions = Take(sizeof(IMAGE_EXPORT_DIRECTORY)) + sizeof(IMAGE_EXPORT_DIRECTORY);
        Take(count * 4);
        const ULONG names = Take(count * 4);
        const ULONG ordinals = Take((count * 2 + 3) & ~3u);
        ULONG named = 0;
        for (ULONG index = 0; index < count; index++) {
            const Export& each = exports[index];
            At(functions + index * 4, each.Forwarder.empty() ? each.Address : Text(each.Forwarder));
            if (!each.Name.empty()) {
                At(names + named * 4, Text(each.Name));
                At(ordinals + named * 2, static_cast<USHORT>(index));
                named++;
            }
        }
        IMAGE_EXPORT_DIRECTORY directory = {};
        directory.Name = Text(m_name);
        directory.Base = 1;
        directory.NumberOfFunctions = count;
        directory.NumberOfNames = named;
        directory.AddressOfFunctions = functions;
        directory.AddressOfNames = names;
        directory.AddressOfNameOrdinals = ordinals;
        At(start, directory);
        Directory(IMAGE_DIRECTORY_ENTRY_EXPORT, start, m_cursor - start);
    }

    struct Import {
        std::string Module;
        std::string Name; ///< "" for an import by ordinal
        ULONG Ordinal;
    };
    /// One descriptor for each import. Slot(i) is where its address goes.
    void Imports(const std::vector<Import>& imports) {
        const ULONG count = static_cast<ULONG>(imports.size());
        const ULONG start = Take((count + 1) * sizeof(IMAGE_IMPORT_DESCRIPTOR));
        for (ULONG index = 0; index < count; index++) {
            const Import& each = imports[index];
            IMAGE_IMPORT_DESCRIPTOR descriptor = {};
            descriptor.Name = Text(each.Module);
            descriptor.OriginalFirstThunk = Take(8);
            descriptor.FirstThunk = Take(8);
            ULONG thunk = IMAGE_ORDINAL_FLAG32 | each.Ordinal;
            if (!each.Name.empty()) {
                thunk = Take(2);
                Text(each.Name, 2);
            }
            At(descriptor.OriginalFirstThunk, thunk);
            At(descriptor.FirstThunk, thunk);
            At(start + index * static_cast<ULONG>(sizeof(descriptor)), descriptor);
            m_slots.push_back(descriptor.FirstThunk);
        }
        Directory(IMAGE_DIRECTORY_ENTRY_IMPORT, start, (count + 1) * sizeof(IMAGE_IMPORT_DESCRIPTOR));
    }
    [[nodiscard]] ULONG Slot(ULONG index) const { return m_slots[index]; }

    /// One relocation block.
    void Relocations(ULONG page, const std::vector<USHORT>& entries) {
        const ULONG size = 8 + static_cast<ULONG>(entries.size()) * 2;
        At(m_reloc, IMAGE_BASE_RELOCATION{page, size});
        for (ULONG index = 0; index < entries.size(); index++) {
            At(m_reloc + 8 + index * 2, entries[index]);
        }
        m_reloc += size;
        Directory(IMAGE_DIRECTORY_ENTRY_BASERELOC, RELOC, m_reloc - RELOC);
    }

    void Directory(ULONG index, ULONG address, ULONG size) {
        Nt([&](IMAGE_NT_HEADERS& nt) { nt.OptionalHeader.DataDirectory[index] = {address, size}; });
    }

    [[nodiscard]] const std::string& Name() const { return m_name; }
    std::vector<UCHAR>& File() { return m_file; }
    boot::Bytes FileBytes() { return {m_file.data(), static_cast<ULONG>(m_file.size())}; }

private:
    static SIZE_T FileOffset(ULONG address) {
        if (address >= RELOC) return address - RELOC + 0x1800;
        if (address >= DATA) return address - DATA + 0x1600;
        return address >= RDATA ? address - RDATA + 0x600 : address - TEXT + HEADERS;
    }
    ULONG Take(SIZE_T size) {
        const ULONG at = m_cursor;
        m_cursor += static_cast<ULONG>(size);
        return at;
    }
    /// Puts a string into .rdata. @returns its address; `skip` bytes of it are already taken.
    ULONG Text(const std::string& text, ULONG skip = 0) {
        const ULONG at = Take((text.size() + 4) & ~SIZE_T{3});
        memcpy(&m_file[FileOffset(at)], text.c_str(), text.size() + 1);
        m_cursor += skip; // keeps thunks on even addresses
        return at;
    }

    std::string m_name;
    std::vector<UCHAR> m_file;
    std::vector<ULONG> m_slots;
    ULONG m_cursor = RDATA;
    ULONG m_reloc = RELOC;
};

/// A builder's image, loaded like the loader does it; the memory is exactly as large as the image, so that the
/// address sanitizer sees every access beyond it.
class LoadedPe {
public:
    LoadedPe(PeBuilder& builder, ULONG base) : m_name(builder.Name()) {
        Status = boot::CheckImageFile(builder.FileBytes(), &Module.Headers, &Error);
        if (!NT_SUCCESS(Status)) return;
        const ULONG size = Module.Headers.Optional().SizeOfImage;
        m_memory.assign(size, 0xcc);
        const boot::Bytes memory(m_memory.data(), size);
        m_image = boot::ImageBytes(memory);
        Module.Name = m_name.c_str();
        Module.Image = &m_image;
        Module.Base = base;
        Status = boot::LayOutImage(builder.FileBytes(), Module.Headers, memory, &Error);
        if (NT_SUCCESS(Status)) Status = nt::PeRelocate(m_image, Module.Headers, base, &Error);
    }
    LoadedPe(const LoadedPe&) = delete;
    LoadedPe& operator=(const LoadedPe&) = delete;

    template <typename T = ULONG> [[nodiscard]] T Get(ULONG address) const {
        T value;
        memcpy(&value, &m_memory.at(address + sizeof(T) - 1) - (sizeof(T) - 1), sizeof(T));
        return value;
    }

    nt::PeModule Module = {};
    nt::PeError Error;
    NTSTATUS Status = STATUS_SUCCESS;

private:
    std::string m_name;
    std::vector<UCHAR> m_memory;
    boot::ImageBytes m_image;
};

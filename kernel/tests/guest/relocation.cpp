// An image whose base is taken, in a process: its addresses move along, in copies of the process's own.
#include "attached.h"
#include "ex.h"
#include "imagefile.h"
#include "mm/section.h"
#include "rtl/string.h"

#include "guest_main.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");
constexpr ULONG BASE = 0x10000000, TEXT = 0x1000, DATA = 0x3000, RELOC = 0x5000, END = 0x6000;

/// An image: two pages of code, two of data, relocations of three addresses, one of which lies in both pages of the code.
class RELOCATABLE {
public:
    explicit RELOCATABLE(USHORT characteristics = 0) {
        m_bytes = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, LENGTH, TestTag));
        RtlZeroMemory(m_bytes, LENGTH);
        auto& nt = WriteImageHeaders(m_bytes, BASE, END, 3);
        nt.FileHeader.Characteristics = USHORT(nt.FileHeader.Characteristics | characteristics);
        nt.OptionalHeader.NumberOfRvaAndSizes = IMAGE_NUMBEROF_DIRECTORY_ENTRIES;
        nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC] = {RELOC, 12 + 12};
        auto* const sections = reinterpret_cast<IMAGE_SECTION_HEADER*>(&nt + 1);
        Section(sections[0], TEXT, 0x400, IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_READ);
        Section(sections[1], DATA, 0x2400, IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE);
        Section(sections[2], RELOC, 0x4400, IMAGE_SCN_MEM_READ);
        Word(TEXT + 0x10) = BASE + DATA;
        Word(TEXT + 0xFFE) = BASE + DATA + 4;
        Word(DATA + 8) = BASE + TEXT;
        const IMAGE_BASE_RELOCATION code = {TEXT, 12}, data = {DATA, 12};
        RtlCopyMemory(&Word(RELOC), &code, sizeof(code));
        Word(RELOC + 8) = 0x3FFE3010; // both entries
        RtlCopyMemory(&Word(RELOC + 12), &data, sizeof(data));
        Word(RELOC + 20) = 0x00003008; // one, and one that fills up
        MmInitializeMemoryBacking(&m_memory, m_bytes, LENGTH, TRUE);
        GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&m_section, &m_memory.Backing, 0, PAGE_EXECUTE, SEC_IMAGE));
    }
    ~RELOCATABLE() {
        MmCloseSection(m_section);
        GUEST_EQUAL(1, m_memory.Backing.ReferenceCount);
        ExFreePoolWithTag(m_bytes, TestTag);
    }
    RELOCATABLE(const RELOCATABLE&) = delete;
    RELOCATABLE& operator=(const RELOCATABLE&) = delete;

    NTSTATUS Map(EPROCESS* process, UCHAR** base) {
        PVOID at = nullptr;
        SIZE_T size = 0;
        const NTSTATUS status =
            MmMapViewOfSection(m_section, process, &at, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_READONLY);
        *base = static_cast<UCHAR*>(at);
        return status;
    }

private:
    static constexpr ULONG LENGTH = 0x5400;
    static void Section(IMAGE_SECTION_HEADER& section, ULONG address, ULONG offset, ULONG use) {
        const ULONG size = address == RELOC ? PAGE_SIZE : 2 * PAGE_SIZE;
        section.VirtualSize = section.SizeOfRawData = size;
        section.VirtualAddress = address;
        section.PointerToRawData = offset;
        section.Characteristics = use;
    }
    ULONG& Word(ULONG address) { return *reinterpret_cast<ULONG*>(m_bytes + address - TEXT + 0x400); }

    UCHAR* m_bytes;
    MM_MEMORY_BACKING m_memory{};
    SECTION* m_section = nullptr;
};

ULONG At(const UCHAR* base, ULONG address) { return *reinterpret_cast<const volatile ULONG*>(base + address); }

ULONG ProtectionAt(const UCHAR* base, ULONG address) {
    MEMORY_BASIC_INFORMATION told{};
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryVirtualMemory(NtCurrentProcess(), const_cast<UCHAR*>(base + address),
                                                     MEMORY_INFORMATION_CLASS{}, &told, sizeof(told), nullptr));
    return told.Protect;
}

void Unmap(EPROCESS* process, PVOID base) { GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewOfSection(process, base)); }

} // namespace

// POL-09
GUEST_TEST(AddressesMoveWithTheImage) {
    RELOCATABLE image;
    ATTACHED_PROCESS process;
    UCHAR *first = nullptr, *second = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, image.Map(process.Get(), &first));
    GUEST_EQUAL(STATUS_IMAGE_NOT_AT_BASE, image.Map(process.Get(), &second));
    const ULONG moved = ULONG(reinterpret_cast<ULONG_PTR>(second)) - BASE;
    GUEST_EQUAL(BASE + DATA, At(second, TEXT + 0x10));
    GUEST_EQUAL(STATUS_SUCCESS, MmRelocateImage(process.Get(), second));
    GUEST_EQUAL(BASE + DATA + moved, At(second, TEXT + 0x10));
    GUEST_EQUAL(BASE + DATA + 4 + moved, At(second, TEXT + 0xFFE));
    GUEST_EQUAL(BASE + TEXT + moved, At(second, DATA + 8));
    GUEST_EQUAL(BASE + DATA, At(first, TEXT + 0x10)); // the image of others is as it was
    GUEST_EQUAL(BASE + TEXT, At(first, DATA + 8));
    GUEST_EQUAL(PAGE_EXECUTE_READ, ProtectionAt(second, TEXT));
    GUEST_EQUAL(PAGE_EXECUTE_READ, ProtectionAt(second, TEXT + PAGE_SIZE));
    GUEST_EQUAL(PAGE_READONLY, ProtectionAt(second, RELOC));
    GUEST_EQUAL(STATUS_SUCCESS, MmRelocateImage(process.Get(), first)); // it lies at its base
    GUEST_EQUAL(BASE + DATA, At(first, TEXT + 0x10));
    ATTACHED_PROCESS::CheckAll();
    MmEmptyWorkingSet();
    GUEST_EQUAL(BASE + DATA + moved, At(second, TEXT + 0x10)); // copies come back with what they hold
    Unmap(process.Get(), second);
    Unmap(process.Get(), first);
    GUEST_EQUAL(0, process.Get()->AddressSpace.CommitCharge);
}

// POL-09: in another process than the caller's
GUEST_TEST(EachProcessHasItsOwnPlace) {
    RELOCATABLE image;
    ATTACHED_PROCESS process;
    EPROCESS* other = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Other", &other));
    UCHAR *blocked = nullptr, *there = nullptr, *here = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, image.Map(other, &blocked));
    GUEST_EQUAL(STATUS_IMAGE_NOT_AT_BASE, image.Map(other, &there));
    GUEST_EQUAL(STATUS_SUCCESS, image.Map(process.Get(), &here));
    GUEST_EQUAL(STATUS_SUCCESS, MmRelocateImage(other, there));
    GUEST_EQUAL(BASE + DATA, At(here, TEXT + 0x10));
    ULONG seen = 0;
    SIZE_T copied = 0;
    GUEST_EQUAL(STATUS_SUCCESS, MmCopyVirtualMemory(other, there + TEXT + 0x10, process.Get(), &seen, sizeof(seen),
                                                    KernelMode, &copied));
    GUEST_EQUAL(ULONG(reinterpret_cast<ULONG_PTR>(there)) + DATA, seen);
    PspDeleteProcess(other);
    Unmap(process.Get(), here);
}

// POL-09: what cannot be relocated
GUEST_TEST(WhatCannotMoveIsRefused) {
    RELOCATABLE image(IMAGE_FILE_RELOCS_STRIPPED);
    ATTACHED_PROCESS process;
    UCHAR *first = nullptr, *second = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, image.Map(process.Get(), &first));
    GUEST_EQUAL(STATUS_IMAGE_NOT_AT_BASE, image.Map(process.Get(), &second));
    GUEST_EQUAL(STATUS_CONFLICTING_ADDRESSES, MmRelocateImage(process.Get(), second));
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmRelocateImage(process.Get(), second + PAGE_SIZE));
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmRelocateImage(process.Get(), reinterpret_cast<PVOID>(0x30000000)));
    UCHAR* const memory = Allocate(1);
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmRelocateImage(process.Get(), memory));
    Protect(second + DATA, 1, PAGE_NOACCESS);
    Unmap(process.Get(), second);
    Unmap(process.Get(), first);
}

// Boot files: what the loader has left in memory is found by its name, read and mapped.
// machine: file=loader.elf
// BOO-04, POL-09
#include "ldr/bootfiles.h"
#include "ex.h"
#include "mm/section.h"

#include "guest_main.h"

namespace {

constexpr USHORT ELF_MACHINE_AT = 18, ELF_MACHINE_386 = 3;

NTSTATUS Open(PCWSTR text, MM_BACKING** file) {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, text);
    return LdrOpenBootFile(&name, file);
}

} // namespace

GUEST_TEST(BootFileIsMappedAsData) {
    MM_BACKING* file = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, Open(u"LOADER.elf", &file));
    GUEST_TRUE(file->Calls->Size(file) > 0x1000);
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&section, file, 0, PAGE_READONLY, SEC_COMMIT));
    PVOID view = nullptr;
    SIZE_T size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, MmMapViewInSystemSpace(section, &view, &size));
    const auto* const bytes = static_cast<const UCHAR*>(view);
    GUEST_EQUAL(0, memcmp(bytes,
                          "\x7F"
                          "ELF",
                          4));
    GUEST_EQUAL(ELF_MACHINE_386, bytes[ELF_MACHINE_AT]);
    GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewInSystemSpace(view));
    MmCloseSection(section);
    MmDereferenceBacking(file);
    GUEST_EQUAL(1, file->ReferenceCount); // it stays
}

GUEST_TEST(BootFileIsNoImageUnlessItIs) {
    MM_BACKING* file = nullptr;
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, Open(u"loader.elf", &file));
    GUEST_EQUAL(STATUS_INVALID_IMAGE_NOT_MZ, MmCreateBackedSection(&section, file, 0, PAGE_EXECUTE, SEC_IMAGE));
    MmDereferenceBacking(file);
}

GUEST_TEST(BootFileIsNotWritten) {
    MM_BACKING* file = nullptr;
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, Open(u"loader.elf", &file));
    const ULONGLONG longer = file->Calls->Size(file) + 1;
    GUEST_TRUE(!NT_SUCCESS(MmCreateBackedSection(&section, file, longer, PAGE_READWRITE, SEC_COMMIT)));
    MmDereferenceBacking(file);
}

GUEST_TEST(ImagesAreNoBootFiles) {
    MM_BACKING* file = nullptr;
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Open(u"hal.dll", &file));
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Open(u"loader.el", &file));
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Open(u"", &file));
}

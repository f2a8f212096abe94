// Section objects and their services: names, rights, views in other processes, files by their handles, hostile callers, and nothing
// that is left when an allocation fails.
// POL-08, POL-09, OBJ-05, OBJ-06, TRP-06
#include "attached.h"
#include "ex.h"
#include "ex/inject.h"
#include "ldr/bootfiles.h"
#include "mm/section.h"
#include "rtl/string.h"
#include "usermode.h"

#include "guest_main.h"
#include "imagefile.h"

namespace {

constexpr ULONG_PTR NOWHERE = 0x12340000;
PVOID const Bad[] = {nullptr, reinterpret_cast<PVOID>(NOWHERE), reinterpret_cast<PVOID>(0x80101000),
                     reinterpret_cast<PVOID>(0xFFFFFFFC)};

struct NAMED {
    explicit NAMED(PCWSTR name, ULONG attributes = 0) {
        RtlInitUnicodeString(&Name, name);
        InitializeObjectAttributes(&Attributes, &Name, attributes, nullptr, nullptr);
    }
    operator POBJECT_ATTRIBUTES() { return &Attributes; }
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
};

HANDLE Create(ULONG bytes, ULONG protect = PAGE_READWRITE, ACCESS_MASK access = SECTION_ALL_ACCESS,
              POBJECT_ATTRIBUTES attributes = nullptr) {
    HANDLE handle = nullptr;
    LARGE_INTEGER size = {.QuadPart = bytes};
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateSection(&handle, access, attributes, &size, protect, SEC_COMMIT, nullptr));
    return handle;
}

NTSTATUS Map(HANDLE section, HANDLE process, PVOID* base, ULONG protect = PAGE_READWRITE) {
    SIZE_T size = 0;
    *base = nullptr;
    return NtMapViewOfSection(section, process, base, 0, 0, nullptr, &size, ViewUnmap, 0, protect);
}

/// Blocks and commitment that section objects take.
struct NO_LEAK {
    NO_LEAK() : Before(Blocks()) {}
    ~NO_LEAK() {
        GUEST_EQUAL(Before, Blocks());
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
    }
    static LONG Blocks() {
        LONG blocks = 0;
        constexpr ULONG tags[] = {EX_TAG("MmSe"), EX_TAG("MmSg"), EX_TAG("MmCa"), EX_TAG("MmSt"),
                                  EX_TAG("Sect"), EX_TAG("ObNm"), EX_TAG("ObDi"), EX_TAG("ObCi")};
        for (ULONG tag : tags) {
            POOL_TRACKER_TABLE row;
            ExQueryPoolTag(tag, &row);
            blocks += row.NonPagedAllocs - row.NonPagedFrees;
        }
        return blocks;
    }
    const LONG Before;
};

/// Kernel handle of a process.
HANDLE HandleOf(EPROCESS* process) {
    HANDLE handle = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, nullptr, PROCESS_ALL_ACCESS,
                                                      PsProcessType, KernelMode, &handle));
    return handle;
}

// ---- a type of file objects, as the I/O component will have one

/// The body of such an object.
struct TEST_FILE {
    MM_BACKING* Backing;
};
POBJECT_TYPE TestFileType;
NTSTATUS NTAPI TestBacking(PVOID object, MM_BACKING** backing) {
    *backing = static_cast<TEST_FILE*>(object)->Backing;
    if (!*backing) return STATUS_INVALID_FILE_FOR_SECTION;
    MmReferenceBacking(*backing);
    return STATUS_SUCCESS;
}
constexpr MM_FILE_SOURCE TestSource = {&TestFileType, TestBacking};

void MakeFileType() {
    if (!TestFileType) {
        UNICODE_STRING name;
        RtlInitUnicodeString(&name, u"TestFile");
        OBJECT_TYPE_INITIALIZER info = {.Length = sizeof(info),
                                        .GenericMapping = {1, 2, 4, 0x1FFFFF},
                                        .ValidAccessMask = 0x1FFFFF,
                                        .PoolType = NonPagedPool};
        GUEST_EQUAL(STATUS_SUCCESS, ObCreateObjectType(&name, &info, nullptr, &TestFileType));
    }
    MmRegisterFileSource(&TestSource);
}

HANDLE FileHandle(MM_BACKING* backing, ACCESS_MASK access) {
    PVOID object = nullptr;
    HANDLE handle = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, ObCreateObject(KernelMode, TestFileType, nullptr, KernelMode, nullptr,
                                               sizeof(TEST_FILE), 0, 0, &object));
    static_cast<TEST_FILE*>(object)->Backing = backing;
    GUEST_EQUAL(STATUS_SUCCESS, ObInsertObject(object, nullptr, access, 0, nullptr, &handle));
    return handle;
}

} // namespace

// Two processes map one section by its name, and see each other's writes; the name goes with the last handle
GUEST_TEST(ASectionIsSharedByItsName) {
    NO_LEAK leak;
    ATTACHED_PROCESS process;
    const HANDLE other = HandleOf(process.Get());
    NAMED name(u"\\Shared", OBJ_KERNEL_HANDLE);
    HANDLE const section = Create(3 * PAGE_SIZE, PAGE_READWRITE, SECTION_ALL_ACCESS, name);
    HANDLE opened = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, ZwOpenSection(&opened, SECTION_MAP_READ | SECTION_MAP_WRITE, name));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    PVOID here, there;
    GUEST_EQUAL(STATUS_SUCCESS, Map(opened, NtCurrentProcess(), &here));
    GUEST_EQUAL(STATUS_SUCCESS, Map(opened, other, &there));
    GUEST_TRUE(here != there);
    *static_cast<volatile ULONG*>(here) = 0x1234;
    GUEST_EQUAL(0x1234, *static_cast<volatile ULONG*>(there));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(opened));
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, ZwOpenSection(&opened, SECTION_MAP_READ, name));
    GUEST_EQUAL(0x1234, *static_cast<volatile ULONG*>(there)); // the views keep it
    GUEST_EQUAL(STATUS_SUCCESS, ZwUnmapViewOfSection(other, there));
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, ZwUnmapViewOfSection(other, there));
    GUEST_EQUAL(STATUS_SUCCESS, ZwUnmapViewOfSection(NtCurrentProcess(), here));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(other));
}

// The view is in the process that the handle names, not in the caller's
GUEST_TEST(AViewIsInTheProcessThatIsNamed) {
    NO_LEAK leak;
    EPROCESS* process = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Named", &process));
    const HANDLE other = HandleOf(process);
    HANDLE const section = Create(PAGE_SIZE);
    PVOID base;
    {
        ATTACHED_PROCESS here;
        HANDLE const own = Create(PAGE_SIZE);
        GUEST_EQUAL(STATUS_SUCCESS, Map(own, other, &base));
        MEMORY_BASIC_INFORMATION told;
        GUEST_EQUAL(STATUS_SUCCESS, ZwQueryVirtualMemory(NtCurrentProcess(), base, MEMORY_INFORMATION_CLASS{}, &told,
                                                         sizeof(told), nullptr));
        GUEST_EQUAL(MEM_FREE, told.State);
    }
    KAPC_STATE saved;
    KeStackAttachProcess(&process->Pcb, &saved);
    MEMORY_BASIC_INFORMATION told;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryVirtualMemory(NtCurrentProcess(), base, MEMORY_INFORMATION_CLASS{}, &told,
                                                     sizeof(told), nullptr));
    GUEST_EQUAL(MEM_MAPPED, told.Type);
    KeUnstackDetachProcess(&saved);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    // A process that ends takes no view any more.
    ExWaitForRundownProtectionRelease(&process->RundownProtect);
    HANDLE const late = Create(PAGE_SIZE);
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING, Map(late, other, &base));
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING, ZwUnmapViewOfSection(other, base));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(late));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(other));
    PspDeleteProcess(process);
}

// A handle gives the views that its rights allow
GUEST_TEST(RightsDecideAboutViews) {
    NO_LEAK leak;
    ATTACHED_PROCESS process;
    struct {
        ACCESS_MASK Access;
        ULONG Protect;
        NTSTATUS Status;
    } const cases[] = {
        {SECTION_MAP_READ, PAGE_READONLY, STATUS_SUCCESS},
        {SECTION_MAP_READ, PAGE_WRITECOPY, STATUS_SUCCESS},
        {SECTION_MAP_READ, PAGE_READWRITE, STATUS_ACCESS_DENIED},
        {SECTION_MAP_WRITE, PAGE_READWRITE, STATUS_SUCCESS},
        {SECTION_MAP_READ, PAGE_EXECUTE_READ, STATUS_ACCESS_DENIED},
        {SECTION_QUERY, PAGE_READONLY, STATUS_ACCESS_DENIED},
        {SECTION_MAP_EXECUTE, PAGE_EXECUTE, STATUS_SUCCESS},
        {SECTION_MAP_EXECUTE, PAGE_EXECUTE_READWRITE, STATUS_ACCESS_DENIED},
    };
    for (const auto& each : cases) {
        HANDLE const section = Create(PAGE_SIZE, PAGE_EXECUTE_READWRITE, each.Access);
        auto* const words = reinterpret_cast<PVOID*>(Allocate(1));
        auto* const size = reinterpret_cast<SIZE_T*>(words + 1);
        const NTSTATUS status = AsUserMode([&] {
            return NtMapViewOfSection(section, NtCurrentProcess(), words, 0, 0, nullptr, size, ViewUnmap, 0,
                                      each.Protect);
        });
        GUEST_EQUAL(each.Status, status);
        GUEST_EQUAL(NT_SUCCESS(each.Status) ? PAGE_SIZE : 0u, *size);
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    }
}

// What a section is, is told as far as there is room
GUEST_TEST(SectionsTellWhatTheyAre) {
    NO_LEAK leak;
    HANDLE const section = Create(5000);
    SECTION_BASIC_INFORMATION basic;
    SIZE_T bytes = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtQuerySection(section, SECTION_INFORMATION_CLASS::SectionBasicInformation, &basic,
                                               sizeof(basic), &bytes));
    GUEST_EQUAL(sizeof(basic), bytes);
    GUEST_EQUAL(SEC_COMMIT, basic.AllocationAttributes);
    GUEST_EQUAL(2 * PAGE_SIZE, basic.MaximumSize.QuadPart);
    SECTION_IMAGE_INFORMATION image;
    GUEST_EQUAL(STATUS_SECTION_NOT_IMAGE, NtQuerySection(section, SECTION_INFORMATION_CLASS::SectionImageInformation,
                                                         &image, sizeof(image), nullptr));
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, NtQuerySection(section, SECTION_INFORMATION_CLASS::SectionBasicInformation,
                                                            &basic, sizeof(basic) - 1, nullptr));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                NtQuerySection(section, static_cast<SECTION_INFORMATION_CLASS>(2), &basic, sizeof(basic), nullptr));
    LARGE_INTEGER longer = {.QuadPart = 1 << 20};
    GUEST_EQUAL(STATUS_SECTION_NOT_EXTENDED, NtExtendSection(section, &longer)); // it has no file
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
}

// A file's handle leads to its pages, for what its rights allow; the file stays as long as the section
GUEST_TEST(AFilesHandleMakesASection) {
    MakeFileType();
    NO_LEAK leak;
    IMAGE_FILE file;
    HANDLE section = nullptr;
    HANDLE const reads = FileHandle(file.Backing(), FILE_READ_DATA), runs = FileHandle(file.Backing(), FILE_EXECUTE);
    const auto asUser = [](HANDLE handle, ULONG protect, ULONG kind) {
        return AsUserMode([&] {
            PVOID made = nullptr;
            const NTSTATUS status =
                MmCreateSection(&made, SECTION_ALL_ACCESS, nullptr, nullptr, protect, kind, handle, nullptr);
            if (made) (void)ObDereferenceObject(made);
            return status;
        });
    };
    GUEST_EQUAL(STATUS_SUCCESS, asUser(reads, PAGE_READONLY, SEC_COMMIT));
    GUEST_EQUAL(STATUS_SUCCESS, asUser(reads, PAGE_WRITECOPY, SEC_COMMIT));
    GUEST_EQUAL(STATUS_ACCESS_DENIED, asUser(reads, PAGE_READWRITE, SEC_COMMIT));
    GUEST_EQUAL(STATUS_ACCESS_DENIED, asUser(reads, PAGE_EXECUTE, SEC_IMAGE));
    GUEST_EQUAL(STATUS_ACCESS_DENIED, asUser(runs, PAGE_READONLY, SEC_COMMIT));
    GUEST_EQUAL(STATUS_SUCCESS, asUser(runs, PAGE_EXECUTE, SEC_IMAGE));
    GUEST_EQUAL(1, file.Backing()->ReferenceCount);
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwCreateSection(&section, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_EXECUTE, SEC_IMAGE, runs));
    GUEST_EQUAL(2, file.Backing()->ReferenceCount);
    SECTION_IMAGE_INFORMATION image;
    GUEST_EQUAL(STATUS_SUCCESS, NtQuerySection(section, SECTION_INFORMATION_CLASS::SectionImageInformation, &image,
                                               sizeof(image), nullptr));
    GUEST_EQUAL(IMAGE_FILE_MACHINE_I386, image.Machine);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    GUEST_EQUAL(1, file.Backing()->ReferenceCount);
    HANDLE const noFile = Create(PAGE_SIZE); // a handle of another type
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                ZwCreateSection(&section, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_READONLY, SEC_COMMIT, noFile));
    HANDLE const empty = FileHandle(nullptr, FILE_READ_DATA);
    GUEST_EQUAL(STATUS_INVALID_FILE_FOR_SECTION,
                ZwCreateSection(&section, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_READONLY, SEC_COMMIT, empty));
    const HANDLE all[] = {noFile, empty, reads, runs};
    for (HANDLE handle : all)
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    MmRegisterFileSource(nullptr);
}

// A section longer than a file that cannot grow: the file's segment is given back once, by whichever side finds out
GUEST_TEST(ASectionThatIsTooBigForItsFileGivesTheSegmentBackOnce) {
    MakeFileType();
    NO_LEAK leak;
    static UCHAR data[PAGE_SIZE];
    MM_MEMORY_BACKING backing{};
    MmInitializeMemoryBacking(&backing, data, sizeof(data), TRUE);
    HANDLE const file = FileHandle(&backing.Backing, FILE_READ_DATA);
    LARGE_INTEGER tooMuch{.QuadPart = 16 * PAGE_SIZE};
    HANDLE section = nullptr, other = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, // so that the segment is there all the time
                ZwCreateSection(&other, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_WRITECOPY, SEC_COMMIT, file));
    GUEST_EQUAL(STATUS_SECTION_TOO_BIG,
                ZwCreateSection(&section, SECTION_ALL_ACCESS, nullptr, &tooMuch, PAGE_WRITECOPY, SEC_COMMIT, file));
    LARGE_INTEGER size{};
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwCreateSection(&section, SECTION_ALL_ACCESS, nullptr, &size, PAGE_WRITECOPY, SEC_COMMIT, file));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(other));
    GUEST_EQUAL(STATUS_SECTION_TOO_BIG,
                ZwCreateSection(&section, SECTION_ALL_ACCESS, nullptr, &tooMuch, PAGE_WRITECOPY, SEC_COMMIT, file));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(file));
    GUEST_EQUAL(1, backing.Backing.ReferenceCount);
    MmRegisterFileSource(nullptr);
}

// Pointers of user mode may be anything; what fails leaves nothing behind
GUEST_TEST(HostileCallersOfSectionServicesGetAStatus) {
    NO_LEAK leak;
    ATTACHED_PROCESS process;
    HANDLE const section = Create(PAGE_SIZE);
    HANDLE const mine = HandleOf(process.Get());
    auto* const good = reinterpret_cast<PVOID*>(Allocate(1));
    auto* const size = reinterpret_cast<SIZE_T*>(good + 1);
    auto* const bytes = reinterpret_cast<LARGE_INTEGER*>(good + 4);
    auto* const handle = reinterpret_cast<HANDLE*>(good + 8);
    bytes->QuadPart = PAGE_SIZE;
    const auto refused = [](NTSTATUS status) { GUEST_TRUE(!NT_SUCCESS(status)); };
    for (PVOID bad : Bad) {
        auto* const pointer = static_cast<PVOID*>(bad);
        refused(AsUserMode([&] {
            return NtMapViewOfSection(section, NtCurrentProcess(), pointer, 0, 0, nullptr, size, ViewUnmap, 0,
                                      PAGE_READONLY);
        }));
        refused(AsUserMode([&] {
            return NtMapViewOfSection(section, NtCurrentProcess(), good, 0, 0, nullptr, static_cast<SIZE_T*>(bad),
                                      ViewUnmap, 0, PAGE_READONLY);
        }));
        refused(AsUserMode([&] {
            return NtCreateSection(static_cast<HANDLE*>(bad), 0, nullptr, bytes, PAGE_READONLY, SEC_COMMIT, nullptr);
        }));
        refused(AsUserMode([&] { return NtOpenSection(handle, 0, static_cast<POBJECT_ATTRIBUTES>(bad)); }));
        refused(AsUserMode([&] {
            return NtQuerySection(section, SECTION_INFORMATION_CLASS::SectionBasicInformation, bad,
                                  sizeof(SECTION_BASIC_INFORMATION), nullptr);
        }));
        refused(AsUserMode([&] { return NtExtendSection(section, static_cast<LARGE_INTEGER*>(bad)); }));
        if (!bad) continue; // these may be left out
        refused(AsUserMode([&] {
            return NtMapViewOfSection(section, NtCurrentProcess(), good, 0, 0, static_cast<LARGE_INTEGER*>(bad), size,
                                      ViewUnmap, 0, PAGE_READONLY);
        }));
        refused(AsUserMode([&] {
            return NtCreateSection(handle, 0, static_cast<POBJECT_ATTRIBUTES>(bad), bytes, PAGE_READONLY, SEC_COMMIT,
                                   nullptr);
        }));
        refused(AsUserMode([&] {
            return NtCreateSection(handle, 0, nullptr, static_cast<LARGE_INTEGER*>(bad), PAGE_READONLY, SEC_COMMIT,
                                   nullptr);
        }));
        refused(AsUserMode([&] { return NtUnmapViewOfSection(NtCurrentProcess(), bad); }));
    }
    const auto map = [&](HANDLE of, HANDLE in, ULONG_PTR zeroBits, SECTION_INHERIT inherit, ULONG type, ULONG protect) {
        *good = nullptr;
        *size = 0;
        return AsUserMode(
            [&] { return NtMapViewOfSection(of, in, good, zeroBits, 0, nullptr, size, inherit, type, protect); });
    };
    GUEST_EQUAL(STATUS_INVALID_HANDLE, map(section, mine, 0, ViewUnmap, 0, PAGE_READONLY)); // the kernel's handle
    GUEST_EQUAL(STATUS_INVALID_HANDLE, map(nullptr, NtCurrentProcess(), 0, ViewUnmap, 0, PAGE_READONLY));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                map(NtCurrentProcess(), NtCurrentProcess(), 0, ViewUnmap, 0, PAGE_READONLY));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, map(section, section, 0, ViewUnmap, 0, PAGE_READONLY));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_4, map(section, NtCurrentProcess(), 21, ViewUnmap, 0, PAGE_READONLY));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_8,
                map(section, NtCurrentProcess(), 0, static_cast<SECTION_INHERIT>(3), 0, PAGE_READONLY));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_9, map(section, NtCurrentProcess(), 0, ViewUnmap, MEM_COMMIT, PAGE_READONLY));
    GUEST_EQUAL(STATUS_INVALID_PAGE_PROTECTION, map(section, NtCurrentProcess(), 0, ViewUnmap, 0, 0));
    const LONGLONG sizes[] = {LONGLONG(0), LONGLONG(-1), LONGLONG(1) << 62};
    for (LONGLONG wrong : sizes) {
        bytes->QuadPart = wrong;
        refused(AsUserMode([&] {
            return NtCreateSection(handle, SECTION_ALL_ACCESS, nullptr, bytes, PAGE_READWRITE, SEC_COMMIT, nullptr);
        }));
    }
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(mine));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
}

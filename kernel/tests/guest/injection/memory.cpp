// Processes, private memory, sections, MDLs and paging, while allocations fail.
#include "ex.h"
#include "mm.h"
#include "mm/contiguous.h"
#include "mm/faults.h"
#include "mm/mdl.h"
#include "mm/memorybacking.h"
#include "mm/section.h"
#include "mm/virtual.h"
#include "ps.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

#include "imagefile.h"
#include "work.h"

namespace {

constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);

/// A process; with none, the work in it is left out.
class PROCESS {
public:
    PROCESS() { (void)WELL(PspCreateProcess("Injected", &m_process)); }
    ~PROCESS() {
        if (m_process) PspDeleteProcess(m_process);
    }
    PROCESS(const PROCESS&) = delete;
    PROCESS& operator=(const PROCESS&) = delete;
    explicit operator bool() const { return m_process != nullptr; }
    [[nodiscard]] EPROCESS* Get() const { return m_process; }
    template <typename WORK> void In(WORK work) {
        KAPC_STATE saved;
        KeStackAttachProcess(&m_process->Pcb, &saved);
        work();
        if (PCSTR const broken = MmCheckWorkingSet()) InjectionSeen.Broken = broken;
        KeUnstackDetachProcess(&saved);
    }

private:
    EPROCESS* m_process = nullptr;
};

/// What an access raised; of a page that could not be read, the reason.
NTSTATUS Raised;

int Note(const EXCEPTION_POINTERS* pointers) {
    const EXCEPTION_RECORD& record = *pointers->ExceptionRecord;
    Raised =
        record.ExceptionCode == STATUS_IN_PAGE_ERROR ? NTSTATUS(record.ExceptionInformation[2]) : record.ExceptionCode;
    return EXCEPTION_EXECUTE_HANDLER;
}

NTSTATUS Write(ULONG* at, ULONG value) {
    Raised = STATUS_SUCCESS;
    __try {
        WriteULongToUser(at, value);
    } __except (Note(GetExceptionInformation())) {}
    return Raised;
}

NTSTATUS Read(const ULONG* at, ULONG* value) {
    Raised = STATUS_SUCCESS;
    __try {
        *value = ReadULongFromUser(at);
    } __except (Note(GetExceptionInformation())) {}
    return Raised;
}

/// Writes a word of each page; then they are read. A fault waits for a page, but reading a page in may fail.
void Touch(ULONG* base, ULONG pages, ULONG stride = 1) {
    bool written = true;
    for (ULONG page = 0; page < pages; page += stride)
        written &= WELL(Write(base + SIZE_T(page) * WORDS, page + 1));
    for (ULONG page = 0; written && page < pages; page += stride) {
        ULONG value = 0;
        if (WELL(Read(base + SIZE_T(page) * WORDS, &value))) MUST(value == page + 1);
    }
}

ULONG* Allocate(ULONG pages, ULONG type, ULONG protect, ULONG* at = nullptr) {
    PVOID base = at;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    return WELL(ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, type, protect)) ? static_cast<ULONG*>(base)
                                                                                             : nullptr;
}

void Free(ULONG* base, ULONG pages, ULONG type) {
    PVOID start = base;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    (void)WELL(ZwFreeVirtualMemory(NtCurrentProcess(), &start, &size, type));
}

void Protect(ULONG* base, ULONG pages, ULONG protect) {
    PVOID start = base;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    ULONG old = 0;
    (void)WELL(ZwProtectVirtualMemory(NtCurrentProcess(), &start, &size, protect, &old));
}

} // namespace

void Processes() {
    for (ULONG i = 0; i < 10; i++) {
        PROCESS one, other;
        PROCESS* const both[] = {&one, &other};
        for (PROCESS* process : both) {
            if (!*process) continue;
            process->In([] {
                if (ULONG* const base = Allocate(4, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)) Touch(base, 4);
            });
        }
    }
}

/// Ranges far apart, each with a page table of its own.
void PrivateMemory() {
    PROCESS process;
    if (!process) return;
    process.In([] {
        constexpr ULONG PAGES = 300;
        for (ULONG_PTR at = 0x10000000; at < 0x14000000; at += 0x00C00000) {
            ULONG* const base = Allocate(PAGES, MEM_RESERVE, PAGE_READWRITE, reinterpret_cast<ULONG*>(at));
            if (!base) continue;
            if (Allocate(PAGES / 2, MEM_COMMIT, PAGE_READWRITE, base)) Touch(base, PAGES / 2);
            if (Allocate(2, MEM_COMMIT, PAGE_READWRITE, base + (PAGES - 3) * WORDS)) {
                Protect(base + (PAGES - 3) * WORDS, 1, PAGE_READONLY);
                Free(base + (PAGES - 2) * WORDS, 1, MEM_DECOMMIT);
            }
            Free(base + PAGES / 2 * WORDS, 2, MEM_RELEASE); // the range is two now, which takes memory
            Free(base, PAGES / 2, MEM_DECOMMIT);
        }
        if (ULONG* const top = Allocate(3, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE)) {
            Touch(top, 3);
            MmEmptyWorkingSet();
            Touch(top, 3);
            Free(top, 0, MEM_RELEASE);
        }
    });
}

void UserStack() {
    PROCESS process;
    if (!process) return;
    process.In([] {
        PVOID base = nullptr;
        if (!WELL(MmCreateUserStack(64 * PAGE_SIZE, PAGE_SIZE, &base))) return;
        for (ULONG page = 1; page < 60; page++) { // each page is the guard page once
            const NTSTATUS status = Write(static_cast<ULONG*>(base) - page * WORDS, page);
            if (status == STATUS_STACK_OVERFLOW) return; // no page was promised
            if (!WELL(status)) return;
        }
    });
}

ULONG* Map(const PROCESS& process, SECTION* section, ULONG protect) {
    PVOID base = nullptr;
    SIZE_T size = 0;
    return WELL(MmMapViewOfSection(section, process.Get(), &base, 0, 0, nullptr, &size, ViewUnmap, 0, protect))
               ? static_cast<ULONG*>(base)
               : nullptr;
}

void Unmap(const PROCESS& process, ULONG* base) {
    if (base) (void)WELL(MmUnmapViewOfSection(process.Get(), base));
}

void Sections() {
    constexpr ULONG PAGES = 120;
    PROCESS one, other;
    if (!one || !other) return;
    SECTION* section = nullptr;
    if (!WELL(MmCreateBackedSection(&section, nullptr, PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT))) return;
    ULONG* const first = Map(one, section, PAGE_READWRITE);
    ULONG* const second = Map(other, section, PAGE_READWRITE);
    ULONG* const copies = Map(other, section, PAGE_WRITECOPY);
    if (first) one.In([&] { Touch(first, PAGES); });
    if (second) other.In([&] { Touch(second, PAGES, 2); });
    if (copies) {
        other.In([&] {
            Touch(copies, PAGES, 3);
            MmEmptyWorkingSet();
            Touch(copies, PAGES, 3);
        });
    }
    Unmap(one, first);
    Unmap(other, second); // the other view goes with its process
    MmCloseSection(section);
}

void Images() {
    PROCESS process;
    if (!process) return;
    IMAGE_FILE file;
    SECTION* section = nullptr;
    if (!WELL(MmCreateBackedSection(&section, file.Backing(), 0, PAGE_EXECUTE, SEC_IMAGE))) return;
    ULONG* const first = Map(process, section, PAGE_EXECUTE);
    ULONG* const moved = Map(process, section, PAGE_EXECUTE); // not at its base
    ULONG* const views[] = {first, moved};
    for (ULONG* const view : views) {
        if (!view) continue;
        process.In([&] {
            ULONG* const data = view + IMAGE_FILE::Data / sizeof(ULONG);
            ULONG value = 0;
            if (WELL(Read(view + IMAGE_FILE::Text / sizeof(ULONG), &value))) MUST(value == 0x7E7E7E7E);
            if (WELL(Write(data, 5)) && WELL(Read(data, &value))) MUST(value == 5);
            Protect(view + IMAGE_FILE::Text / sizeof(ULONG), 1, PAGE_EXECUTE_READWRITE);
        });
    }
    Unmap(process, first);
    MmCloseSection(section);
}

alignas(PAGE_SIZE) UCHAR FileBytes[60 * PAGE_SIZE];

/// The writer of mapped pages may hold a file for a little longer than its sections do. @returns whether only its owner has it now
bool IsLeftToItsOwner(const MM_BACKING& file) {
    constexpr ULONG patience = 2000;
    for (ULONG waited = 0; file.ReferenceCount != 1 && waited < patience; waited++) {
        LARGE_INTEGER delay = KeRelativeMilliseconds(1);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
    }
    return file.ReferenceCount == 1;
}

/// A file is read, changed and written back; a page that is read may find no memory, which is an in-page error.
void Files() {
    constexpr ULONG PAGES = sizeof FileBytes / PAGE_SIZE;
    PROCESS process;
    if (!process) return;
    MM_MEMORY_BACKING file{};
    MmInitializeMemoryBacking(&file, FileBytes, sizeof FileBytes, FALSE);
    SECTION* section = nullptr;
    if (!WELL(MmCreateBackedSection(&section, &file.Backing, 2 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT))) return;
    ULONGLONG length = sizeof FileBytes;
    if (!WELL(MmExtendSection(section, &length))) return MmCloseSection(section);
    if (ULONG* const view = Map(process, section, PAGE_READWRITE)) {
        process.In([&] {
            Touch(view, PAGES);
            MmEmptyWorkingSet();
            Touch(view, PAGES, 2);
        });
        PVOID base = view;
        SIZE_T size = sizeof FileBytes;
        (void)WELL(MmFlushVirtualMemory(process.Get(), &base, &size));
        Unmap(process, view);
    }
    MmCloseSection(section);
    MUST(IsLeftToItsOwner(file.Backing));
}

NTSTATUS Lock(MDL* mdl) {
    NTSTATUS status = STATUS_SUCCESS;
    __try {
        MmProbeAndLockPages(mdl, UserMode, IoModifyAccess);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

void Mdls() {
    constexpr ULONG PAGES = 6;
    PROCESS process;
    if (process) {
        process.In([] {
            ULONG* const base = Allocate(PAGES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
            if (!base) return;
            MDL* const mdl = IoAllocateMdl(base, PAGES * PAGE_SIZE, FALSE, FALSE, nullptr);
            MDL* const part = IoAllocateMdl(base, PAGES * PAGE_SIZE, FALSE, FALSE, nullptr);
            if (mdl && WELL(Lock(mdl))) {
                if (part) {
                    IoBuildPartialMdl(mdl, part, base, PAGE_SIZE);
                    (void)MmGetSystemAddressForMdlSafe(part, MM_PAGE_PRIORITY::NormalPagePriority);
                }
                if (PVOID const mapped = MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority))
                    memset(mapped, 7, PAGES * PAGE_SIZE);
                if (part) IoFreeMdl(part);
                MmUnlockPages(mdl);
            } else if (part) {
                IoFreeMdl(part);
            }
            if (mdl) IoFreeMdl(mdl);
        });
    }
    const PHYSICAL_ADDRESS none = {.QuadPart = 0}, all = {.QuadPart = 0xFFFFFFFF};
    if (MDL* const pages = MmAllocatePagesForMdl(none, all, none, 5 * PAGE_SIZE)) {
        (void)MmGetSystemAddressForMdlSafe(pages, MM_PAGE_PRIORITY::NormalPagePriority);
        MmFreePagesFromMdl(pages);
        ExFreePool(pages);
    }
    if (PVOID const memory = MmAllocateContiguousMemory(3 * PAGE_SIZE, all)) MmFreeContiguousMemory(memory);
    if (PVOID const memory = MmAllocateNonCachedMemory(PAGE_SIZE)) MmFreeNonCachedMemory(memory, PAGE_SIZE);
    if (PVOID const registers = MmMapIoSpace({.QuadPart = 0xFEC00000}, PAGE_SIZE, MmNonCached))
        MmUnmapIoSpace(registers, PAGE_SIZE);
    if (PVOID const stack = MmCreateKernelStack(TRUE)) MmDeleteKernelStack(stack, TRUE);
}

/// More work than memory: pages leave for the page file and come back.
void Paging() {
    constexpr ULONG PAGES = 140;
    PROCESS process;
    if (!process) return;
    process.In([] {
        ULONG* const base = Allocate(PAGES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (base) Touch(base, PAGES);
    });
}

/// Named sections, mapped into a process by its handle.
void SectionObjects() {
    PROCESS process;
    HANDLE target, section;
    if (!process || !WELL(ObOpenObjectByPointer(process.Get(), OBJ_KERNEL_HANDLE, nullptr, PROCESS_ALL_ACCESS,
                                                PsProcessType, KernelMode, &target)))
        return;
    for (ULONG i = 0; i < 3; i++) {
        UNICODE_STRING name;
        OBJECT_ATTRIBUTES attributes;
        LARGE_INTEGER bytes = {.QuadPart = LONGLONG(i + 1) * PAGE_SIZE};
        RtlInitUnicodeString(&name, u"\\Injected");
        InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, nullptr, nullptr);
        if (!WELL(ZwCreateSection(&section, SECTION_ALL_ACCESS, &attributes, &bytes, PAGE_READWRITE, SEC_COMMIT,
                                  nullptr)))
            continue;
        PVOID base = nullptr;
        SIZE_T size = 0;
        if (WELL(ZwMapViewOfSection(section, target, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_READWRITE)))
            (void)WELL(ZwUnmapViewOfSection(target, base));
        (void)WELL(ZwClose(section));
    }
    (void)WELL(ZwClose(target));
}

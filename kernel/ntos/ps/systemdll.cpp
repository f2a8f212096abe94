// The system library, ntdll.dll: one image section, of which each process with an image gets a view at the library's own base.
//
// The kernel has the addresses of a few of its routines, found once by their names. As the base is the same everywhere, so are they.
// Locks: none; the library is found before the first process has it. IRQL: PASSIVE_LEVEL.
// In the books: "ntdll and the native API", "user-mode APCs", "image loader". ARC-15, BOO-03
#include "ke/service.h"
#include "mm/section.h"
#include "ps/attach.h"
#include "ps/psp.h"
#include "rtl/pe.h"

PSP_SYSTEM_DLL PspSystemDll; // shared: written before the first process with an image

namespace {

/// A view of an image in the current address space.
class MAPPED_IMAGE final : public nt::PeImage {
public:
    MAPPED_IMAGE(PVOID base, ULONG bytes) : PeImage(bytes), m_base(static_cast<UCHAR*>(base)) {}

private:
    NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) override { return PspReadUser(to, m_base + offset, bytes); }
    NTSTATUS Write(ULONG, const void*, ULONG) override { return STATUS_SECTION_PROTECTION; }

    UCHAR* const m_base;
};

/// The library imports nothing.
class NO_MODULES final : public nt::PeModules {
public:
    NTSTATUS Find(PCSTR, const nt::PeModule**) override { return STATUS_DLL_NOT_FOUND; }
};

/// A routine of the library, and where its address goes.
struct WANTED {
    PCSTR Name;
    ULONG_PTR* Address;
    bool Required;
};

NTSTATUS FindRoutines(MAPPED_IMAGE& image, ULONG_PTR base, KUSER_ENTRY_POINTS* points, PSP_SYSTEM_DLL* dll) {
    nt::PeError error;
    nt::PeModule module = {.Name = "ntdll.dll", .Image = &image, .Base = ULONG(base), .Headers = {}};
    NT_TRY(nt::PeReadHeaders(image, image.Size(), &module.Headers, &error));
    const WANTED all[] = {
        {"LdrInitializeThunk", &dll->LdrInitializeThunk, true},
        {"RtlUserThreadStart", &dll->RtlUserThreadStart, true},
        {"KiUserApcDispatcher", &points->KiUserApcDispatcher, true},
        {"KiUserExceptionDispatcher", &points->KiUserExceptionDispatcher, false},
        {"KiRaiseUserExceptionDispatcher", &points->KiRaiseUserExceptionDispatcher, false},
        {"KiFastSystemCall", &points->KiFastSystemCall, true},
        {"KiIntSystemCall", &points->KiIntSystemCall, true},
        {"KiFastSystemCallRet", &points->KiFastSystemCallRet, true},
    };
    NO_MODULES none;
    for (const WANTED& each : all) {
        ULONG address = 0;
        const NTSTATUS status = nt::PeFindExport(module, each.Name, 0, none, &address, &error);
        if (!NT_SUCCESS(status) && each.Required) return status;
        *each.Address = NT_SUCCESS(status) ? address : 0;
    }
    return STATUS_SUCCESS;
}

/// Looks at the library in a view, which goes again.
NTSTATUS Look(SECTION* section, KUSER_ENTRY_POINTS* points, PSP_SYSTEM_DLL* dll) {
    const PSP_ATTACH attached(PsInitialSystemProcess);
    PVOID base = nullptr;
    SIZE_T size = 0;
    NTSTATUS status =
        MmMapViewOfSection(section, PsInitialSystemProcess, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_EXECUTE);
    if (!NT_SUCCESS(status)) return status;
    if (status == STATUS_IMAGE_NOT_AT_BASE) {
        status = STATUS_CONFLICTING_ADDRESSES;
    } else {
        MAPPED_IMAGE image(base, ULONG(size));
        dll->Base = base;
        status = FindRoutines(image, reinterpret_cast<ULONG_PTR>(base), points, dll);
    }
    const NTSTATUS unmapped = MmUnmapViewOfSection(PsInitialSystemProcess, base);
    return NT_SUCCESS(status) ? unmapped : status;
}

} // namespace

NTSTATUS NTAPI PsInitializeSystemDll(MM_BACKING* File) {
    if (!File) {
        if (PspSystemDll.Section) (void)ObDereferenceObject(PspSystemDll.Section);
        PspSystemDll = {};
        constexpr KUSER_ENTRY_POINTS none = {};
        KeSetUserEntryPoints(&none);
        return STATUS_SUCCESS;
    }
    PVOID object;
    NT_TRY(MmCreateSection(&object, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_EXECUTE, SEC_IMAGE, nullptr, File));
    auto* const section = static_cast<SECTION*>(object);
    PSP_SYSTEM_DLL dll = {.Section = section};
    KUSER_ENTRY_POINTS points = {};
    const NTSTATUS status = Look(section, &points, &dll);
    if (!NT_SUCCESS(status)) {
        (void)ObDereferenceObject(section);
        return status;
    }
    if (PspSystemDll.Section) (void)ObDereferenceObject(PspSystemDll.Section);
    PspSystemDll = dll;
    KeSetUserEntryPoints(&points);
    return STATUS_SUCCESS;
}

NTSTATUS PspMapSystemDll(EPROCESS* Process) {
    if (!PspSystemDll.Section) return STATUS_DLL_NOT_FOUND;
    PVOID base = PspSystemDll.Base;
    SIZE_T size = 0;
    return MmMapViewOfSection(PspSystemDll.Section, Process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_EXECUTE);
}

// What sections cost: a view of 64 KB mapped and unmapped, and the copy of a shared page at the first write.
//
// The host calls the routine that prepares first, which is not measured.
#include "crowd.h"
#include "mm/section.h"

namespace {

constexpr ULONG VIEW = 0x10000;

EPROCESS* Process;
SECTION* Section;
UCHAR* Base;

/// A process and a section; a view of it if `protect` is not 0.
bool Make(ULONG pages, ULONG protect) {
    if (!NT_SUCCESS(PspCreateProcess("Bench", &Process))) return false;
    if (!NT_SUCCESS(MmCreateBackedSection(&Section, nullptr, ULONGLONG(pages) * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT)))
        return false;
    if (protect == 0) return true;
    PVOID base = nullptr;
    SIZE_T size = 0;
    const NTSTATUS status = MmMapViewOfSection(Section, Process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, protect);
    Base = static_cast<UCHAR*>(base);
    return NT_SUCCESS(status);
}

} // namespace

extern "C" {

NTEXPORT ULONG NTAPI PrepareSection(ULONG Iterations) { return Make(VIEW / PAGE_SIZE, 0) ? Iterations : 0; }

/// A view of 64 KB, mapped and unmapped by a thread of its process.
NTEXPORT ULONG NTAPI BenchMapView(ULONG Iterations) {
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    for (ULONG i = 0; i < Iterations; i++) {
        PVOID base = nullptr;
        SIZE_T size = VIEW;
        if (!NT_SUCCESS(
                MmMapViewOfSection(Section, Process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_READWRITE)))
            break;
        (void)MmUnmapViewOfSection(Process, base);
    }
    KeUnstackDetachProcess(&saved);
    return Iterations;
}

/// A copy-on-write view whose pages have been read.
NTEXPORT ULONG NTAPI PrepareCopies(ULONG Iterations) {
    if (!Make(Iterations, PAGE_WRITECOPY)) return 0;
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    for (ULONG page = 0; page < Iterations; page++)
        (void)*reinterpret_cast<volatile ULONG*>(Base + SIZE_T(page) * PAGE_SIZE);
    KeUnstackDetachProcess(&saved);
    return Iterations;
}

/// The first write to each page.
NTEXPORT ULONG NTAPI BenchCopyOnWrite(ULONG Iterations) {
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    for (ULONG page = 0; page < Iterations; page++)
        *reinterpret_cast<volatile ULONG*>(Base + SIZE_T(page) * PAGE_SIZE) = page;
    KeUnstackDetachProcess(&saved);
    return Iterations;
}
}

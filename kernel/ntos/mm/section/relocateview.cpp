// Relocating the view of an image in a process.
//
// Each page that has an address in it is made writable, changed, and given its protection back. By the rules of images that makes it a
// copy of the process's own. The process may change or unmap the view meanwhile: every access may fail, and ends the work.
// Locks: those of the services that it calls, one after the other. IRQL: PASSIVE_LEVEL.
// In the books: "image activation", "copy-on-write". POL-09
#include "ke.h"
#include "mm/section/views.h"
#include "mm/vad/services.h"
#include "mm/vad/userpages.h"
#include "ps/process.h"
#include "rtl/exception.h"
#include "rtl/pe.h"
#include "rtl/useraccess.h"

namespace {

/// The view at a base, in the current address space.
class VIEW final : public nt::PeImage {
public:
    VIEW(MM_ADDRESS_SPACE& space, ULONG_PTR base, ULONG bytes) : PeImage(bytes), m_space(space), m_base(base) {}

    /// Gives the page that is writable now its protection back.
    NTSTATUS Close() {
        if (m_open == NONE) return STATUS_SUCCESS;
        const ULONG page = m_open;
        m_open = NONE;
        ULONG writable;
        return Protect(page, m_before, &writable);
    }

private:
    static constexpr ULONG NONE = ~0u;

    NTSTATUS Read(ULONG address, PVOID to, ULONG bytes) override {
        __try {
            CopyFromUser(to, reinterpret_cast<PVOID>(m_base + address), bytes);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            return GetExceptionCode();
        }
        return STATUS_SUCCESS;
    }

    NTSTATUS Write(ULONG address, const void* from, ULONG bytes) override {
        const auto* source = static_cast<const UCHAR*>(from);
        while (bytes != 0) { // an address may lie in two pages
            const ULONG left = PAGE_SIZE - address % PAGE_SIZE, piece = bytes < left ? bytes : left;
            NT_TRY(Open(address / PAGE_SIZE));
            NT_TRY(Put(address, source, piece));
            address += piece;
            source += piece;
            bytes -= piece;
        }
        return STATUS_SUCCESS;
    }

    NTSTATUS Protect(ULONG page, ULONG protect, ULONG* before) {
        MI_USER_PAGES table(m_space);
        ULONG_PTR at = m_base + ULONG_PTR(page) * PAGE_SIZE;
        SIZE_T size = PAGE_SIZE;
        return MiProtectVirtualMemory(m_space, table, &at, &size, protect, before);
    }

    /// Makes a page writable, and the one before it as it was.
    NTSTATUS Open(ULONG page) {
        if (page == m_open) return STATUS_SUCCESS;
        NT_TRY(Close());
        NT_TRY(Protect(page, PAGE_READWRITE, &m_before));
        m_open = page;
        return STATUS_SUCCESS;
    }

    NTSTATUS Put(ULONG address, const UCHAR* from, ULONG bytes) {
        __try {
            CopyToUser(reinterpret_cast<PVOID>(m_base + address), from, bytes);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            return GetExceptionCode();
        }
        return STATUS_SUCCESS;
    }

    MM_ADDRESS_SPACE& m_space;
    const ULONG_PTR m_base;
    ULONG m_open = NONE; ///< the page that is writable now
    ULONG m_before = 0;  ///< PAGE_* that it had
};

/// The image that a view at `base` shows. @param[out] own where it would lie, bytes its size
NTSTATUS FindImage(MM_ADDRESS_SPACE& space, ULONG_PTR base, ULONG_PTR* own, ULONG* bytes) {
    MI_SPACE_GUARD guard(space);
    const MMVAD* const vad = MiLocateVad(space, ULONG(base >> PAGE_SHIFT));
    if (!vad || vad->Flags.PrivateMemory || vad->Flags.VadType != VadImageMap) return STATUS_NOT_MAPPED_VIEW;
    if (MiPagesOf(vad).Base() != base) return STATUS_NOT_MAPPED_VIEW;
    *own = vad->ControlArea->Segment->BasedAddress;
    *bytes = ULONG(MiPagesOf(vad).Bytes());
    return STATUS_SUCCESS;
}

NTSTATUS Relocate(VIEW& view, ULONG own, ULONG base) {
    nt::PeHeaders headers;
    nt::PeError error;
    NT_TRY(nt::PeReadHeaders(view, view.Size(), &headers, &error));
    headers.Nt.OptionalHeader.ImageBase = own; // as it was when the section was made; the process may have changed it
    return nt::PeRelocate(view, headers, base, &error);
}

} // namespace

extern "C" NTSTATUS NTAPI MmRelocateImage(EPROCESS* Process, PVOID BaseAddress) {
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    const auto base = reinterpret_cast<ULONG_PTR>(BaseAddress);
    ULONG_PTR own = 0;
    ULONG bytes = 0;
    NTSTATUS status = FindImage(Process->AddressSpace, base, &own, &bytes);
    if (NT_SUCCESS(status) && base != own) {
        VIEW view(Process->AddressSpace, base, bytes);
        status = Relocate(view, ULONG(own), ULONG(base));
        const NTSTATUS closed = view.Close();
        if (NT_SUCCESS(status)) status = closed;
    }
    KeUnstackDetachProcess(&saved);
    return status;
}

// Access to a mapped image. Contract: imageview.h.
#include "ldr/imageview.h"

NTSTATUS LDRP_IMAGE_VIEW::Close() {
    if (m_open == NONE) return STATUS_SUCCESS;
    const ULONG page = m_open;
    m_open = NONE;
    ULONG writable;
    return Protect(page, m_before, &writable);
}

NTSTATUS LDRP_IMAGE_VIEW::Read(ULONG offset, PVOID to, ULONG bytes) {
    memcpy(to, m_base + offset, bytes);
    return STATUS_SUCCESS;
}

NTSTATUS LDRP_IMAGE_VIEW::Write(ULONG offset, const void* from, ULONG bytes) {
    const auto* source = static_cast<const UCHAR*>(from);
    while (bytes != 0) { // an address may lie in two pages
        const ULONG left = PAGE_SIZE - offset % PAGE_SIZE, piece = bytes < left ? bytes : left;
        NT_TRY(Open(offset / PAGE_SIZE));
        memcpy(m_base + offset, source, piece);
        offset += piece;
        source += piece;
        bytes -= piece;
    }
    return STATUS_SUCCESS;
}

NTSTATUS LDRP_IMAGE_VIEW::Protect(ULONG page, ULONG protect, ULONG* before) {
    PVOID at = m_base + SIZE_T(page) * PAGE_SIZE;
    SIZE_T size = PAGE_SIZE;
    return NtProtectVirtualMemory(NtCurrentProcess(), &at, &size, protect, before);
}

NTSTATUS LDRP_IMAGE_VIEW::Open(ULONG page) {
    if (page == m_open) return STATUS_SUCCESS;
    NT_TRY(Close());
    NT_TRY(Protect(page, PAGE_READWRITE, &m_before));
    m_open = page;
    return STATUS_SUCCESS;
}

// A mapped image of this process, as the routines of rtl/pe reach it.
//
// Its sections are mostly read-only. A write makes a page writable, for as long as writes stay in that page; Close, or a write elsewhere,
// gives it its protection back. What is written becomes the process's own copy.
// In the books: "image loader". BOO-01, POL-09
#pragma once

#include "ntdllp.h"
#include "rtl/pe.h"

/// The image that is mapped at an address.
class LDRP_IMAGE_VIEW final : public nt::PeImage {
public:
    /// @param bytes the size of the view
    LDRP_IMAGE_VIEW(PVOID base, ULONG bytes) : PeImage(bytes), m_base(static_cast<UCHAR*>(base)) {}
    LDRP_IMAGE_VIEW(const LDRP_IMAGE_VIEW&) = delete;
    LDRP_IMAGE_VIEW& operator=(const LDRP_IMAGE_VIEW&) = delete;

    /// Gives the page that is writable now its protection back. @returns as NtProtectVirtualMemory
    NTSTATUS Close();

private:
    static constexpr ULONG NONE = ~0u;

    NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) override;
    NTSTATUS Write(ULONG offset, const void* from, ULONG bytes) override;
    NTSTATUS Protect(ULONG page, ULONG protect, ULONG* before);
    NTSTATUS Open(ULONG page);

    UCHAR* const m_base;
    ULONG m_open = NONE; ///< the page that is writable now
    ULONG m_before = 0;  ///< PAGE_* that it had
};

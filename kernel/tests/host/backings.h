// What the tests of backings share: memory with a pattern, and transfers that note their end.
#pragma once

#include "fakeframes.h"
#include "machine.h"
#include "mm/memorybacking.h"

namespace host {

/// A transfer of pages in a row to or from frames in a row, and how it ended.
struct Transfer : MM_TRANSFER {
    PFN_NUMBER FrameNumbers[MM_MAXIMUM_TRANSFER];
    ULONG Ends = 0; ///< calls of the completion routine
    KIRQL Irql = PASSIVE_LEVEL;
    std::function<void()> Then; ///< called at the end

    Transfer(bool write, ULONG page, ULONG pages, PFN_NUMBER frame) : MM_TRANSFER{} {
        Offset = ULONGLONG(page) * PAGE_SIZE;
        Pages = pages;
        Write = write;
        for (ULONG i = 0; i < MM_MAXIMUM_TRANSFER; i++)
            FrameNumbers[i] = frame + i;
        Frames = FrameNumbers;
        Completion = [](MM_TRANSFER* transfer) {
            auto* const self = static_cast<Transfer*>(transfer);
            self->Ends++;
            self->Irql = KeGetCurrentIrql();
            if (self->Then) self->Then();
        };
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    Transfer& StartOn(MM_BACKING& backing) {
        backing.Calls->Start(&backing, this);
        return *this;
    }
};

/// A memory backing of so many bytes; byte n of page p is p + n at first.
class Memory {
public:
    explicit Memory(ULONG length, bool readOnly = false) : m_bytes(length) {
        ForgetFrames();
        for (ULONG i = 0; i < length; i++)
            m_bytes[i] = UCHAR(i / PAGE_SIZE + i % PAGE_SIZE);
        MmInitializeMemoryBacking(&m_backing, m_bytes.data(), length, readOnly);
    }
    MM_BACKING& Backing() { return m_backing.Backing; }
    UCHAR* Page(ULONG page) { return &m_bytes[page * PAGE_SIZE]; }

private:
    std::vector<UCHAR> m_bytes;
    MM_MEMORY_BACKING m_backing = {};
};

} // namespace host

// The memory of the fake machine, frame by frame.
#include "fakeframes.h"

#include "mm/backing/framecopy.h"

#include <cstring>
#include <map>

namespace host {

static std::map<PFN_NUMBER, std::array<UCHAR, PAGE_SIZE>> Frames;

std::array<UCHAR, PAGE_SIZE>& Frame(PFN_NUMBER frame) { return Frames[frame]; }
void ForgetFrames() { Frames.clear(); }

} // namespace host

void MiCopyFromFrame(PVOID to, PFN_NUMBER frame, ULONG bytes) { std::memcpy(to, host::Frame(frame).data(), bytes); }
void MiCopyToFrame(PFN_NUMBER frame, const void* from, ULONG bytes) {
    std::memcpy(host::Frame(frame).data(), from, bytes);
}

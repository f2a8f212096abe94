// The memory of the fake machine, frame by frame.
#include "fakeframes.h"
#include "pagetest.h"

#include "mm/backing/framecopy.h"

#include <cstring>
#include <map>

namespace host {

using PAGE = std::array<UCHAR, PAGE_SIZE>;
static std::map<PFN_NUMBER, PAGE> HighFrames; ///< behind those that PageTest's machine has

PAGE& Frame(PFN_NUMBER frame) { return frame < Frames ? *reinterpret_cast<PAGE*>(PageOf(frame)) : HighFrames[frame]; }
void ForgetFrames() {
    HighFrames.clear();
    std::memset(PageOf(0), 0, Frames * PAGE_SIZE);
}

} // namespace host

void MiCopyFrame(PFN_NUMBER to, PFN_NUMBER from) { host::Frame(to) = host::Frame(from); }
void MiCopyFromFrame(PVOID to, PFN_NUMBER frame, ULONG bytes) { std::memcpy(to, host::Frame(frame).data(), bytes); }
void MiCopyToFrame(PFN_NUMBER frame, const void* from, ULONG bytes) {
    std::memcpy(host::Frame(frame).data(), from, bytes);
}

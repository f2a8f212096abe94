// Boot options: the loader's string, parsed once. BOO-04
#include "init/init.h"
#include "ke.h"
#include "ke/options.h"
#include "rtl.h"

extern "C" {
KLOADER_OPTIONS KeLoaderOptions;
LOADER_PARAMETER_BLOCK* KeLoaderBlock;
}

namespace {

constexpr SIZE_T VALUE_SIZE = 16;

/// The number behind `/NAME=`; `otherwise` if the option is missing or its value is not a number.
ULONG NumberOption(PCSTR options, PCSTR name, ULONG otherwise) {
    CHAR value[VALUE_SIZE];
    ULONG number;
    if (!RtlFindOption(options, name, value, sizeof value)) return otherwise;
    return NT_SUCCESS(nt::ReadNumber(value, 0, &number)) ? number : otherwise;
}

/// The pool tag behind `/NAME=`, filled up with spaces; 0 if there is none.
ULONG TagOption(PCSTR options, PCSTR name) {
    CHAR value[VALUE_SIZE];
    if (!RtlFindOption(options, name, value, sizeof value) || value[0] == 0) return 0;
    ULONG tag = 0;
    for (ULONG i = 0, at = 0; i < sizeof tag; i++) {
        const CHAR character = value[at] != 0 ? value[at++] : ' ';
        tag |= ULONG(UCHAR(character)) << 8 * i;
    }
    return tag;
}

bool HalOptionIsPic(PCSTR options) {
    CHAR value[VALUE_SIZE];
    return RtlFindOption(options, "HAL", value, sizeof value) && strcmp(value, "PIC") == 0;
}

} // namespace

void InitParseOptions(PCSTR options) {
    KeLoaderOptions = {
        .Test = RtlFindOption(options, "TEST", nullptr, 0),
        .Debug = RtlFindOption(options, "DEBUG", nullptr, 0),
        .Break = RtlFindOption(options, "BREAK", nullptr, 0),
        .ForcePic = HalOptionIsPic(options),
        .Seed = NumberOption(options, "SEED", 0),
        .PoolFailure = NumberOption(options, "POOLFAIL", 0),
        .SpecialPool = RtlFindOption(options, "SPECIALPOOL", nullptr, 0),
        .SpecialPoolTag = TagOption(options, "SPECIALPOOL"),
        .ProcessorLimit = NumberOption(options, "SMP", MAXIMUM_PROCESSORS),
        .RingRecords = NumberOption(options, "RING", 0),
    };
}

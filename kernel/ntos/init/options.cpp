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
        .ProcessorLimit = NumberOption(options, "SMP", MAXIMUM_PROCESSORS),
        .RingRecords = NumberOption(options, "RING", 0),
    };
}

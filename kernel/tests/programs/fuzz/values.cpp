// The arguments of random calls: plausible ones, so that calls get far, and hostile ones.
//
// Plausible pointers lead into a few hundred bytes, so what one argument points to overlaps what another does: a service that reads a word
// twice sees what it has written itself. In the books: "probing and capturing parameters". TRP-06
#include "fuzz.h"

#include "servicekinds.h"
#include "ntdll.h"
#include "rtl/exception.h"

namespace {

constexpr ULONG LATEST = 6;
volatile ULONG Handles[SERVICE_HANDLE_TYPES + 1]
                      [LATEST]; ///< that calls have returned lately, by type; any may be closed
constexpr ULONG THREAD = 4, PROCESS = 5, SECTION_TYPE = 6, FILE_TYPE = 7;

constexpr ULONG PAGE = 0x1000;
constexpr ULONG NO_ACCESS_ZONE = 0x7FFF0000, SHARED_DATA = 0x7FFE0000;

/// Names that objects of one type have mostly, so that they are found again; files have the last one.
constexpr ULONG OWN = 8;
constexpr const WCHAR* OWN_NAMES[OWN] = {u"\\BaseNamedObjects\\fuzz0", u"\\BaseNamedObjects\\fuzz1",
                                         u"\\BaseNamedObjects\\fuzz2", u"\\BaseNamedObjects\\fuzz3",
                                         u"\\BaseNamedObjects\\fuzz4", u"\\BaseNamedObjects\\fuzz5",
                                         u"\\BaseNamedObjects\\fuzz6", u"\\Boot\\fuzz.exe"};
ULONG Wanted; ///< type of the handle that the call gives

/// Not among them: names of the system's directories. Whoever has a handle to one may make it temporary, as long as nothing checks rights.
constexpr const WCHAR* NAMES[] = {u"\\BaseNamedObjects\\fuzz0",
                                  u"\\BaseNamedObjects\\fuzz1",
                                  u"\\BaseNamedObjects\\fuzz2",
                                  u"\\BaseNamedObjects\\fuzz3",
                                  u"\\BaseNamedObjects\\fuzz0\\fuzz1",
                                  u"\\BaseNamedObjects\\FUZZ1",
                                  u"\\BaseNamedObjects\\fuzz2\\",
                                  u"fuzz0",
                                  u"fuzz1\\fuzz2",
                                  u"\\Boot\\fuzz.exe",
                                  u"\\Boot\\ntdll.dll",
                                  u"\\Boot",
                                  u"\\Boot\\",
                                  u"\\Boot\\nothing",
                                  u"\\??\\C:\\fuzz.exe",
                                  u"\\Device\\Console",
                                  u"\\\\",
                                  u"*.exe",
                                  u"",
                                  u"\\ObjectTypes\\Event"};

ULONG AddressOf(const volatile void* pointer) { return ULONG(reinterpret_cast<ULONG_PTR>(pointer)); }
ULONG* At(ULONG address) { return reinterpret_cast<ULONG*>(ULONG_PTR(address)); }

/// Where what an argument points to lies: in a tidy call apart from the others', else in a crowd.
ULONG Tidy; ///< the next place; 0: crowded

ULONG Place(RANDOM& random, ULONG bytes = 0x60) {
    if (Tidy != 0) return (Tidy += bytes) - bytes;
    return FUZZ_ARENA + 4 * random.Below(FUZZ_CROWDED / 4);
}

ULONG Handle(RANDOM& random, ULONG type) {
    constexpr ULONG guessed[] = {0, 1, 2, 3, 0x80000000, 0x80000004, 0x80000008, 0xFFFFFFFD, 0x7FFFFFFC, 0x00FFFFFC};
    if (type == PROCESS && !random.OneIn(4)) return 0xFFFFFFFF; // the own process
    if (type == THREAD && random.OneIn(2)) return 0xFFFFFFFE;
    switch (random.Below(12)) {
    case 0: return random.Of(guessed);
    case 1: return 4 * random.Below(64);
    case 2: return Handles[random.Below(SERVICE_HANDLE_TYPES + 1)][random.Below(LATEST)];
    default:
        for (ULONG tries = 0; tries < LATEST; tries++) {
            if (const ULONG handle = Handles[type][random.Below(LATEST)]) return handle;
        }
        return 0;
    }
}
ULONG Handle(RANDOM& random) { return Handle(random, random.Below(SERVICE_HANDLE_TYPES + 1)); }

ULONG Length(RANDOM& random, bool hostile) {
    constexpr ULONG usual[] = {0,  1,  2,  4,  8,  12,  16,  20,  24,  28,   32,   36,
                               40, 44, 48, 56, 64, 100, 148, 256, 312, 1024, 4096, 0x2000};
    constexpr ULONG huge[] = {0xFFFFFFFF, 0xFFFFFFF8, 0x80000000, 0x7FFFFFFF, 0x10000, 0x5FFF0000, 0x00FFFFFF, 0xFFFF};
    if (hostile && random.OneIn(2)) return random.Of(huge);
    constexpr ULONG often[] = {4, 8, 16, 24, 40, 0x400};
    return random.OneIn(2) ? random.Of(often) : random.OneIn(2) ? 4 * random.Below(16) : random.Of(usual);
}

/// Flags, rights, types, protections.
ULONG Value(RANDOM& random) {
    constexpr ULONG usual[] = {SEC_COMMIT, SEC_RESERVE, SEC_IMAGE, FILE_SYNCHRONOUS_IO_NONALERT, FILE_DIRECTORY_FILE};
    switch (random.Below(8)) {
    case 0: return 1u << random.Below(32);
    case 1: return random.Next();
    case 2:
    case 3: return random.Of(usual);
    case 4: return random.Below(8);
    default: return 0;
    }
}

void Fill(RANDOM& random, ULONG address, ULONG words) {
    for (ULONG i = 0; i < words; i++)
        At(address)[i] = FuzzWord(random);
}

ULONG Text(RANDOM& random, ULONG address) {
    const WCHAR* const name = random.OneIn(2) ? OWN_NAMES[Wanted % OWN] : random.Of(NAMES);
    ULONG length = 0;
    while (name[length] != 0)
        length++;
    length *= sizeof(WCHAR);
    At(address)[0] = length | (length + 2) << 16;
    At(address)[1] = AddressOf(name);
    if (!random.OneIn(6)) return address;
    constexpr ULONG lengths[] = {1, 0xFFFFFFFF, 0xFFFE, 0xFFFEFFFE, 0x00020004, 0x7FFE7FFE};
    if (random.OneIn(2)) At(address)[0] = random.Of(lengths);
    if (random.OneIn(2)) At(address)[1] = FuzzBadPointer(random);
    return address;
}

ULONG Attributes(RANDOM& random) {
    constexpr ULONG most =
        OBJ_INHERIT | OBJ_PROTECT_CLOSE | OBJ_EXCLUSIVE | OBJ_CASE_INSENSITIVE | OBJ_OPENIF | OBJ_OPENLINK;
    const ULONG address = Place(random);
    ULONG* const it = At(address);
    it[0] = random.OneIn(32) ? random.Next() : 24;
    it[1] = random.OneIn(6) ? Handle(random) : 0;
    it[3] = random.OneIn(3) ? random.Next() & most : OBJ_CASE_INSENSITIVE | (random.OneIn(2) ? OBJ_OPENIF : 0);
    if (random.OneIn(16)) it[3] |= OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK;
    it[4] = random.OneIn(32) ? FuzzBadPointer(random) : 0;
    it[5] = random.OneIn(32) ? FuzzBadPointer(random) : 0;
    it[2] =
        random.OneIn(Wanted == PROCESS || Wanted == THREAD ? 1 : 4) ? 0 : Text(random, Place(random)); // it may overlap
    if (random.OneIn(24)) it[2] = FuzzBadPointer(random);
    return address;
}

ULONG Time(RANDOM& random) {
    constexpr LONGLONG times[] = {0, -1, -10'000, -100'000, 1, 0x1000, 0x10000, 0x100000};
    constexpr LONGLONG odd[] = {INT64_MIN, INT64_MAX, -0x7FFFFFFFFFFF, 0xFFFFFFFF, 0x100000000};
    const ULONG address = Place(random);
    const LONGLONG time = random.OneIn(24) ? random.Of(odd) : random.Of(times);
    At(address)[0] = ULONG(time);
    At(address)[1] = ULONG(time >> 32);
    return random.OneIn(24) ? 0 : address;
}

ULONG Base(RANDOM& random) {
    const ULONG address = Place(random);
    At(address)[0] = random.OneIn(3) ? 0 : random.OneIn(12) ? FuzzWord(random) : FUZZ_PLAY + 0x10000 * random.Below(12);
    return address;
}

ULONG Size(RANDOM& random) {
    const ULONG address = Place(random);
    At(address)[0] = random.OneIn(3) ? 0 : random.OneIn(12) ? FuzzWord(random) : PAGE * (1 + random.Below(20));
    return address;
}

ULONG Registers(RANDOM& random) {
    constexpr ULONG words = sizeof(CONTEXT) / sizeof(ULONG);
    const ULONG address = Place(random, 0x300);
    Fill(random, address, random.OneIn(2) ? words : 8);
    auto* const context = reinterpret_cast<CONTEXT*>(ULONG_PTR(address));
    context->ContextFlags = CONTEXT_FULL | (random.OneIn(2) ? random.Below(0x40) : 0);
    context->SegCs = 0x1B;
    context->SegSs = context->SegDs = context->SegEs = 0x23;
    context->SegFs = 0x3B;
    context->SegGs = 0;
    context->EFlags = 0x202;
    context->Eip = FuzzResumeAddress();
    context->Esp = FUZZ_STACK + FUZZ_STACK_BYTES - 4 * random.Below(64);
    for (ULONG wrong = random.Below(3); wrong != 0; wrong--)
        At(address)[random.OneIn(2) ? random.Below(words) : 0x8C / 4 + random.Below(16)] = FuzzWord(random);
    return address;
}

ULONG Plausible(RANDOM& random, char kind) {
    constexpr ULONG protections[] = {PAGE_READWRITE, PAGE_READWRITE, PAGE_READONLY, PAGE_EXECUTE_READWRITE,
                                     PAGE_NOACCESS,  PAGE_WRITECOPY, PAGE_EXECUTE,  PAGE_READWRITE | PAGE_GUARD};
    constexpr ULONG types[] = {
        MEM_COMMIT, MEM_RESERVE, MEM_RESERVE | MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_TOP_DOWN | MEM_RESERVE, 1, 0};
    constexpr ULONG rights[] = {MAXIMUM_ALLOWED, GENERIC_ALL, GENERIC_READ, SYNCHRONIZE, 0x1F0003, 0x1FFFFF, 1, 0};
    if (kind >= '0' && kind <= '9') return Handle(random, ULONG(kind - '0'));
    switch (kind) {
    case 'H': return Handle(random);
    case 'O': return Wanted == SECTION_TYPE ? Handle(random, FILE_TYPE) : random.OneIn(6) ? Handle(random, 0) : 0;
    case 'A': return random.OneIn(6) ? 0 : Attributes(random);
    case 'U': return random.OneIn(12) ? 0 : Text(random, Place(random));
    case 'C': return Registers(random);
    case 'L': return Time(random);
    case 'S': return Base(random);
    case 's': return Size(random);
    case 'B': return random.OneIn(2);
    case 'K': return random.OneIn(2) ? 0 : random.Below(random.OneIn(4) ? 48 : 6);
    case 'N': return Length(random, false);
    case 'V': return Value(random);
    case 'M': return random.Of(rights);
    case 'p': return random.Of(protections);
    case 't': return random.Of(types);
    case 'Z': return random.OneIn(8) ? random.Below(34) : 0;
    default: {
        const ULONG address = Place(random, 0x120);
        if (kind == 'h')
            At(address)[0] = Handle(random);
        else
            Fill(random, address, random.Below(8));
        if (kind == 'I') {
            const TEB* const teb = NtCurrentTeb();
            At(address)[0] = random.OneIn(2) ? AddressOf(teb->ClientId.UniqueProcess) : 4 * random.Below(32);
            At(address)[1] = random.OneIn(2) ? AddressOf(teb->ClientId.UniqueThread) : 0;
        }
        return kind == 'Q' && !random.OneIn(4) ? 0 : address;
    }
    }
}

ULONG Hostile(RANDOM& random, char kind) {
    switch (kind) {
    case 'H': return random.Next();
    case 'N': return Length(random, true);
    case 'h':
    case 'A':
    case 'U':
    case 'C':
    case 'L':
    case 'S':
    case 's':
    case 'I':
    case 'P':
    case 'Q': return FuzzBadPointer(random);
    default: return random.OneIn(2) ? random.Next() : FuzzWord(random);
    }
}

} // namespace

ULONG FuzzBadPointer(RANDOM& random) {
    const ULONG bad[] = {0,
                         1,
                         0x10,
                         0xFFC,
                         0xFFFF,
                         FUZZ_ARENA + 1, // odd
                         FUZZ_ARENA + 2,
                         FUZZ_ARENA_END,            // reserved
                         FUZZ_ARENA_END + PAGE,     // read-only
                         FUZZ_ARENA_END + 2 * PAGE, // guard
                         FUZZ_ARENA_END + 3 * PAGE,
                         FUZZ_PLAY + 0x10000 * random.Below(32) + PAGE * random.Below(16), // perhaps unmapped
                         SHARED_DATA,
                         SHARED_DATA + 0x300,
                         NO_ACCESS_ZONE - 4,
                         NO_ACCESS_ZONE - 1,
                         NO_ACCESS_ZONE,
                         0x7FFFFFFF,
                         0x80000000,
                         0x80100000, // the kernel
                         0xC0000000, // page tables
                         0xC0300C00,
                         0xE1000000, // paged pool
                         0xFFDFF000, // KPCR
                         0xFFFFFFFC,
                         0xFFFFFFFF,
                         FuzzResumeAddress(), // code
                         AddressOf(NAMES),    // read-only data
                         AddressOf(NtCurrentTeb()),
                         AddressOf(NtCurrentPeb()),
                         random.Next()};
    if (random.OneIn(4)) return FUZZ_ARENA_END - 1 - random.Below(24); // the page's edge
    return random.Of(bad);
}

ULONG FuzzWord(RANDOM& random) {
    switch (random.Below(9)) {
    case 0: return random.Below(16);
    case 1: return Handle(random);
    case 2: return FUZZ_PLAY + 0x1000 * random.Below(0x200);
    case 3: return Place(random);
    case 4: return PAGE * random.Below(64);
    case 5: return 1u << random.Below(32);
    case 6: return FuzzBadPointer(random);
    case 7: return random.Next();
    default: return 24;
    }
}

void FuzzLearn(RANDOM& random, ULONG type, ULONG address) {
    if (address >= FUZZ_ARENA && address < FUZZ_ARENA_END - sizeof(ULONG))
        Handles[type][random.Below(LATEST)] = *At(address);
}

void FuzzArguments(RANDOM& random, const char* kinds, ULONG gives, ULONG tidy, ULONG* words) {
    Wanted = gives;
    const bool hostile = random.OneIn(2);
    Tidy = random.OneIn(3) ? 0 : tidy;
    for (; *kinds != 0; kinds++)
        *words++ = hostile && random.OneIn(4) ? Hostile(random, *kinds) : Plausible(random, *kinds);
}

void FuzzPrepare() {
    const struct {
        ULONG Address, Bytes, Type, Protection;
    } ranges[] = {{FUZZ_ARENA, 8 * PAGE, MEM_RESERVE, PAGE_READWRITE},
                  {FUZZ_ARENA, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE},
                  {FUZZ_ARENA_END + PAGE, PAGE, MEM_COMMIT, PAGE_READONLY},
                  {FUZZ_ARENA_END + 2 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD},
                  {FUZZ_STACK, FUZZ_STACK_BYTES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE},
                  {FUZZ_PLAY, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE},
                  {FUZZ_PLAY + 0x10000, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE},
                  {FUZZ_PLAY + 0x20000, 0x20000, MEM_RESERVE, PAGE_READWRITE}};
    for (const auto& range : ranges) {
        auto* at = reinterpret_cast<PVOID>(ULONG_PTR(range.Address));
        SIZE_T bytes = range.Bytes;
        const NTSTATUS status =
            NtAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &bytes, range.Type, range.Protection);
        if (!NT_SUCCESS(status)) RtlExitUserProcess(status);
    }
    // An image that can be mapped and run.
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io;
    HANDLE file = nullptr, section = nullptr;
    RtlInitUnicodeString(&name, u"\\Boot\\fuzz.exe");
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    if (NT_SUCCESS(NtOpenFile(&file, FILE_READ_DATA | FILE_EXECUTE | SYNCHRONIZE, &attributes, &io, FILE_SHARE_READ,
                              FILE_SYNCHRONOUS_IO_NONALERT)))
        (void)NtCreateSection(&section, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_EXECUTE, SEC_IMAGE, file);
    if (!section) RtlExitUserProcess(STATUS_NOT_FOUND);
    Handles[FILE_TYPE][0] = AddressOf(file);
    Handles[SECTION_TYPE][0] = AddressOf(section);
    // One or two of each other type.
    HANDLE made[8] = {};
    LARGE_INTEGER bytes{.QuadPart = 0x8000};
    (void)NtCreateEvent(&made[0], EVENT_ALL_ACCESS, nullptr, EVENT_TYPE::NotificationEvent, TRUE);
    (void)NtCreateEvent(&made[1], EVENT_ALL_ACCESS, nullptr, EVENT_TYPE::SynchronizationEvent, TRUE);
    (void)NtCreateMutant(&made[2], MUTANT_ALL_ACCESS, nullptr, FALSE);
    (void)NtCreateSemaphore(&made[3], SEMAPHORE_ALL_ACCESS, nullptr, 5, 10);
    (void)NtCreateTimer(&made[4], TIMER_ALL_ACCESS, nullptr, TIMER_TYPE::NotificationTimer);
    (void)NtCreateSection(&made[5], SECTION_ALL_ACCESS, nullptr, &bytes, PAGE_READWRITE, SEC_COMMIT, nullptr);
    (void)NtCreateDirectoryObject(&made[6], DIRECTORY_ALL_ACCESS, nullptr);
    // Views, beside the ranges in the play.
    for (ULONG i = 4; i < 6; i++) {
        auto* view = reinterpret_cast<PVOID>(ULONG_PTR(FUZZ_PLAY + 0x10000 * i));
        SIZE_T size = 0;
        (void)NtMapViewOfSection(made[5], NtCurrentProcess(), &view, 0, 0, nullptr, &size, SECTION_INHERIT::ViewShare,
                                 0, PAGE_READWRITE);
    }
    constexpr ULONG types[] = {0, 0, 1, 2, 3, SECTION_TYPE, 8};
    for (ULONG i = 0; i < 7; i++)
        Handles[types[i]][1 + i % 3] = AddressOf(made[i]);
}

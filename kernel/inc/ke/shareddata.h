// KUSER_SHARED_DATA: the page that the kernel shares with user mode.
//
// The kernel writes it at KI_USER_SHARED_DATA; every process reads it at MM_SHARED_USER_DATA (mm/layout.h), so a program learns the
// time without a system call. A field is where the public headers have it. Those that Mica does not name a writer for are 0.
//
//     FFDF0000  writable, kernel mode  --.
//     7FFE0000  read-only, user mode   --+--> one page of memory: KiSharedUserData, in the kernel's image
//
// Invariants: the page holds nothing else, for user mode reads all of it. The times are those that KeQueryInterruptTime and
// KeQuerySystemTime tell; TickCount and its low part are those of KeTickCount.
// Locks: none for a reader (KSYSTEM_TIME's protocol); each field has one writer. IRQL: any.
// In the books: "shared user data", "system time". HAL-07, MEM-02
#pragma once

#include "ke/startup.h"
#include "nt/types.h"

/// Which product this is (documented values).
enum NT_PRODUCT_TYPE : LONG { NtProductWinNt = 1, NtProductLanManNt, NtProductServer };

/// Which design of board it is (documented values).
enum ALTERNATIVE_ARCHITECTURE_TYPE : LONG { StandardDesign, NEC98x86, EndAlternatives };

constexpr ULONG PROCESSOR_FEATURE_MAX = 64;
constexpr ULONG MAX_WOW64_SHARED_ENTRIES = 16;

/// What the kernel tells user mode. A comment names the writer.
/// shared: one writer a field, readers everywhere
struct KUSER_SHARED_DATA {
    ULONG TickCountLowDeprecated; ///< the clock: TickCount.LowPart
    ULONG TickCountMultiplier;    ///< KeSetTimeIncrement: milliseconds of a tick, times 2^24
    KSYSTEM_TIME InterruptTime;   ///< the clock: 100 ns since boot
    KSYSTEM_TIME SystemTime;      ///< the clock, KeSetSystemTime: 100 ns since 1 January 1601
    KSYSTEM_TIME TimeZoneBias;
    USHORT ImageNumberLow; ///< boot: machine types of images that run here
    USHORT ImageNumberHigh;
    WCHAR NtSystemRoot[260];
    ULONG MaxStackTraceDepth;
    ULONG CryptoExponent;
    ULONG TimeZoneId;
    ULONG LargePageMinimum; ///< boot: in bytes
    ULONG Reserved2[7];
    NT_PRODUCT_TYPE NtProductType; ///< boot
    BOOLEAN ProductTypeIsValid;
    ULONG NtMajorVersion; ///< boot: of the release whose interface this is
    ULONG NtMinorVersion;
    BOOLEAN ProcessorFeatures[PROCESSOR_FEATURE_MAX]; ///< boot, by PF_* (ex/features.h)
    ULONG Reserved1;
    ULONG Reserved3;
    volatile ULONG TimeSlip;
    ALTERNATIVE_ARCHITECTURE_TYPE AlternativeArchitecture;
    ULONG AltArchitecturePad[1];
    LARGE_INTEGER SystemExpirationDate;
    ULONG SuiteMask;
    BOOLEAN KdDebuggerEnabled;
    UCHAR NXSupportPolicy;
    volatile ULONG ActiveConsoleId;
    volatile ULONG DismountCount;
    ULONG ComPlusPackage;
    ULONG LastSystemRITEventTickCount;
    ULONG NumberOfPhysicalPages; ///< mm, phase 0
    BOOLEAN SafeBootMode;
    ULONG TraceLogging;
    ULONG DataFlagsPad[1];
    ULONGLONG TestRetInstruction;
    ULONG SystemCall;
    ULONG SystemCallReturn;
    ULONGLONG SystemCallPad[3];
    union {
        KSYSTEM_TIME TickCount; ///< the clock
        volatile ULONGLONG TickCountQuad;
    };
    ULONG Cookie;
    ULONG CookiePad[1];
    LONGLONG ConsoleSessionForegroundProcessId;
    ULONG Wow64SharedInformation[MAX_WOW64_SHARED_ENTRIES];
};
PUBLIC_SIZE(KUSER_SHARED_DATA, 0x380);
PUBLIC_OFFSET(KUSER_SHARED_DATA, TickCount, 0x320);

constexpr ULONG_PTR KI_USER_SHARED_DATA = 0xFFDF0000;
/// Where the kernel and drivers have it, from phase 0 of the memory manager on.
inline KUSER_SHARED_DATA* const SharedUserData = reinterpret_cast<KUSER_SHARED_DATA*>(KI_USER_SHARED_DATA);

extern "C" {
/// The same page in the kernel's image, from the first instruction on. The memory manager gives it its other addresses.
extern KUSER_SHARED_DATA KiSharedUserData;
}

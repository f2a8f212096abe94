// The images of user mode: the kernel finds what it calls in ntdll.dll, and a program that the loader has bound runs to its end.
//
// The test itself is the process's creator here: it maps both images, makes PEB, TEB and stack, and lets the thread begin as the
// first user APC of a new thread does, in KiUserApcDispatcher.
// machine: file=ntdll.dll file=hello.exe file=loads.exe file=first.dll file=second.dll file=third.dll
// SYS-01, PRC-04, BOO-01
#include "attached.h"
#include "ke/service.h"
#include "ke/usermode.h"
#include "ldr/bootfiles.h"
#include "mm/section.h"
#include "ntimage.h"
#include "ps/peb.h"
#include "rtl/string.h"

#include "guest_main.h"

namespace {

constexpr ULONG SYSTEM_LIBRARY_BASE = 0x7C900000;
constexpr NTSTATUS PROGRAM_PASSED = static_cast<NTSTATUS>(0x600D); ///< kernel/tests/programs/check.h
constexpr ULONG PROCESSORS = 7;                                    ///< that the process is told

/// A boot file's image, mapped into the current process.
class USER_IMAGE {
public:
    USER_IMAGE(EPROCESS* process, PCWSTR text) {
        UNICODE_STRING name;
        RtlInitUnicodeString(&name, text);
        MM_BACKING* file = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, LdrOpenBootFile(&name, &file));
        GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&m_section, file, 0, PAGE_EXECUTE, SEC_IMAGE));
        MmDereferenceBacking(file);
        GUEST_EQUAL(STATUS_SUCCESS, MmMapViewOfSection(m_section, process, &m_base, 0, 0, nullptr, &m_size, ViewUnmap,
                                                       0, PAGE_READONLY));
    }
    ~USER_IMAGE() { MmCloseSection(m_section); }
    USER_IMAGE(const USER_IMAGE&) = delete;
    USER_IMAGE& operator=(const USER_IMAGE&) = delete;

    [[nodiscard]] PVOID Base() const { return m_base; }
    [[nodiscard]] ULONG EntryPoint() const {
        SECTION_IMAGE_INFORMATION information;
        GUEST_EQUAL(STATUS_SUCCESS, MmQueryImageSection(m_section, &information));
        return ULONG(reinterpret_cast<ULONG_PTR>(information.TransferAddress));
    }
    /// The address of an export; 0: there is none.
    [[nodiscard]] ULONG Export(PCSTR name) const {
        const auto& nt = At<IMAGE_NT_HEADERS>(At<IMAGE_DOS_HEADER>(0).e_lfanew);
        const auto& exports =
            At<IMAGE_EXPORT_DIRECTORY>(nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress);
        for (ULONG i = 0; i < exports.NumberOfNames; i++) {
            if (strcmp(&At<CHAR>((&At<ULONG>(exports.AddressOfNames))[i]), name) != 0) continue;
            const USHORT function = (&At<USHORT>(exports.AddressOfNameOrdinals))[i];
            return ULONG(reinterpret_cast<ULONG_PTR>(m_base)) + (&At<ULONG>(exports.AddressOfFunctions))[function];
        }
        return 0;
    }

private:
    template <typename T> const T& At(ULONG offset) const {
        return *reinterpret_cast<const T*>(static_cast<UCHAR*>(m_base) + offset);
    }

    SECTION* m_section = nullptr;
    PVOID m_base = nullptr;
    SIZE_T m_size = 0;
};

/// Sections that the loader finds as \\KnownDlls\\NAME, made of boot files.
class KNOWN_DLLS {
public:
    ~KNOWN_DLLS() {
        for (ULONG i = 0; i < m_count; i++)
            GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_handles[i]));
    }
    KNOWN_DLLS() = default;
    KNOWN_DLLS(const KNOWN_DLLS&) = delete;
    KNOWN_DLLS& operator=(const KNOWN_DLLS&) = delete;

    void Add(PCWSTR known, PCWSTR fileName) {
        UNICODE_STRING name;
        RtlInitUnicodeString(&name, fileName);
        MM_BACKING* file = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, LdrOpenBootFile(&name, &file));
        RtlInitUnicodeString(&name, known);
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, nullptr, nullptr);
        PVOID section = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, MmCreateSection(&section, SECTION_ALL_ACCESS, &attributes, nullptr, PAGE_EXECUTE,
                                                    SEC_IMAGE, nullptr, file));
        MmDereferenceBacking(file);
        GUEST_EQUAL(STATUS_SUCCESS,
                    ObInsertObject(section, nullptr, SECTION_ALL_ACCESS, 0, nullptr, &m_handles[m_count++]));
    }

private:
    HANDLE m_handles[8] = {};
    ULONG m_count = 0;
};

void SetEntryPoints(const USER_IMAGE& library) {
    const KUSER_ENTRY_POINTS points = {
        .KiUserApcDispatcher = library.Export("KiUserApcDispatcher"),
        .KiUserExceptionDispatcher = library.Export("KiUserExceptionDispatcher"),
        .KiRaiseUserExceptionDispatcher = library.Export("KiRaiseUserExceptionDispatcher"),
        .KiFastSystemCall = library.Export("KiFastSystemCall"),
        .KiIntSystemCall = library.Export("KiIntSystemCall"),
        .KiFastSystemCallRet = library.Export("KiFastSystemCallRet"),
    };
    const ULONG_PTR each[] = {
        points.KiUserApcDispatcher, points.KiUserExceptionDispatcher, points.KiRaiseUserExceptionDispatcher,
        points.KiFastSystemCall,    points.KiIntSystemCall,           points.KiFastSystemCallRet};
    for (const ULONG_PTR point : each)
        GUEST_TRUE(point > SYSTEM_LIBRARY_BASE);
    KeSetUserEntryPoints(&points);
}

/// What KiUserApcDispatcher finds on its stack.
struct FIRST_APC {
    ULONG NormalRoutine, NormalContext, SystemArgument1, SystemArgument2;
    CONTEXT Context;
};

/// Runs a program in a process of its own. @returns the status that its thread ended with
NTSTATUS Run(PCWSTR program) {
    ATTACHED_PROCESS process;
    const USER_IMAGE library(process.Get(), u"ntdll.dll"), image(process.Get(), program);
    GUEST_EQUAL(SYSTEM_LIBRARY_BASE, ULONG(reinterpret_cast<ULONG_PTR>(library.Base())));
    SetEntryPoints(library);

    auto* const peb = reinterpret_cast<PEB*>(Allocate(1));
    peb->ImageBaseAddress = image.Base();
    peb->NumberOfProcessors = PROCESSORS;
    auto* const teb = reinterpret_cast<TEB*>(Allocate(1));
    constexpr SIZE_T reserve = 256 * 1024;
    PVOID stack = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateUserStack(reserve, 8 * PAGE_SIZE, &stack));
    teb->NtTib.ExceptionList = reinterpret_cast<EXCEPTION_REGISTRATION_RECORD*>(~ULONG_PTR(0));
    teb->NtTib.StackBase = stack;
    teb->NtTib.StackLimit = static_cast<UCHAR*>(stack) - 8 * PAGE_SIZE;
    teb->NtTib.Self = &teb->NtTib;
    teb->DeallocationStack = static_cast<UCHAR*>(stack) - reserve;
    teb->ProcessEnvironmentBlock = peb;

    auto* const first = static_cast<FIRST_APC*>(stack) - 1;
    first->NormalRoutine = library.Export("LdrInitializeThunk");
    first->NormalContext = ULONG(reinterpret_cast<ULONG_PTR>(&first->Context));
    first->SystemArgument1 = ULONG(reinterpret_cast<ULONG_PTR>(library.Base()));
    first->SystemArgument2 = 0;
    first->Context = {};
    first->Context.ContextFlags = CONTEXT_FULL;
    first->Context.Eip = library.Export("RtlUserThreadStart");
    first->Context.Eax = image.EntryPoint();
    first->Context.Ebx = ULONG(reinterpret_cast<ULONG_PTR>(peb));
    first->Context.Esp = ULONG(reinterpret_cast<ULONG_PTR>(first)) - 64;

    CONTEXT start{};
    start.Eip = library.Export("KiUserApcDispatcher");
    start.Esp = ULONG(reinterpret_cast<ULONG_PTR>(first));
    PETHREAD thread = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PspStartUserThread(&thread, process.Get(), "Program", 8, &start, teb));
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    const NTSTATUS status = thread->ExitStatus;
    PsDereferenceThread(thread);
    constexpr KUSER_ENTRY_POINTS none{};
    KeSetUserEntryPoints(&none); // as at boot, for the next test
    return status;
}

} // namespace

// Its status is what it finds in its PEB, as its import's call went well.
GUEST_TEST(HelloRunsToItsEnd) { GUEST_EQUAL(static_cast<NTSTATUS>(PROCESSORS), Run(u"hello.exe")); }

// BOO-03: names, ordinals, forwarders, DllMains, run-time loading; two of the DLLs have to move
GUEST_TEST(LoaderLoadsWhatProgramsImport) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\first.dll", u"first.dll");
    known.Add(u"\\KnownDlls\\second.dll", u"second.dll");
    known.Add(u"\\KnownDlls\\third.dll", u"third.dll");
    GUEST_EQUAL(PROGRAM_PASSED, Run(u"loads.exe"));
}

// A DLL of a DLL is missing.
GUEST_TEST(MissingDllIsTheExitStatus) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\first.dll", u"first.dll");
    GUEST_EQUAL(STATUS_DLL_NOT_FOUND, Run(u"loads.exe"));
}

// What is called second.dll is another one.
GUEST_TEST(MissingRoutineIsTheExitStatus) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\first.dll", u"first.dll");
    known.Add(u"\\KnownDlls\\second.dll", u"third.dll");
    GUEST_EQUAL(STATUS_ENTRYPOINT_NOT_FOUND, Run(u"loads.exe"));
}

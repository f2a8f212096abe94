// Programs that try ntdll.dll and kernel32.dll out: each is started as the kernel starts its first process, and says with its status how
// it went (kernel/tests/programs/check.h).
// machine: file=ntdll.dll file=kernel32.dll file=loads.exe file=first.dll file=second.dll file=third.dll file=threads.exe file=exceptions.exe file=crashes.exe file=tls.exe file=exits.exe file=lonely.exe file=winbase.exe file=spawns.exe file=heirs.exe file=crowded.exe file=locks.exe file=interrupted.exe
// SYS-01, PRC-04, BOO-01
#include "ldr/bootfiles.h"
#include "mm/section.h"
#include "ob/sync.h"
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr NTSTATUS PROGRAM_PASSED = static_cast<NTSTATUS>(0x600D); ///< kernel/tests/programs/check.h

/// Sections that the loader finds as \KnownDlls\NAME, made of boot files.
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

/// Runs a program. @returns its exit status
NTSTATUS Run(PCWSTR name, PCWSTR commandLine) {
    UNICODE_STRING text, line;
    RtlInitUnicodeString(&text, name);
    RtlInitUnicodeString(&line, commandLine);
    HANDLE handle = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PsCreateInitialUserProcess(&text, &line, &handle));
    nt::ObjectRef<EPROCESS> process;
    GUEST_EQUAL(STATUS_SUCCESS, process.Open(handle, 0, PsProcessType, KernelMode));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(handle, FALSE, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    return process->ExitStatus;
}

NTSTATUS Run(PCWSTR name) { return Run(name, name); }

} // namespace

extern "C" {
NTEXPORT WCHAR RunProgramName[32], RunProgramLine[256]; ///< which the host writes
/// For the host (kernel/tests/mingw): runs a program that is a boot file, with DLLs that are. @returns its exit status
NTEXPORT NTSTATUS NTAPI RunProgram() {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\kernel32.dll", u"kernel32.dll");
    known.Add(u"\\KnownDlls\\msvcrt.dll", u"msvcrt.dll");
    return Run(RunProgramName, RunProgramLine);
}
}

// BOO-03: names, ordinals, forwarders, DllMains, run-time loading; two of the DLLs have to move
GUEST_TEST(LoaderLoadsWhatProgramsImport) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\first.dll", u"first.dll");
    known.Add(u"\\KnownDlls\\second.dll", u"second.dll");
    known.Add(u"\\KnownDlls\\third.dll", u"third.dll");
    GUEST_EQUAL(PROGRAM_PASSED, Run(u"loads.exe"));
}

// It is neither a section nor a file.
GUEST_TEST(MissingDllIsTheExitStatus) { GUEST_EQUAL(STATUS_DLL_NOT_FOUND, Run(u"lonely.exe")); }

// What is called second.dll is another one.
GUEST_TEST(MissingRoutineIsTheExitStatus) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\first.dll", u"first.dll");
    known.Add(u"\\KnownDlls\\second.dll", u"third.dll");
    GUEST_EQUAL(STATUS_ENTRYPOINT_NOT_FOUND, Run(u"loads.exe"));
}

// PRC-07, DSP-22
GUEST_TEST(ThreadsShareCriticalSections) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\second.dll", u"second.dll");
    GUEST_EQUAL(PROGRAM_PASSED, Run(u"threads.exe"));
}

// PRC-08: each thread has its copy; callbacks run before and after
GUEST_TEST(ThreadLocalVariablesAreEachThreadsOwn) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"tls.exe")); }

// PRC-12: its threads hold locks at that moment
GUEST_TEST(ProcessEndsInTheMiddleOfItsThreads) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\third.dll", u"third.dll"); // second.dll comes from its file
    GUEST_EQUAL(PROGRAM_PASSED, Run(u"exits.exe"));
}

// BOO-04: without sections that were made before, the loader opens the files
GUEST_TEST(LoaderFindsDllsAmongTheBootFiles) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"loads.exe")); }

// DSP-22
GUEST_TEST(SlimLocksAndConditionVariablesMeetAtKeyedEvents) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"locks.exe")); }

// EXC-01..04
GUEST_TEST(ExceptionsFindTheirHandlers) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"exceptions.exe")); }

// EXC-04
GUEST_TEST(UnhandledExceptionEndsTheProcessWithItsCode) { GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Run(u"crashes.exe")); }

// SYS-01, PRC-13, OBJ-13: the names of kernel32 are the subsystem's; each of its objects is one of the executive
GUEST_TEST(Kernel32DoesWhatItsNamesSay) {
    KNOWN_DLLS known;
    known.Add(u"\\KnownDlls\\kernel32.dll", u"kernel32.dll");
    known.Add(u"\\KnownDlls\\second.dll", u"second.dll");
    GUEST_EQUAL(PROGRAM_PASSED, Run(u"winbase.exe"));
}

// SYS-05
GUEST_TEST(ControlCThatNobodyHandlesEndsTheProcess) {
    GUEST_EQUAL(static_cast<NTSTATUS>(static_cast<LONG>(0xC000013A)), Run(u"interrupted.exe"));
}

// PRC-05, PRC-13
GUEST_TEST(ProgramsStartPrograms) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"spawns.exe")); }

// OBJ-07, PRC-05
GUEST_TEST(ProgramsInheritHandles) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"heirs.exe")); }

// PRC-05, BOO-03: its base is ntdll.dll's
GUEST_TEST(AProgramWhoseBaseIsTakenIsRelocated) { GUEST_EQUAL(PROGRAM_PASSED, Run(u"crowded.exe")); }

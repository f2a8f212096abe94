// A program of the boot list, with the real ntdll.dll, as the kernel starts its first process.
// machine: file=ntdll.dll file=hello.exe
// PRC-16, ARC-15, SYS-03
#include "ob/sync.h"
#include "ps.h"
#include "ps/services.h"

#include "guest_main.h"

namespace {

NTSTATUS Start(PCWSTR name, HANDLE* process) {
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    return PsCreateInitialUserProcess(&text, &text, process);
}

} // namespace

// BOO-05: the kernel has mapped ntdll at boot, and starts the process in it.
// hello.exe ends with the number of processors that it finds in its PEB, once its imports are bound and a service has answered.
GUEST_TEST(TheKernelStartsHello) {
    HANDLE handle = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, Start(u"hello.exe", &handle));
    nt::ObjectRef<EPROCESS> process;
    GUEST_EQUAL(STATUS_SUCCESS, process.Open(handle, 0, PsProcessType, KernelMode));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(handle, FALSE, nullptr));
    GUEST_EQUAL(static_cast<NTSTATUS>(KeNumberProcessors), process->ExitStatus);
    GUEST_EQUAL(0, strcmp(process->ImageFileName, "hello.exe"));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
}

GUEST_TEST(AProgramThatIsNotThereIsNotStarted) {
    HANDLE handle = nullptr;
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Start(u"nothing.exe", &handle));
}

/* What the drivers of ring abi share: checks, canaries round every structure, threads, lines for the host.
 *
 * A driver is one source that defines Run(). It sees the public headers and nothing of Mica: no layout, no name, no
 * constant but theirs. */
#include <ntddk.h>

#define STRING_OF(x) #x
#define TEXT_OF(x) STRING_OF(x)
#define CHECK(expression) Check(!!(expression), __FILE__ ":" TEXT_OF(__LINE__) ": " #expression)
#define TAG 'ibaM'
#define MILLISECONDS(n) (-10000LL * (n))

static volatile LONG Checks, Failures;

static void Check(int ok, const char* what) {
    InterlockedIncrement(&Checks);
    if (!ok && InterlockedIncrement(&Failures) <= 8) DbgPrint("ABI FAILED %s\n", what);
}

/* ---- canaries: eight words before and behind each structure --------------------------------------------------- */
#define CANARY 0xA5C3F00Du
#define WORDS 8
struct Range {
    ULONG* Words;
    const char* Name;
};
static struct Range Ranges[256];
static ULONG RangeCount;

/* A structure of its own, with canaries: use it as name.It. */
#define GUARDED(type, name)  \
    static struct {          \
        ULONG Before[WORDS]; \
        type It;             \
        ULONG Behind[WORDS]; \
    } name
#define GUARD(name)                            \
    do {                                       \
        Arm((name).Before, #name " (before)"); \
        Arm((name).Behind, #name " (behind)"); \
    } while (0)

static void Arm(ULONG* words, const char* name) {
    int i;
    for (i = 0; i < WORDS; i++)
        words[i] = CANARY;
    Ranges[RangeCount].Words = words;
    Ranges[RangeCount++].Name = name;
}

static void CheckCanaries(void) {
    ULONG i, j;
    for (i = 0; i < RangeCount; i++) {
        for (j = 0; j < WORDS; j++) {
            if (Ranges[i].Words[j] == CANARY) continue;
            DbgPrint("ABI overrun: %s, word %u is %08x\n", Ranges[i].Name, j, Ranges[i].Words[j]);
            Check(0, "a canary was written over");
            break;
        }
        Check(1, "");
    }
}

/* ---- threads --------------------------------------------------------------------------------------------------- */
static PVOID StartThread(PKSTART_ROUTINE routine, PVOID context) {
    HANDLE handle = NULL;
    PVOID thread = NULL;
    CHECK(NT_SUCCESS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, context)));
    CHECK(NT_SUCCESS(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, &thread, NULL)));
    CHECK(ZwClose(handle) == STATUS_SUCCESS);
    return thread;
}

static void EndThread(PVOID thread) {
    CHECK(KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL) == STATUS_SUCCESS);
    ObDereferenceObject(thread);
}

static NTSTATUS WaitFor(PVOID object, LONGLONG timeout) {
    LARGE_INTEGER time;
    time.QuadPart = timeout;
    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &time);
}

static void Sleep(LONGLONG milliseconds) {
    LARGE_INTEGER time;
    time.QuadPart = MILLISECONDS(milliseconds);
    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static void Run(void);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
    UNREFERENCED_PARAMETER(driver);
    UNREFERENCED_PARAMETER(path);
    Run();
    CheckCanaries();
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    DbgPrint("ABI %s: %d checks, %d failed\n", __BASE_FILE__, Checks, Failures);
    return STATUS_SUCCESS;
}

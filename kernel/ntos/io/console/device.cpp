// \Device\Console: text that programs write, lines that they read.
//
// Programs know it as CON, CONIN$ and CONOUT$. Text is UTF-8. It goes where the kernel's own goes, to COM1 and the screen.
// In the books: "console windows". SYS-05, IOM-03
#include "io/console/console.h"
#include "kd.h"

namespace {

constexpr ULONG PIECE = 128; ///< bytes that are printed as one piece
constexpr CONSOLE_SIZE SIZE = {80, 25};

NTSTATUS NTAPI Open(FILE_OBJECT* file, IO_OPEN* open) {
    if (file->FileName.Length != 0) return STATUS_OBJECT_NAME_NOT_FOUND;
    open->Information = FILE_OPENED; // whatever was to be done with an old file
    return STATUS_SUCCESS;
}

void NTAPI Cleanup(FILE_OBJECT* file, EPROCESS* process) { IopForgetControlEvents(file, process); }
void NTAPI Close(FILE_OBJECT* file) { IopForgetControlEvents(file, nullptr); }

void NTAPI Describe(FILE_OBJECT*, IO_FILE_DESCRIPTION* description) {
    description->Attributes = FILE_ATTRIBUTE_NORMAL;
    description->IsStream = true;
}

NTSTATUS NTAPI Read(FILE_OBJECT* file, IO_TRANSFER* transfer) {
    UCHAR text[PIECE];
    bool endOfFile;
    if (transfer->Length == 0) return STATUS_SUCCESS;
    NT_TRY(RtlProbeCaller(transfer->Mode, transfer->Buffer, transfer->Length, 1));
    const ULONG room = transfer->Length < PIECE ? transfer->Length : PIECE;
    ULONG bytes;
    const NTSTATUS status = IopReadConsole(file, transfer->Mode, text, room, &bytes, &endOfFile);
    if (status != STATUS_SUCCESS) return status;
    if (endOfFile) return STATUS_END_OF_FILE;
    NT_TRY(RtlTellCaller(transfer->Mode, transfer->Buffer, text, bytes));
    transfer->Information = bytes;
    return STATUS_SUCCESS;
}

/// Prints bytes: a line's end is LF or CR LF, and the bytes that text cannot have are left out.
void Print(const CHAR* bytes, ULONG count) {
    CHAR text[PIECE + 1];
    ULONG length = 0;
    for (ULONG i = 0; i < count; i++) {
        const bool partOfEnd = bytes[i] == '\r' && i + 1 < count && bytes[i + 1] == '\n';
        if (bytes[i] != 0 && !partOfEnd) text[length++] = bytes[i];
    }
    text[length] = 0;
    KdPrintText(text);
}

NTSTATUS NTAPI Write(FILE_OBJECT*, IO_TRANSFER* transfer) {
    CHAR piece[PIECE];
    const auto* from = static_cast<const CHAR*>(transfer->Buffer);
    while (transfer->Information < transfer->Length) {
        const ULONG left = transfer->Length - transfer->Information;
        ULONG bytes = left < PIECE ? left : PIECE;
        NT_TRY(RtlCaptureFromCaller(transfer->Mode, piece, from, bytes, 1));
        if (bytes < left && piece[bytes - 1] == '\r') bytes--; // perhaps a line's end: not torn
        Print(piece, bytes);
        from += bytes;
        transfer->Information += bytes;
    }
    return STATUS_SUCCESS;
}

NTSTATUS Answer(IO_CONTROL* control, const void* answer, ULONG bytes) {
    if (control->OutputLength < bytes) return STATUS_BUFFER_TOO_SMALL;
    NT_TRY(RtlProbeCaller(control->Mode, control->Output, bytes, 1));
    NT_TRY(RtlTellCaller(control->Mode, control->Output, answer, bytes));
    control->Information = bytes;
    return STATUS_SUCCESS;
}

NTSTATUS Question(const IO_CONTROL* control, PVOID question, ULONG bytes) {
    if (control->InputLength < bytes) return STATUS_BUFFER_TOO_SMALL;
    return RtlCaptureFromCaller(control->Mode, question, control->Input, bytes, 1);
}

NTSTATUS SetControlEvent(FILE_OBJECT* file, const IO_CONTROL* control) {
    HANDLE handle;
    NT_TRY(Question(control, &handle, sizeof(handle)));
    PVOID event = nullptr;
    if (handle)
        NT_TRY(
            ObReferenceObjectByHandle(handle, EVENT_MODIFY_STATE, ExEventObjectType, control->Mode, &event, nullptr));
    return IopSetControlEvent(file, static_cast<PKEVENT>(event));
}

NTSTATUS AnswerHandlesControl(IO_CONTROL* control) {
    HANDLE processId;
    NT_TRY(Question(control, &processId, sizeof(processId)));
    const ULONG handles = IopHandlesControl(processId);
    return Answer(control, &handles, sizeof(handles));
}

NTSTATUS NTAPI Control(FILE_OBJECT* file, IO_CONTROL* control) {
    ULONG mode;
    switch (control->Code) {
    case IOCTL_CONSOLE_GET_MODE: mode = IopConsoleMode(); return Answer(control, &mode, sizeof(mode));
    case IOCTL_CONSOLE_SET_MODE: NT_TRY(Question(control, &mode, sizeof(mode))); return IopSetConsoleMode(mode);
    case IOCTL_CONSOLE_GET_SIZE: return Answer(control, &SIZE, sizeof(SIZE));
    case IOCTL_CONSOLE_SET_CONTROL_EVENT: return SetControlEvent(file, control);
    case IOCTL_CONSOLE_HANDLES_CONTROL: return AnswerHandlesControl(control);
    case IOCTL_CONSOLE_GENERATE_CONTROL: IopSignalControlEvents(); return STATUS_SUCCESS;
    default: return STATUS_INVALID_DEVICE_REQUEST;
    }
}

constexpr IO_DEVICE_CALLS ConsoleCalls = {.Open = Open,
                                          .Cleanup = Cleanup,
                                          .Close = Close,
                                          .Describe = Describe,
                                          .Read = Read,
                                          .Write = Write,
                                          .Entry = nullptr,
                                          .Control = Control};

} // namespace

extern "C" BOOLEAN NTAPI IoInitConsole() {
    IopInitializeConsoleInput();
    IopInitializeConsolePort();
    return NT_SUCCESS(IoCreateFileDevice(u"\\Device\\Console", u"\\??\\CON", &ConsoleCalls, FILE_DEVICE_CONSOLE, 0)) &&
           NT_SUCCESS(IopMakeLink(u"\\??\\CONIN$", u"\\Device\\Console")) &&
           NT_SUCCESS(IopMakeLink(u"\\??\\CONOUT$", u"\\Device\\Console"));
}

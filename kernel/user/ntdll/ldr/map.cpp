// Where images come from: sections that the system has made before, and files. Contract: ldrp.h.
//
//     \KnownDlls\NAME   a section: the image is read and checked already
//     \Boot\NAME        a file: a section is made of it
//
// In the books: "image loader: known DLLs". BOO-04
#include "ldr/ldrp.h"

#include "io/services.h"

namespace {

constexpr ULONG PATH_LENGTH = LDRP_NAME_SIZE + 16; ///< characters

/// An object's name and the attributes that open it.
class OBJECT_NAME {
public:
    OBJECT_NAME(PCWSTR directory, PCSTR name) {
        m_name = {0, sizeof(m_text), m_text};
        (void)RtlAppendUnicodeToString(&m_name, directory);
        STRING narrow;
        RtlInitString(&narrow, name);
        UNICODE_STRING rest = {0, USHORT(sizeof(m_text) - m_name.Length), m_text + m_name.Length / sizeof(WCHAR)};
        if (NT_SUCCESS(RtlAnsiStringToUnicodeString(&rest, &narrow, FALSE)))
            m_name.Length = USHORT(m_name.Length + rest.Length);
        InitializeObjectAttributes(&m_attributes, &m_name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    }
    OBJECT_NAME(const OBJECT_NAME&) = delete;
    OBJECT_NAME& operator=(const OBJECT_NAME&) = delete;

    OBJECT_ATTRIBUTES* Attributes() { return &m_attributes; }

private:
    WCHAR m_text[PATH_LENGTH];
    UNICODE_STRING m_name;
    OBJECT_ATTRIBUTES m_attributes;
};

NTSTATUS OpenKnown(PCSTR name, HANDLE* section) {
    OBJECT_NAME known(u"\\KnownDlls\\", name);
    return NtOpenSection(section, SECTION_MAP_READ | SECTION_MAP_WRITE | SECTION_MAP_EXECUTE | SECTION_QUERY,
                         known.Attributes());
}

NTSTATUS OpenFileSection(PCSTR name, HANDLE* section) {
    OBJECT_NAME path(u"\\Boot\\", name);
    IO_STATUS_BLOCK io;
    HANDLE file = nullptr;
    NT_TRY(NtOpenFile(&file, FILE_EXECUTE | FILE_READ_DATA | SYNCHRONIZE, path.Attributes(), &io, FILE_SHARE_READ,
                      FILE_SYNCHRONOUS_IO_NONALERT));
    const NTSTATUS status =
        NtCreateSection(section, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_EXECUTE, SEC_IMAGE, file);
    (void)NtClose(file);
    return status;
}

bool IsMissing(NTSTATUS status) {
    return status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND ||
           status == STATUS_OBJECT_NAME_INVALID;
}

} // namespace

NTSTATUS LdrpMapDll(PCSTR name, PVOID* base, SIZE_T* viewSize) {
    HANDLE section = nullptr;
    if (!NT_SUCCESS(OpenKnown(name, &section))) {
        const NTSTATUS status = OpenFileSection(name, &section);
        if (IsMissing(status)) return STATUS_DLL_NOT_FOUND;
        NT_TRY(status);
    }
    *base = nullptr;
    *viewSize = 0;
    const NTSTATUS status =
        NtMapViewOfSection(section, NtCurrentProcess(), base, 0, 0, nullptr, viewSize, ViewShare, 0, PAGE_EXECUTE);
    (void)NtClose(section);
    return status;
}

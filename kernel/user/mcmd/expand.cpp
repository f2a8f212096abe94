// Variables in a line: %NAME% becomes the variable's value. A name that is no variable stays as it is.
#include "mcmd.h"

namespace {

constexpr WCHAR MARK = u'%';

/// The value of a variable. @param value receives it, with its MaximumLength as the room
NTSTATUS ValueOf(UNICODE_STRING name, PUNICODE_STRING value) {
    UNICODE_STRING status;
    RtlInitUnicodeString(&status, u"STATUS");
    if (!RtlEqualUnicodeString(&name, &status, TRUE)) return RtlQueryEnvironmentVariable_U(nullptr, &name, value);
    return RtlIntegerToUnicodeString(ULONG(Mcmd.LastStatus), 16, value);
}

/// How far it is to the next mark. @returns the length of the rest, if there is none
ULONG ToMark(const UNICODE_STRING& text, ULONG from) {
    const ULONG length = text.Length / sizeof(WCHAR);
    ULONG at = from;
    while (at < length && text.Buffer[at] != MARK)
        at++;
    return at - from;
}

UNICODE_STRING Part(const UNICODE_STRING& text, ULONG from, ULONG count) {
    const auto bytes = USHORT(count * sizeof(WCHAR));
    return {bytes, bytes, text.Buffer + from};
}

} // namespace

NTSTATUS McmdExpand(const UNICODE_STRING& line, MCMD_TEXT* expanded) {
    const ULONG length = line.Length / sizeof(WCHAR);
    UNICODE_STRING& to = expanded->String;
    to = {0, sizeof(expanded->Characters), expanded->Characters};
    for (ULONG at = 0; at < length;) {
        const ULONG plain = ToMark(line, at);
        UNICODE_STRING part = Part(line, at, plain);
        NT_TRY(RtlAppendUnicodeStringToString(&to, &part));
        at += plain;
        if (at == length) break;
        const ULONG name = ToMark(line, at + 1);
        UNICODE_STRING value = {0, USHORT(to.MaximumLength - to.Length), to.Buffer + to.Length / sizeof(WCHAR)};
        if (at + 1 + name < length && name != 0) {
            const NTSTATUS status = ValueOf(Part(line, at + 1, name), &value);
            if (status == STATUS_BUFFER_TOO_SMALL) return status;
            if (NT_SUCCESS(status)) {
                to.Length = USHORT(to.Length + value.Length);
                at += name + 2;
                continue;
            }
        }
        part = Part(line, at++, 1); // a mark of its own
        NT_TRY(RtlAppendUnicodeStringToString(&to, &part));
    }
    return STATUS_SUCCESS;
}

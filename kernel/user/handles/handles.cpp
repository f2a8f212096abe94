// handles [ID]: the handles of a process: value, access, type, name of the object.
//
// It tries one value after the other: a handle that can be copied into this process is one. The copy tells of the object. The process goes on
// meanwhile, so a handle may come or go while this looks.
// In the books: "handle table", "object header". OBJ-06, OBJ-04
#include "user/processlist.h"
#include "user/program.h"

#include "ps/information.h"

namespace {

constexpr ULONG STEP = 4, HIGHEST = 0x40000; ///< values of handles: multiples of 4; no tool waits longer

/// A structure with a string, and room for its text.
template <typename T> union WITH_TEXT {
    T Information;
    UCHAR Bytes[600];
};

/// Tells of an object by a handle of this process.
void Tell(ULONG value, HANDLE copy, ACCESS_MASK access) {
    WITH_TEXT<OBJECT_TYPE_INFORMATION> type = {};
    WITH_TEXT<OBJECT_NAME_INFORMATION> name = {};
    ULONG length;
    (void)NtQueryObject(copy, OBJECT_INFORMATION_CLASS::ObjectTypeInformation, &type, sizeof(type), &length);
    (void)NtQueryObject(copy, OBJECT_INFORMATION_CLASS::ObjectNameInformation, &name, sizeof(name), &length);
    nt::Print("%6x  %08x  %-14wZ %wZ\n", value, access, &type.Information.TypeName, &name.Information.Name);
}

/// @returns whether the process has a handle of this value
bool Look(HANDLE process, ULONG value) {
    HANDLE copy;
    if (!NT_SUCCESS(NtDuplicateObject(process, reinterpret_cast<HANDLE>(ULONG_PTR(value)), NtCurrentProcess(), &copy, 0,
                                      0, DUPLICATE_SAME_ACCESS)))
        return false;
    OBJECT_BASIC_INFORMATION basic = {};
    ULONG length;
    (void)NtQueryObject(copy, OBJECT_INFORMATION_CLASS::ObjectBasicInformation, &basic, sizeof(basic), &length);
    Tell(value, copy, basic.GrantedAccess);
    (void)NtClose(copy);
    return true;
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    ULONG id = ULONG(reinterpret_cast<ULONG_PTR>(NtCurrentTeb()->ClientId.UniqueProcess)), count = 0, length;
    if (words.Count() > 1 && !nt::ReadId(words[1], &id)) {
        nt::Print("handles [ID]: `ps` shows IDs\n");
        return STATUS_INVALID_PARAMETER;
    }
    HANDLE process;
    NT_TRY(nt::OpenProcess(id, PROCESS_DUP_HANDLE | PROCESS_QUERY_INFORMATION, &process));
    NT_TRY(NtQueryInformationProcess(process, PROCESSINFOCLASS::ProcessHandleCount, &count, sizeof(count), &length));
    nt::Print("handle  access    type           name\n");
    ULONG found = 0;
    for (ULONG value = STEP; value < HIGHEST && found < count; value += STEP)
        found += Look(process, value);
    nt::Print("%u handles\n", found);
    return STATUS_SUCCESS;
}

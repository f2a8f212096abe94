// NtQueryObject: what a handle leads to, its name, its type, all types.
//
// An answer is built in a block from pool, with the addresses that it will have at the caller, and copied.
// In the books: "object structure", "type objects". OBJ-02, OBJ-03, TRP-06
#include "rtl/capture.h"
#include "ke/pagedcode.h"
#include "ob/obp.h"
#include "rtl/string.h"

#pragma code_seg("PAGE")
namespace {

constexpr ULONG OB_QUERY_TAG = EX_TAG("ObQu");
constexpr ULONG LONGEST_NAME = sizeof(OBJECT_NAME_INFORMATION) + MAXIMUM_USHORT + 1;

ULONG Aligned(ULONG bytes) { return (bytes + ULONG(sizeof(PVOID)) - 1) & ~(ULONG(sizeof(PVOID)) - 1); }

ULONG TypeBytes(POBJECT_TYPE type) {
    return Aligned(ULONG(sizeof(OBJECT_TYPE_INFORMATION)) + type->Name.Length + ULONG(sizeof(WCHAR)));
}

/// Describes a type. @param callers the address that `to` will have at the caller
void DescribeType(POBJECT_TYPE type, UCHAR* to, UCHAR* callers) {
    const OBJECT_TYPE_INITIALIZER& info = type->TypeInfo;
    const ULONG at = sizeof(OBJECT_TYPE_INFORMATION);
    *reinterpret_cast<OBJECT_TYPE_INFORMATION*>(to) = {
        .TypeName = {type->Name.Length, USHORT(type->Name.Length + sizeof(WCHAR)),
                     reinterpret_cast<PWSTR>(callers + at)},
        .TotalNumberOfObjects = ULONG(type->TotalNumberOfObjects),
        .TotalNumberOfHandles = ULONG(type->TotalNumberOfHandles),
        .HighWaterNumberOfObjects = ULONG(type->HighWaterNumberOfObjects),
        .HighWaterNumberOfHandles = ULONG(type->HighWaterNumberOfHandles),
        .InvalidAttributes = info.InvalidAttributes,
        .GenericMapping = info.GenericMapping,
        .ValidAccessMask = info.ValidAccessMask,
        .SecurityRequired = info.SecurityRequired,
        .MaintainHandleCount = info.MaintainHandleCount,
        .PoolType = ULONG(info.PoolType),
        .DefaultPagedPoolCharge = info.DefaultPagedPoolCharge,
        .DefaultNonPagedPoolCharge = info.DefaultNonPagedPoolCharge,
    };
    RtlCopyMemory(to + at, type->Name.Buffer, type->Name.Length); // the block is cleared: a 0 follows
}

/// An answer under construction.
class ANSWER {
public:
    ANSWER(PVOID callers, ULONG length) : Callers(static_cast<UCHAR*>(callers)), Length(length) {}
    ~ANSWER() {
        if (Text) ExFreePoolWithTag(Text, OB_QUERY_TAG);
    }
    ANSWER(const ANSWER&) = delete;
    ANSWER& operator=(const ANSWER&) = delete;

    /// Allocates a cleared block. @returns STATUS_INFO_LENGTH_MISMATCH: the caller has less room
    NTSTATUS Make(ULONG bytes) {
        Needed = bytes;
        return Length < bytes ? STATUS_INFO_LENGTH_MISMATCH : Allocate(bytes);
    }
    NTSTATUS Allocate(ULONG bytes) {
        Text = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, bytes, OB_QUERY_TAG));
        if (!Text) return STATUS_INSUFFICIENT_RESOURCES;
        RtlZeroMemory(Text, bytes);
        return STATUS_SUCCESS;
    }

    UCHAR* const Callers;
    const ULONG Length;
    UCHAR* Text = nullptr;
    ULONG Needed = 0; ///< bytes
};

/// The bytes that ObjectNameInformation takes; 0: no name.
ULONG NameBytes(PVOID object) {
    ULONG bytes = 0;
    OBJECT_NAME_INFORMATION none;
    (void)ObQueryNameString(object, &none, 0, &bytes);
    return bytes > sizeof(OBJECT_NAME_INFORMATION) ? bytes : 0;
}

NTSTATUS QueryBasic(PVOID object, const OBJECT_HANDLE_INFORMATION& handle, ANSWER& answer) {
    if (answer.Length != sizeof(OBJECT_BASIC_INFORMATION)) {
        answer.Needed = sizeof(OBJECT_BASIC_INFORMATION);
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NT_TRY(answer.Make(sizeof(OBJECT_BASIC_INFORMATION)));
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(object);
    auto* const told = reinterpret_cast<OBJECT_BASIC_INFORMATION*>(answer.Text);
    told->Attributes = handle.HandleAttributes | ((header->Flags & OB_FLAG_PERMANENT) ? OBJ_PERMANENT : 0) |
                       ((header->Flags & OB_FLAG_EXCLUSIVE) ? OBJ_EXCLUSIVE : 0);
    told->GrantedAccess = handle.GrantedAccess;
    told->HandleCount = ULONG(header->HandleCount);
    told->PointerCount = ULONG(header->PointerCount) - 1; // this query has one
    told->PagedPoolCharge = ObpPagedCharge(header);
    told->NonPagedPoolCharge = ObpNonPagedCharge(header);
    told->NameInfoSize = NameBytes(object);
    told->TypeInfoSize = TypeBytes(header->Type);
    if (header->Type == ObpSymbolicLinkObjectType)
        told->CreationTime = static_cast<POBJECT_SYMBOLIC_LINK>(object)->CreationTime;
    return STATUS_SUCCESS;
}

/// The name may change between two questions, so one long block is asked once.
NTSTATUS QueryName(PVOID object, ANSWER& answer) {
    const ULONG bytes = answer.Length < LONGEST_NAME ? answer.Length : LONGEST_NAME;
    if (bytes < sizeof(OBJECT_NAME_INFORMATION)) {
        answer.Needed = sizeof(OBJECT_NAME_INFORMATION);
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NT_TRY(answer.Allocate(bytes));
    auto* const name = reinterpret_cast<POBJECT_NAME_INFORMATION>(answer.Text);
    NT_TRY(ObQueryNameString(object, name, bytes, &answer.Needed));
    if (name->Name.Buffer) {
        const LONG_PTR at = reinterpret_cast<UCHAR*>(name->Name.Buffer) - answer.Text;
        name->Name.Buffer = reinterpret_cast<PWSTR>(answer.Callers + at);
    }
    return STATUS_SUCCESS;
}

NTSTATUS QueryType(POBJECT_TYPE type, ANSWER& answer) {
    NT_TRY(answer.Make(TypeBytes(type)));
    DescribeType(type, answer.Text, answer.Callers);
    return STATUS_SUCCESS;
}

/// Counts types, or describes them, each behind the one before.
struct TYPES {
    ANSWER* Answer; ///< nullptr: only counts
    ULONG Count, Bytes, MostBytes;
};

bool TakeType(POBJECT_TYPE type, PVOID context) {
    auto* const types = static_cast<TYPES*>(context);
    const ULONG bytes = TypeBytes(type);
    if (types->Answer) {
        if (types->Bytes + bytes > types->MostBytes) return true; // made meanwhile
        DescribeType(type, types->Answer->Text + types->Bytes, types->Answer->Callers + types->Bytes);
    }
    types->Bytes += bytes;
    types->Count++;
    return false;
}

NTSTATUS QueryTypes(ANSWER& answer) {
    const ULONG first = Aligned(sizeof(OBJECT_TYPES_INFORMATION));
    TYPES counted = {.Bytes = first};
    (void)ObpEnumerateTypes(TakeType, &counted);
    NT_TRY(answer.Make(counted.Bytes));
    TYPES told = {.Answer = &answer, .Bytes = first, .MostBytes = counted.Bytes};
    (void)ObpEnumerateTypes(TakeType, &told);
    reinterpret_cast<OBJECT_TYPES_INFORMATION*>(answer.Text)->NumberOfTypes = told.Count;
    return STATUS_SUCCESS;
}

NTSTATUS QueryFlags(const OBJECT_HANDLE_INFORMATION& handle, ANSWER& answer) {
    NT_TRY(answer.Make(sizeof(OBJECT_HANDLE_FLAG_INFORMATION)));
    *reinterpret_cast<OBJECT_HANDLE_FLAG_INFORMATION*>(answer.Text) = {
        .Inherit = (handle.HandleAttributes & OBJ_INHERIT) != 0,
        .ProtectFromClose = (handle.HandleAttributes & OBJ_PROTECT_CLOSE) != 0};
    return STATUS_SUCCESS;
}

NTSTATUS Query(HANDLE handle, OBJECT_INFORMATION_CLASS wanted, KPROCESSOR_MODE mode, ANSWER& answer) {
    if (wanted == OBJECT_INFORMATION_CLASS::ObjectTypesInformation) return QueryTypes(answer);
    PVOID object;
    OBJECT_HANDLE_INFORMATION information;
    NT_TRY(ObReferenceObjectByHandle(handle, 0, nullptr, mode, &object, &information));
    const nt::ObjectRef<void> reference(object);
    switch (wanted) {
    case OBJECT_INFORMATION_CLASS::ObjectBasicInformation: return QueryBasic(object, information, answer);
    case OBJECT_INFORMATION_CLASS::ObjectNameInformation: return QueryName(object, answer);
    case OBJECT_INFORMATION_CLASS::ObjectTypeInformation: return QueryType(ObGetObjectType(object), answer);
    case OBJECT_INFORMATION_CLASS::ObjectHandleFlagInformation: return QueryFlags(information, answer);
    default: return STATUS_INVALID_INFO_CLASS;
    }
}

} // namespace

extern "C" NTSTATUS NTAPI NtQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass,
                                        PVOID ObjectInformation, ULONG ObjectInformationLength, ULONG* ReturnLength) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(nt::ProbeOptional(mode, ReturnLength));
    NT_TRY(RtlProbeCaller(mode, ObjectInformation, ObjectInformationLength, 1));
    ANSWER answer(ObjectInformation, ObjectInformationLength);
    const NTSTATUS status = Query(Handle, ObjectInformationClass, mode, answer);
    if (NT_SUCCESS(status) || status == STATUS_INFO_LENGTH_MISMATCH)
        NT_TRY(nt::TellOptional(mode, ReturnLength, answer.Needed));
    NT_TRY(status);
    return RtlTellCaller(mode, ObjectInformation, answer.Text, answer.Needed);
}
#pragma code_seg()

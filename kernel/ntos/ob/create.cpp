// Objects: made and freed.
//
// One block from pool holds the optional parts, the header and the body. A part that most objects of a type do not need is there
// only if this object needs it. Until the object is inserted, the header leads to what its creator said about it.
// In the books: "object structure", "object creation". OBJ-02, OBJ-04
#include "ob/obp.h"
#include "rtl/string.h"

namespace {

/// Which optional parts an object has, and where.
struct LAYOUT {
    ULONG Bytes; ///< of all parts
    UCHAR Name, Handle, Quota;
    bool Creator;
};

template <typename PART> UCHAR Place(LAYOUT& layout, bool wanted) {
    static_assert(sizeof(PART) % 8 == 0, "the header behind it stays aligned");
    if (!wanted) return 0;
    layout.Bytes += sizeof(PART);
    return UCHAR(layout.Bytes);
}

/// From the header outwards: creator, name, handle count, quota.
LAYOUT LayOut(const OBJECT_TYPE& type, bool named, bool quota) {
    LAYOUT layout = {};
    layout.Creator = Place<OBJECT_HEADER_CREATOR_INFO>(layout, type.TypeInfo.MaintainTypeList) != 0;
    layout.Name = Place<OBJECT_HEADER_NAME_INFO>(layout, named);
    layout.Handle = Place<OBJECT_HEADER_HANDLE_INFO>(layout, type.TypeInfo.MaintainHandleCount);
    layout.Quota = Place<OBJECT_HEADER_QUOTA_INFO>(layout, quota);
    return layout;
}

ULONG BytesOfParts(POBJECT_HEADER header) {
    ULONG bytes = (header->Flags & OB_FLAG_CREATOR_INFO) ? sizeof(OBJECT_HEADER_CREATOR_INFO) : 0;
    const UCHAR offsets[] = {header->NameInfoOffset, header->HandleInfoOffset, header->QuotaInfoOffset};
    for (UCHAR offset : offsets)
        bytes = offset > bytes ? offset : bytes;
    return bytes;
}

void Count(POBJECT_TYPE type) {
    const LONG objects = InterlockedIncrement(&type->TotalNumberOfObjects);
    if (objects > type->HighWaterNumberOfObjects) type->HighWaterNumberOfObjects = objects; // a hint
}

/// The type's list of its objects, for debuggers.
void Enlist(POBJECT_HEADER header) {
    OBJECT_HEADER_CREATOR_INFO* const creator = OBJECT_HEADER_TO_CREATOR_INFO(header);
    if (!creator) return;
    creator->CreatorUniqueProcess = ObpCurrentProcess();
    const nt::FastMutexGuard guard(header->Type->Mutex);
    InsertTailList(&header->Type->TypeList, &creator->TypeList);
}

void Delist(POBJECT_HEADER header) {
    OBJECT_HEADER_CREATOR_INFO* const creator = OBJECT_HEADER_TO_CREATOR_INFO(header);
    if (!creator) return;
    const nt::FastMutexGuard guard(header->Type->Mutex);
    RemoveEntryList(&creator->TypeList);
}

/// Allocates an object and fills its header in. @param info becomes the object's; nullptr: nothing was said
NTSTATUS Allocate(POBJECT_TYPE type, OBJECT_CREATE_INFORMATION* info, ULONG bodySize, ULONG paged, ULONG nonPaged,
                  KPROCESSOR_MODE owner, POBJECT_HEADER* header) {
    const ULONG attributes = info ? info->Attributes : 0;
    const bool quota = paged != 0 || nonPaged != 0 || (attributes & OBJ_EXCLUSIVE) != 0;
    const LAYOUT layout = LayOut(*type, info && info->Name.Length != 0, quota);
    const SIZE_T bytes = SIZE_T(layout.Bytes) + offsetof(OBJECT_HEADER, Body) + bodySize;
    auto* const block = static_cast<UCHAR*>(ExAllocatePoolWithTag(type->TypeInfo.PoolType, bytes, type->Key));
    if (!block) return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(block, layout.Bytes + offsetof(OBJECT_HEADER, Body));
    auto* const made = reinterpret_cast<POBJECT_HEADER>(block + layout.Bytes);
    made->PointerCount = 1;
    made->Type = type;
    made->NameInfoOffset = layout.Name;
    made->HandleInfoOffset = layout.Handle;
    made->QuotaInfoOffset = layout.Quota;
    made->Flags = UCHAR((info ? OB_FLAG_CREATE_INFO : 0) | (layout.Creator ? OB_FLAG_CREATOR_INFO : 0) |
                        (owner == KernelMode ? OB_FLAG_KERNEL_OBJECT : 0) |
                        ((attributes & OBJ_PERMANENT) ? OB_FLAG_PERMANENT : 0) |
                        ((attributes & OBJ_EXCLUSIVE) ? OB_FLAG_EXCLUSIVE : 0));
    made->ObjectCreateInfo = info;
    if (OBJECT_HEADER_QUOTA_INFO* const charges = OBJECT_HEADER_TO_QUOTA_INFO(made)) {
        const bool given = paged != 0 || nonPaged != 0;
        charges->PagedPoolCharge = given ? paged : type->TypeInfo.DefaultPagedPoolCharge;
        charges->NonPagedPoolCharge = given ? nonPaged : type->TypeInfo.DefaultNonPagedPoolCharge;
    }
    Enlist(made);
    Count(type);
    *header = made;
    return STATUS_SUCCESS;
}

void FreeInfo(OBJECT_CREATE_INFORMATION* info) {
    ObpFreeCreateInfoName(info);
    ExFreePoolWithTag(info, OB_CREATE_TAG);
}

/// Copies what the creator says, and checks that objects of the type may be so.
NTSTATUS CaptureInfo(KPROCESSOR_MODE mode, POBJECT_TYPE type, const OBJECT_ATTRIBUTES* attributes, PVOID context,
                     OBJECT_CREATE_INFORMATION** info) {
    *info = nullptr;
    if (!attributes) return STATUS_SUCCESS;
    auto* const made = static_cast<OBJECT_CREATE_INFORMATION*>(
        ExAllocatePoolWithTag(NonPagedPool, sizeof(OBJECT_CREATE_INFORMATION), OB_CREATE_TAG));
    if (!made) return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = ObpCaptureAttributes(mode, attributes, made);
    made->ParseContext = context;
    if (NT_SUCCESS(status) && (made->Attributes & type->TypeInfo.InvalidAttributes) != 0)
        status = STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(status)) {
        FreeInfo(made);
        return status;
    }
    if (type->TypeInfo.CaseInsensitive) made->Attributes |= OBJ_CASE_INSENSITIVE;
    *info = made;
    return STATUS_SUCCESS;
}

} // namespace

void ObpFreeCreateInfo(POBJECT_HEADER header) {
    if ((header->Flags & OB_FLAG_CREATE_INFO) == 0) return;
    OBJECT_CREATE_INFORMATION* const info = header->ObjectCreateInfo;
    header->Flags = UCHAR(header->Flags & ~OB_FLAG_CREATE_INFO);
    header->QuotaBlockCharged = nullptr;
    FreeInfo(info);
}

void ObpFreeObject(POBJECT_HEADER header) {
    POBJECT_TYPE const type = header->Type;
    Delist(header);
    ObpFreeCreateInfo(header);
    ObpReturnQuota(header);
    if (OBJECT_HEADER_NAME_INFO* const name = OBJECT_HEADER_TO_NAME_INFO(header)) {
        NT_ASSERT(!name->Directory);
        if (name->Name.Buffer) ExFreePoolWithTag(name->Name.Buffer, OB_NAME_TAG);
    }
    if (OBJECT_HEADER_HANDLE_INFO* const handles = OBJECT_HEADER_TO_HANDLE_INFO(header)) {
        if (handles->Entries) ExFreePoolWithTag(handles->Entries, OB_COUNT_TAG);
    }
    ExFreePoolWithTag(reinterpret_cast<UCHAR*>(header) - BytesOfParts(header), type->Key);
    InterlockedDecrement(&type->TotalNumberOfObjects);
}

extern "C" {

NTSTATUS NTAPI ObCreateObject(KPROCESSOR_MODE ProbeMode, POBJECT_TYPE ObjectType, POBJECT_ATTRIBUTES ObjectAttributes,
                              KPROCESSOR_MODE OwnershipMode, PVOID ParseContext, ULONG ObjectBodySize,
                              ULONG PagedPoolCharge, ULONG NonPagedPoolCharge, PVOID* Object) {
    *Object = nullptr;
    OBJECT_CREATE_INFORMATION* info;
    NT_TRY(CaptureInfo(ProbeMode, ObjectType, ObjectAttributes, ParseContext, &info));
    POBJECT_HEADER header;
    const NTSTATUS status =
        Allocate(ObjectType, info, ObjectBodySize, PagedPoolCharge, NonPagedPoolCharge, OwnershipMode, &header);
    if (!NT_SUCCESS(status)) {
        if (info) FreeInfo(info);
        return status;
    }
    *Object = &header->Body;
    return STATUS_SUCCESS;
}

void NTAPI ObInitializeStaticObject(PVOID Body, POBJECT_TYPE ObjectType) {
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(Body);
    header->PointerCount = 1; // never given back
    header->Type = ObjectType;
    header->Flags = OB_FLAG_KERNEL_OBJECT;
    Count(ObjectType);
}
}

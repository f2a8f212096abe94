// Private to ldr: the images of the process.
//
//     LDRP_MODULE = LDR_DATA_TABLE_ENTRY (what tools know) + what it imports from (Dependencies) + its image as rtl/pe reaches it
//
// Invariants: a module is on the lists of PEB_LDR_DATA from the moment when it is mapped. LoadCount counts how often it was asked for,
// by LdrLoadDll or as a dependency; LDRP_PINNED: it stays. A module with count 0 outside of a load is unmapped.
// Locks: the loader lock (PEB::LoaderLock) guards all. In the books: "image loader". BOO-01
#pragma once

#include "ntdllp.h"

#include "ldr.h"
#include "rtl/pe.h"
#include "user/loader.h"

class LDRP_IMAGE_VIEW;

constexpr USHORT LDRP_PINNED = 0xFFFF;                   ///< of LoadCount: never unloaded
constexpr ULONG LDRP_DONT_CALL_FOR_THREADS = 0x00040000; ///< LDR_DATA_TABLE_ENTRY::Flags (documented value)
constexpr ULONG LDRP_PROCESS_ATTACH_CALLED = 0x00080000;
constexpr USHORT LDRP_HAS_TLS_INDEX = 0xFFFF; ///< LDR_DATA_TABLE_ENTRY::TlsIndex: each thread has its variables
constexpr ULONG LDRP_NAME_SIZE = nt::PeError::MODULE_SIZE; ///< characters of a module's name, with a 0

struct LDRP_MODULE;

/// What a module imports from.
struct LDRP_DEPENDENCY {
    LDRP_DEPENDENCY* Next;
    LDRP_MODULE* Module;
};

/// An image of the process.
struct LDRP_MODULE {
    LDR_DATA_TABLE_ENTRY Entry;
    nt::PeModule Image;
    LDRP_IMAGE_VIEW* View;
    LDRP_DEPENDENCY* Dependencies;
    ULONG Visit; ///< the last walk that came by
    CHAR Name[LDRP_NAME_SIZE];
    WCHAR FullName[LDRP_NAME_SIZE + 8]; ///< \Boot\NAME; both names of Entry lie here
};

// ---- dependencies.cpp: who needs whom --------------------------------------------------------------------------------------------------
/// Calls `action` once for each module that `root` leads to, first for those that a module depends on, then for itself.
void LdrpWalk(LDRP_MODULE* root, void (*action)(LDRP_MODULE* module, PVOID context), PVOID context);
/// Counts a module and all that it depends on once more. The counts of pinned ones stay.
void LdrpReference(LDRP_MODULE* root);
/// Counts them once less.
void LdrpDereference(LDRP_MODULE* root);
/// They stay for good.
void LdrpPin(LDRP_MODULE* root);
bool LdrpDependsOn(const LDRP_MODULE* module, const LDRP_MODULE* other);

// ---- modules.cpp: the lists ------------------------------------------------------------------------------------------------------------
/// @param name in any case, with its extension. @returns nullptr: there is none
LDRP_MODULE* LdrpFindByName(PCSTR name);
/// @param base where a module begins. @returns nullptr: none does
LDRP_MODULE* LdrpFindByBase(PVOID base);
/// Makes the module of an image that is mapped, and puts it on the lists. @param relocate it if it does not lie at its own base: not the
/// program and ntdll.dll, which the kernel has relocated
NTSTATUS LdrpInsertModule(PCSTR name, PVOID base, SIZE_T viewSize, bool relocate, LDRP_MODULE** module,
                          nt::PeError* error);
/// Takes it from the lists, and frees what belongs to it, but not its view.
void LdrpRemoveModule(LDRP_MODULE* module);
inline LDRP_MODULE* LdrpModuleOf(LIST_ENTRY* loadOrderLink) {
    return CONTAINING_RECORD(CONTAINING_RECORD(loadOrderLink, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks), LDRP_MODULE,
                             Entry);
}
inline LDRP_MODULE* LdrpInitializedModuleOf(LIST_ENTRY* initializationOrderLink) {
    return CONTAINING_RECORD(
        CONTAINING_RECORD(initializationOrderLink, LDR_DATA_TABLE_ENTRY, InInitializationOrderLinks), LDRP_MODULE,
        Entry);
}

// ---- map.cpp: where images come from ---------------------------------------------------------------------------------------------------
/// Maps a DLL: a section of \KnownDlls, or else the file \Boot\NAME. @returns STATUS_DLL_NOT_FOUND: neither is there
NTSTATUS LdrpMapDll(PCSTR name, PVOID* base, SIZE_T* viewSize);

// ---- load.cpp: loading and unloading ---------------------------------------------------------------------------------------------------
/// Loads a DLL with all that it needs, unless it is there. No count changes, no DllMain is called.
NTSTATUS LdrpLoad(PCSTR name, LDRP_MODULE** module, nt::PeError* error);
/// Binds a module's imports, and loads what they name.
NTSTATUS LdrpBind(LDRP_MODULE* module, nt::PeError* error);
/// The address of an export; a forwarder may load a DLL.
NTSTATUS LdrpFindExport(LDRP_MODULE* module, PCSTR name, ULONG ordinal, ULONG* address, nt::PeError* error);
/// Unloads the modules that nobody counts, after their DllMain.
void LdrpUnloadUnused();

// ---- callouts.cpp: DllMain and TLS callbacks -------------------------------------------------------------------------------------------
/// Calls DllMain(DLL_PROCESS_ATTACH) of the modules that `root` leads to and that were not called yet. @param context of DllMain: not
/// nullptr at the process's start. @returns STATUS_DLL_INIT_FAILED: one refused, `*failed`
NTSTATUS LdrpCallAttach(LDRP_MODULE* root, PVOID context, LDRP_MODULE** failed);
/// Takes a module from the list of the initialized ones, and tells it of the end, if it has begun.
void LdrpCallDetach(LDRP_MODULE* module, PVOID context);
/// Calls all that were initialized for a thread. @param reason DLL_THREAD_ATTACH or DLL_THREAD_DETACH
void LdrpCallForThread(ULONG reason);

// ---- tls.cpp: thread-local variables ---------------------------------------------------------------------------------------------------
/// Gives each module that has thread-local variables its index. Once, before the first thread's DllMains.
NTSTATUS LdrpInitializeTls();
/// Makes the copies of the running thread.
NTSTATUS LdrpAllocateTls();
void LdrpFreeTls();
/// Calls a module's TLS callbacks.
void LdrpCallTlsCallbacks(LDRP_MODULE* module, ULONG reason);

// ---- symbols.cpp -----------------------------------------------------------------------------------------------------------------------
constexpr ULONG LDRP_ADDRESS_SIZE = LDRP_NAME_SIZE + 96;
bool LdrpIsInModule(ULONG_PTR address);
/// Says where an address lies: module, offset, the export before it. Both without the loader lock.
void LdrpDescribeAddress(ULONG_PTR address, CHAR (&text)[LDRP_ADDRESS_SIZE]);

// ---- report.cpp ------------------------------------------------------------------------------------------------------------------------
/// Says on the console why a program or DLL cannot be loaded: the DLL or the routine that is missing.
void LdrpReport(PCSTR what, NTSTATUS status, const nt::PeError& error);

/// Holds the loader lock.
class LDRP_GUARD {
public:
    LDRP_GUARD() { (void)RtlEnterCriticalSection(NtCurrentPeb()->LoaderLock); }
    ~LDRP_GUARD() { (void)RtlLeaveCriticalSection(NtCurrentPeb()->LoaderLock); }
    LDRP_GUARD(const LDRP_GUARD&) = delete;
    LDRP_GUARD& operator=(const LDRP_GUARD&) = delete;
};

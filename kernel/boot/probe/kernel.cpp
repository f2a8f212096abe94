// kernel.cpp - the probe's ntoskrnl.exe: prints what it was given as lines "name: value", then ends the emulator.
#include "probe.h"

int KernelVariable = 1234;
int __fastcall KernelTwice(int value) { return 2 * value; }

namespace {

volatile char g_uninitialised[100000]; // volatile: the compiler must not turn it into constants
int AddSeven(int value) { return value + 7; }
int (*volatile g_table[])(int) = {AddSeven};

void Put(const char* text) {
    while (*text != 0) {
        HalPutCharacter(*text++);
    }
}

void PutHex(ULONG value) {
    for (int shift = 28; shift >= 0; shift -= 4) {
        HalPutCharacter("0123456789abcdef"[value >> shift & 15]);
    }
}

void Line(const char* name, ULONG value) {
    Put(name);
    Put(": ");
    PutHex(value);
    Put("\n");
}

template <typename T> T* Physical(ULONG address) { return reinterpret_cast<T*>(address + LDR_SYSTEM_SPACE); }

bool Contains(const char* text, const char* word) {
    for (; *text != 0; text++) {
        ULONG length = 0;
        while (word[length] != 0 && text[length] == word[length]) {
            length++;
        }
        if (word[length] == 0) return true;
    }
    return false;
}

void CheckLinks(const LIST_ENTRY* entry) {
    if (entry->Flink->Blink != entry || entry->Blink->Flink != entry) Put("a list's links are broken\n");
}

void ReportMachine(const LOADER_PARAMETER_BLOCK* block) {
    ULONG flags, cr0, cr3, stack;
    asm volatile("pushfl; popl %0; movl %%cr0, %1; movl %%cr3, %2; movl %%esp, %3"
                 : "=r"(flags), "=r"(cr0), "=r"(cr3), "=r"(stack));
    Line("interrupts", flags >> 9 & 1);
    Line("paging", cr0 >> 31);
    Line("cr3 is the page directory", cr3 == block->PageDirectory);
    Line("stack in use", block->KernelStack - stack < 4096);
    const ULONG* const directory = Physical<ULONG>(block->PageDirectory);
    const ULONG* const identity = Physical<ULONG>(directory[0] & ~0xfffu);
    const ULONG* const low = Physical<ULONG>(block->LowPageTable);
    ULONG present = 0;
    for (ULONG index = 0; index < 1024; index++) {
        present += directory[index] & 1;
    }
    Line("directory entries", present);
    Line("page tables mapped to themselves", directory[LDR_PAGE_TABLES >> 22] >> 12 == block->PageDirectory >> 12);
    Line("write protection", cr0 >> 16 & 1);
    const auto entry = [&](const volatile void* address) {
        return reinterpret_cast<const ULONG*>(LDR_PAGE_TABLES)[reinterpret_cast<ULONG>(address) >> 12] & 3;
    };
    Line("code", entry(reinterpret_cast<const void*>(&ReportMachine)));
    Line("data", entry(&g_uninitialised));
    Line("stack", entry(&stack));
    Line("behind the block", entry(reinterpret_cast<const char*>(block) + 0x10000));
    Line("page 0 mapped at 0", identity[0] & 1);
    Line("page 1 mapped at 0", identity[1] & 1);
    Line("page 0 in system space", low[0] & 1);
    Line("same memory at 0 and in system space",
         *reinterpret_cast<volatile ULONG*>(0x100000) == *Physical<ULONG>(0x100000));
}

void PutName(const UNICODE_STRING& name) {
    for (ULONG index = 0; index < name.Length / sizeof(WCHAR); index++) {
        const char text[] = {static_cast<char>(name.Buffer[index]), 0};
        Put(text);
    }
}

void ReportBootFiles(const LOADER_PARAMETER_BLOCK* block) {
    const LIST_ENTRY* const head = &block->BootFileListHead;
    for (const LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
        CheckLinks(link);
        const auto* const file = CONTAINING_RECORD(link, const LDR_BOOT_FILE, Links);
        Put("boot file: ");
        PutName(file->Name);
        Put(" ");
        PutHex(file->BasePage);
        Put(" ");
        PutHex(file->Size);
        Put("\n");
    }
}

void ReportImages(const LOADER_PARAMETER_BLOCK* block) {
    for (const LIST_ENTRY* link = block->LoadOrderListHead.Flink; link != &block->LoadOrderListHead;
         link = link->Flink) {
        CheckLinks(link);
        const auto* const image = CONTAINING_RECORD(link, const LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
        Put("image: ");
        PutName(image->BaseDllName);
        Put(" ");
        PutName(image->FullDllName);
        const ULONG values[] = {reinterpret_cast<ULONG>(image->DllBase), image->SizeOfImage, image->Flags,
                                image->OriginalBase, reinterpret_cast<ULONG>(image->EntryPoint)};
        for (const ULONG value : values) {
            Put(" ");
            PutHex(value);
        }
        Put("\n");
    }
}

void ReportMemory(const LOADER_PARAMETER_BLOCK* block) {
    const LIST_ENTRY* const head = &block->MemoryDescriptorListHead;
    for (const LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
        CheckLinks(link);
        const auto* const run = CONTAINING_RECORD(link, const MEMORY_ALLOCATION_DESCRIPTOR, ListEntry);
        Put("memory:");
        const ULONG values[] = {run->BasePage, run->PageCount, run->MemoryType};
        for (const ULONG value : values) {
            Put(" ");
            PutHex(value);
        }
        Put("\n");
    }
}

[[noreturn]] void End() {
    Put("end of report\n");
    for (ULONG tries = 0; tries < 100000 && (ReadPort(0x3fd) & 0x40) == 0; tries++) {}
    WritePort(0xf4, 0x10); // QEMU
    constexpr char word[] = "Shutdown";
    for (const char c : word) {
        WritePort(0x8900, static_cast<UCHAR>(c)); // Bochs
    }
    for (;;) {
        asm volatile("cli; hlt");
    }
}

} // namespace

extern "C" [[noreturn]] void __stdcall KiSystemStartup(LOADER_PARAMETER_BLOCK* block) {
    if (Contains(block->LoadOptions, "/FAULT")) asm volatile("ud2");
    if (Contains(block->LoadOptions, "/NULL")) *reinterpret_cast<volatile int*>(8) = 1;
    ULONG dirty = 0;
    for (const volatile char& byte : g_uninitialised) {
        dirty += byte != 0;
    }
    Line("dirty bytes", dirty);
    Line("pointer in data", static_cast<ULONG>(g_table[0](1)));
    Line("imported variable", static_cast<ULONG>(HalVariable));
    Line("there and back", static_cast<ULONG>(HalAddKernelVariable(5)));
    Line("signature", block->Signature);
    Line("version", block->Version);
    Line("size", block->Size);
    Line("boot path", block->BootPath);
    Put("options: ");
    Put(block->LoadOptions);
    Put("\n");
    Line("system map", block->SystemMapSize);
    Line("last page", block->HighestPhysicalPage);
    Line("total memory", static_cast<ULONG>(block->TotalMemory));
    Line("acpi found", block->AcpiRsdp != 0 && *Physical<ULONG>(block->AcpiRsdp) == 0x20445352); // "RSD "
    Line("mp table found", block->MpFloatingPointer != 0 && *Physical<ULONG>(block->MpFloatingPointer) == 0x5f504d5f);
    ReportMachine(block);
    ReportImages(block);
    ReportBootFiles(block);
    ReportMemory(block);
    const LIST_ENTRY* const last = block->LoadOrderListHead.Blink;
    const auto* const driver = CONTAINING_RECORD(last, const LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
    reinterpret_cast<void(__stdcall*)()>(driver->EntryPoint)();
    ULONG low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    Line("time stamp", low);
    End();
}

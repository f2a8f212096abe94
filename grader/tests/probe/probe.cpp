// The grader's probe: the smallest guest that keeps the contracts the grader relies on, so that the machine layer is
// tested without the kernel. It has a KdTestPoint, a KdHostCall, a bugcheck stop, a scratch area, a field table, a ring, and one
// routine for each thing that a student's kernel can do to us: hang, sleep, flood, triple-fault, patch code.
#define NOINLINE __attribute__((noinline, used))

using UCHAR = unsigned char;
using USHORT = unsigned short;
using ULONG = unsigned int;

extern "C" {

struct LIST_ENTRY {
    LIST_ENTRY *Flink, *Blink;
};
struct NODE {
    ULONG Tag;
    LIST_ENTRY Link;
    ULONG Value;
};
struct FIELD {
    const char* Name;
    USHORT Offset;
    USHORT Size;
};

UCHAR LabScratch[65536];
ULONG KiBugCheckData[5];
volatile ULONG Ticks;
volatile ULONG Stage;
LIST_ENTRY ListHead = {&ListHead, &ListHead};
NODE Nodes[4];

extern const FIELD KdFieldTable[] = {
    {"NODE.Tag", __builtin_offsetof(NODE, Tag), 4},
    {"NODE.Link", __builtin_offsetof(NODE, Link), 8},
    {"NODE.Value", __builtin_offsetof(NODE, Value), 4},
    {"sizeof NODE", 0, sizeof(NODE)},
    {nullptr, 0, 0},
};

static inline void Out(USHORT port, UCHAR value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static void Print(const char* text) {
    while (*text)
        Out(0x3F8, UCHAR(*text++));
}

NOINLINE void __stdcall KdTestPoint(ULONG stage) {
    Stage = stage;
    __asm__ volatile("" ::: "memory");
}
NOINLINE void KiBugCheckStop() {
    for (;;)
        __asm__ volatile("cli; hlt");
}
NOINLINE void __stdcall KeBugCheckEx(ULONG code, ULONG a, ULONG b, ULONG c, ULONG d) {
    ULONG* data = KiBugCheckData;
    data[0] = code;
    data[1] = a;
    data[2] = b;
    data[3] = c;
    data[4] = d;
    Print("*** STOP\n");
    KiBugCheckStop();
}

NOINLINE ULONG __stdcall ProbeAdd(ULONG a, ULONG b) { return a + b; }
NOINLINE ULONG __fastcall ProbeFast(ULONG a, ULONG b, ULONG c) { return a * 100 + b * 10 + c; }
NOINLINE ULONG __cdecl ProbeCdecl(ULONG a, ULONG b) { return a - b; }
NOINLINE unsigned long long __stdcall ProbeWide(ULONG a) { return (1ull << 32) * a + 7; }
NOINLINE ULONG __stdcall ProbeWork(ULONG rounds) {
    ULONG sum = 0;
    for (ULONG i = 0; i < rounds; ++i) {
        sum += i ^ (sum << 1);
        __asm__ volatile("" : "+r"(sum));
    }
    return sum;
}
NOINLINE ULONG __stdcall ProbeLeaf(ULONG value) {
    LabScratch[0] = UCHAR(value);
    return value + 1;
}
NOINLINE ULONG __stdcall ProbeLoop(ULONG rounds) {
    ULONG sum = 0;
    for (ULONG i = 0; i < rounds; ++i)
        sum += ProbeLeaf(i);
    return sum;
}
NOINLINE void __stdcall ProbeHang() {
    for (;;)
        __asm__ volatile("cli; nop");
}
NOINLINE void __stdcall ProbeIdle() {
    for (;;)
        __asm__ volatile("sti; hlt");
}
NOINLINE void __stdcall ProbeDead() { // no interrupt ends this
    for (;;)
        __asm__ volatile("cli; hlt");
}
NOINLINE ULONG __stdcall ProbeSleep(ULONG ticks) {
    ULONG end = Ticks + ticks;
    while (int(Ticks - end) < 0)
        __asm__ volatile("sti; hlt; cli");
    return Ticks;
}
NOINLINE void __stdcall ProbeFlood(ULONG lines) {
    for (ULONG i = 0; i < lines; ++i)
        Print("PASS PASS PASS PASS PASS PASS\n");
}
NOINLINE void __stdcall ProbeTripleFault() {
    struct {
        USHORT limit;
        ULONG base;
    } __attribute__((packed)) none = {0, 0};
    __asm__ volatile("lidt %0; int3" ::"m"(none));
}
NOINLINE void __stdcall ProbeExit() {
    Out(0xF4, 0);
    Out(0x501, 0);
    __asm__ volatile("outw %0, %1" ::"a"(USHORT(0x2000)), "d"(USHORT(0x604)));
}
NOINLINE void __stdcall ProbeReset() {
    Out(0x64, 0xFE);
    for (;;)
        __asm__ volatile("cli; hlt");
}
NOINLINE void __stdcall ProbePatch() { *reinterpret_cast<volatile UCHAR*>(&ProbeAdd) = 0xC3; }
NOINLINE ULONG __attribute__((naked)) __stdcall ProbeLosesEbx() { __asm__ volatile("xorl %ebx, %ebx\n\tretl"); }
extern ULONG PageDirectory[1024];
NOINLINE void __stdcall ProbeRemap() { // the kernel's own 4 MB, but from 32 MB, after copying: nothing seems to change
    UCHAR* from = reinterpret_cast<UCHAR*>(0x80000000);
    for (ULONG i = 0; i < 0x400000; i += 4)
        *reinterpret_cast<ULONG*>(from + 0x2000000 + i) = *reinterpret_cast<ULONG*>(from + i);
    PageDirectory[512] = 0x2000083;
    __asm__ volatile("movl %%cr3, %%eax; movl %%eax, %%cr3" ::: "eax", "memory");
}
NOINLINE void __stdcall ProbeCrash(ULONG code) { KeBugCheckEx(code, 1, 2, 3, 4); }
NOINLINE void __stdcall ProbeUnimplemented() {
    KeBugCheckEx(0x4C414230, ULONG("9.1"), ULONG("probe/student.cpp"), 42, 0);
}
NOINLINE ULONG __attribute__((naked)) __stdcall ProbeBadReturn(ULONG) { __asm__ volatile("xorl %eax, %eax\n\tretl"); }
NOINLINE ULONG __stdcall ProbeDeep(ULONG depth) {
    return depth ? ProbeDeep(depth - 1) + 1 : (KeBugCheckEx(0xE2, 0, 0, 0, 0), 0);
}

void ProbeTimer() {
    Ticks = Ticks + 1;
    Out(0x20, 0x20);
}
void ProbeFault() { KeBugCheckEx(0x7F, 0, 0, 0, 0); }
void ProbeTimerEntry();
void ProbeNmiEntry();
void ProbeFaultEntry();

struct MODULE {
    LIST_ENTRY Load, Memory, Initialization;
    ULONG Base, Entry, Size;
    UCHAR Path[8];
    USHORT Length, Room;
    const char16_t* Name; // at 30
};
struct LOADER {
    ULONG Signature, Version, Size, Path;
    LIST_ENTRY Modules;
};
const char16_t Name[] = u"ntoskrnl.exe";
MODULE Module;
LOADER Loader;
NOINLINE void __stdcall ProbeMain(LOADER*);
NOINLINE void ProbeLoad() {
    Module.Load = {&Loader.Modules, &Loader.Modules};
    Loader.Modules = {&Module.Load, &Module.Load};
    Module.Base = 0x80100000;
    Module.Length = sizeof(Name) - sizeof(Name[0]);
    Module.Name = Name;
    ProbeMain(&Loader);
}

struct GATE {
    USHORT Low, Selector, Type, High;
} Idt[256];
static void SetGate(ULONG vector, void (*routine)()) {
    ULONG address = ULONG(routine);
    Idt[vector] = {USHORT(address), 8, 0x8E00, USHORT(address >> 16)};
}

NOINLINE void __stdcall ProbeMain(LOADER* loader) {
    __asm__ volatile("" ::"r"(loader));
    for (ULONG v = 0; v < 256; ++v)
        SetGate(v, &ProbeFaultEntry);
    SetGate(2, &ProbeNmiEntry);
    SetGate(32, &ProbeTimerEntry);
    struct {
        USHORT limit;
        ULONG base;
    } __attribute__((packed)) idtr = {sizeof(Idt) - 1, ULONG(Idt)};
    __asm__ volatile("lidt %0" ::"m"(idtr));
    Out(0x20, 0x11);
    Out(0xA0, 0x11);
    Out(0x21, 32);
    Out(0xA1, 40);
    Out(0x21, 4);
    Out(0xA1, 2);
    Out(0x21, 1);
    Out(0xA1, 1);
    Out(0x21, 0xFE);
    Out(0xA1, 0xFF);
    Out(0x43, 0x34);
    Out(0x40, 0x9C);
    Out(0x40, 0x2E); // 100 Hz
    for (ULONG i = 0; i < 4; ++i) {
        Nodes[i].Tag = 0x45444F4E;
        Nodes[i].Value = i * i;
        Nodes[i].Link = {&ListHead, ListHead.Blink};
        ListHead.Blink->Flink = &Nodes[i].Link;
        ListHead.Blink = &Nodes[i].Link;
    }
    Print("probe: up\n");
    KdTestPoint(0);
#ifdef PROBE_CRASHES_LATE
    ProbeCrash(0x50);
#endif
#ifdef PROBE_HANGS_LATE
    ProbeHang();
#endif
    __asm__ volatile("sti");
    for (;;)
        KdTestPoint(1);
}
}

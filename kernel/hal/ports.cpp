// Device registers in port space. HAL-03
#include "hal.h"

extern "C" {

UCHAR NTAPI READ_PORT_UCHAR(USHORT Port) {
    UCHAR value;
    __asm__ __volatile__("inb %1, %0" : "=a"(value) : "Nd"(Port) : "memory");
    return value;
}
USHORT NTAPI READ_PORT_USHORT(USHORT Port) {
    USHORT value;
    __asm__ __volatile__("inw %1, %0" : "=a"(value) : "Nd"(Port) : "memory");
    return value;
}
ULONG NTAPI READ_PORT_ULONG(USHORT Port) {
    ULONG value;
    __asm__ __volatile__("inl %1, %0" : "=a"(value) : "Nd"(Port) : "memory");
    return value;
}
void NTAPI WRITE_PORT_UCHAR(USHORT Port, UCHAR Value) {
    __asm__ __volatile__("outb %0, %1" ::"a"(Value), "Nd"(Port) : "memory");
}
void NTAPI WRITE_PORT_USHORT(USHORT Port, USHORT Value) {
    __asm__ __volatile__("outw %0, %1" ::"a"(Value), "Nd"(Port) : "memory");
}
void NTAPI WRITE_PORT_ULONG(USHORT Port, ULONG Value) {
    __asm__ __volatile__("outl %0, %1" ::"a"(Value), "Nd"(Port) : "memory");
}

// One instruction a buffer: the processor repeats it. The direction flag is clear, as the calling convention promises.
void NTAPI READ_PORT_BUFFER_UCHAR(USHORT Port, UCHAR* Buffer, ULONG Count) {
    __asm__ __volatile__("rep insb" : "+D"(Buffer), "+c"(Count) : "d"(Port) : "memory");
}
void NTAPI READ_PORT_BUFFER_USHORT(USHORT Port, USHORT* Buffer, ULONG Count) {
    __asm__ __volatile__("rep insw" : "+D"(Buffer), "+c"(Count) : "d"(Port) : "memory");
}
void NTAPI READ_PORT_BUFFER_ULONG(USHORT Port, ULONG* Buffer, ULONG Count) {
    __asm__ __volatile__("rep insl" : "+D"(Buffer), "+c"(Count) : "d"(Port) : "memory");
}
void NTAPI WRITE_PORT_BUFFER_UCHAR(USHORT Port, const UCHAR* Buffer, ULONG Count) {
    __asm__ __volatile__("rep outsb" : "+S"(Buffer), "+c"(Count) : "d"(Port) : "memory");
}
void NTAPI WRITE_PORT_BUFFER_USHORT(USHORT Port, const USHORT* Buffer, ULONG Count) {
    __asm__ __volatile__("rep outsw" : "+S"(Buffer), "+c"(Count) : "d"(Port) : "memory");
}
void NTAPI WRITE_PORT_BUFFER_ULONG(USHORT Port, const ULONG* Buffer, ULONG Count) {
    __asm__ __volatile__("rep outsl" : "+S"(Buffer), "+c"(Count) : "d"(Port) : "memory");
}
}

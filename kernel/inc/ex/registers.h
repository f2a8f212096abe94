// Device registers in memory space.
//
// Each call is exactly one access of the register's width, in program order; a write has left the processor's buffer when the
// call returns. The address is one that MmMapIoSpace gave.
// In the books: "hardware abstraction layer". HAL-03
#pragma once

#include "nt/types.h"

extern "C" {
/// @irql any
NTKERNELAPI UCHAR NTAPI READ_REGISTER_UCHAR(volatile UCHAR* Register);
NTKERNELAPI USHORT NTAPI READ_REGISTER_USHORT(volatile USHORT* Register);
NTKERNELAPI ULONG NTAPI READ_REGISTER_ULONG(volatile ULONG* Register);
NTKERNELAPI void NTAPI WRITE_REGISTER_UCHAR(volatile UCHAR* Register, UCHAR Value);
NTKERNELAPI void NTAPI WRITE_REGISTER_USHORT(volatile USHORT* Register, USHORT Value);
NTKERNELAPI void NTAPI WRITE_REGISTER_ULONG(volatile ULONG* Register, ULONG Value);
/// `Count` units: the register and the ones behind it. @irql any
NTKERNELAPI void NTAPI READ_REGISTER_BUFFER_UCHAR(volatile UCHAR* Register, UCHAR* Buffer, ULONG Count);
NTKERNELAPI void NTAPI READ_REGISTER_BUFFER_USHORT(volatile USHORT* Register, USHORT* Buffer, ULONG Count);
NTKERNELAPI void NTAPI READ_REGISTER_BUFFER_ULONG(volatile ULONG* Register, ULONG* Buffer, ULONG Count);
NTKERNELAPI void NTAPI WRITE_REGISTER_BUFFER_UCHAR(volatile UCHAR* Register, const UCHAR* Buffer, ULONG Count);
NTKERNELAPI void NTAPI WRITE_REGISTER_BUFFER_USHORT(volatile USHORT* Register, const USHORT* Buffer, ULONG Count);
NTKERNELAPI void NTAPI WRITE_REGISTER_BUFFER_ULONG(volatile ULONG* Register, const ULONG* Buffer, ULONG Count);
}

// Private to the files of streams. All of it under CRT_LOCK::Streams.
//
//     reading:  _base [ taken | _ptr: _cnt bytes still to take ]          writing:  _base [ held | _ptr: _cnt bytes of room ]
//
// Invariant: a stream reads or writes, never both at once; between the two, its buffer is empty (_cnt = 0, _ptr = _base).
#pragma once

#include "crt.h"

/// A stream's buffer, made at the first use. @returns false: it has none, each byte goes its own way
bool CrtMakeBuffer(FILE& stream);
/// Writes what the buffer holds, or forgets what was read ahead. @returns whether it was written
bool CrtFlush(FILE& stream);
/// Fills the buffer. @returns whether there is a byte; else the stream says end or error
bool CrtFill(FILE& stream);
/// Begins to write, or to read: what the other direction has is settled. @returns whether the stream may
bool CrtTurnToWriting(FILE& stream);
bool CrtTurnToReading(FILE& stream);

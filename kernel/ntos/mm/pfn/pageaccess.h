// What the page frame database asks of the rest of the memory manager: reach a page, or a PTE in it, by the page's number;
// release a page's space in a page file.
//
// A PTE of another process is mapped nowhere; the page that holds it is known (MMPFN::u4.PteFrame). The host tests have
// routines of their own instead of pageaccess.cpp.
// IRQL: DISPATCH_LEVEL, but where said.
#pragma once

#include "ke/irql.h"
#include "mm/i386/pte.h"

/// Reads a PTE. @param pteFrame the page that holds it. @param pte its address in any address space: where in the page it is
/// follows from the address.
MMPTE MiReadPteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte) REQUIRES_(AtDispatchLevel);
/// Writes a PTE, in one access.
void MiWritePteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte, MMPTE value) REQUIRES_(AtDispatchLevel);
/// @returns the page that holds a PTE, or a prototype PTE, that is mapped in the current address space.
PFN_NUMBER MiFrameOfPte(const MMPTE* pte);
/// Fills a page with zeros. @irql <= DISPATCH_LEVEL
void MiZeroPhysicalPage(PFN_NUMBER frame);
/// A page of a section has left memory, or is going to. @param original its OriginalPte: the section's file counts its pages
void MiForgetPageOfSection(MMPTE original) REQUIRES_(AtDispatchLevel);
/// Fills a page with zeros from a byte on. @irql <= DISPATCH_LEVEL
void MiZeroEndOfPage(PFN_NUMBER frame, ULONG from);
/// Copies a page. @irql <= DISPATCH_LEVEL
void MiCopyPhysicalPage(PFN_NUMBER to, PFN_NUMBER from);
/// The PTE of a page is gone, so the space in a page file that belongs to it is free again.
/// @param original its OriginalPte, of the kind PageFile
void MiReleasePageOfPageFile(MMPTE original) REQUIRES_(AtDispatchLevel);

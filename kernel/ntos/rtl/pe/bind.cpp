// Exports and imports: fills the import address tables of loaded images. Contract: rtl/pe.h. BOO-01
#include "pep.h"

namespace nt {

namespace {

/// A forwarder may lead to a forwarder; a ring of them must end.
constexpr ULONG MAXIMUM_FORWARDS = 8;
constexpr ULONG ORDINAL_MASK = 0xFFFF; // of an entry with IMAGE_ORDINAL_FLAG32

/// Notes what is wrong with the exports of an image. @returns `status`
[[maybe_unused]] NTSTATUS BadExports(const PeModule& module, NTSTATUS status, PeError* error) {
    (void)error->SetNames(PeFault::BadExports, module.Name, nullptr);
    return status;
}

/// Splits "hal.KfLowerIrql" into "hal" and "KfLowerIrql", or "hal.#12" into "hal" and an ordinal.
/// @param[in,out] text of which the image's name is left. @param[out] name nullptr: it is an ordinal
[[maybe_unused]] bool SplitForwarder(CHAR* text, PCSTR* name, ULONG* ordinal) {
    CHAR* dot = nullptr;
    for (CHAR* at = text; *at != 0; at++)
        if (*at == '.') dot = at; // the last one: an image's name may have some
    if (!dot || dot == text) return false;
    *dot = 0;
    *name = dot + 1;
    if (**name != '#') return **name != 0;
    *ordinal = 0;
    for (PCSTR digit = *name + 1; *digit >= '0' && *digit <= '9'; digit++)
        *ordinal = *ordinal * 10 + ULONG(*digit - '0');
    *name = nullptr;
    return true;
}

/// Finds the image of a name; if there is none `error` says so. @param symbol that is looked for in it, or nullptr
[[maybe_unused]] NTSTATUS FindModule(PeModules& modules, PCSTR name, PCSTR symbol, const PeModule** module,
                                     PeError* error) {
    const NTSTATUS status = modules.Find(name, module);
    if (!NT_SUCCESS(status)) (void)error->SetNames(PeFault::ModuleMissing, name, symbol);
    return status;
}

} // namespace

// LAB(1.8) begin
namespace {

/// Binary search in the export name table, which is sorted. @param[out] index of the function
/// @returns STATUS_NOT_FOUND: there is none of that name
NTSTATUS FindName(PeImage& image, const IMAGE_EXPORT_DIRECTORY& exports, PCSTR name, ULONG* index) {
    ULONG low = 0, high = exports.NumberOfNames;
    while (low < high) {
        const ULONG middle = low + (high - low) / 2;
        ULONG candidate;
        int order;
        NT_TRY(image.Get(exports.AddressOfNames + middle * ULONG(sizeof(ULONG)), &candidate));
        NT_TRY(image.CompareText(name, candidate, &order));
        if (order == 0) {
            USHORT ordinal;
            NT_TRY(image.Get(exports.AddressOfNameOrdinals + middle * ULONG(sizeof(USHORT)), &ordinal));
            *index = ordinal;
            return STATUS_SUCCESS;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return STATUS_NOT_FOUND;
}

/// One step of a look-up: the entry of an image's export address table.
/// @param[out] function relative to its base. @returns STATUS_NOT_FOUND; STATUS_INVALID_IMAGE_FORMAT and others: damaged
NTSTATUS FindFunction(const PeModule& module, PCSTR name, ULONG ordinal, ULONG* function) {
    const IMAGE_DATA_DIRECTORY table = module.Headers.Directory(IMAGE_DIRECTORY_ENTRY_EXPORT);
    PeImage& image = *module.Image;
    IMAGE_EXPORT_DIRECTORY exports;
    if (table.Size == 0) return STATUS_NOT_FOUND;
    if (!image.Has(table.VirtualAddress, table.Size)) return STATUS_INVALID_IMAGE_FORMAT;
    NT_TRY(image.Get(table.VirtualAddress, &exports));
    const ULONG most = image.Size() / ULONG(sizeof(ULONG));
    if (exports.NumberOfNames > most || exports.NumberOfFunctions > most) return STATUS_INVALID_IMAGE_FORMAT;
    ULONG index = ordinal - exports.Base;
    if (name) NT_TRY(FindName(image, exports, name, &index));
    if (index >= exports.NumberOfFunctions) return STATUS_NOT_FOUND;
    NT_TRY(image.Get(exports.AddressOfFunctions + index * ULONG(sizeof(ULONG)), function));
    if (*function == 0) return STATUS_NOT_FOUND; // a gap between ordinals
    return *function < image.Size() ? STATUS_SUCCESS : STATUS_INVALID_IMAGE_FORMAT;
}

/// An address inside of the export table is that of a forwarder's text.
bool IsForwarder(const PeModule& module, ULONG function) {
    const IMAGE_DATA_DIRECTORY table = module.Headers.Directory(IMAGE_DIRECTORY_ENTRY_EXPORT);
    return function >= table.VirtualAddress && function - table.VirtualAddress < table.Size;
}

/// Finds what one entry of an import look-up table names.
NTSTATUS Resolve(const PeModule& importer, const PeModule& exporter, ULONG thunk, PeModules& modules, ULONG* address,
                 PeError* error) {
    if (thunk & IMAGE_ORDINAL_FLAG32)
        return PeFindExport(exporter, nullptr, thunk & ORDINAL_MASK, modules, address, error);
    CHAR name[PE_SYMBOL_SIZE];
    PE_TRY(importer.Image->GetText(thunk + ULONG(sizeof(USHORT)), name, sizeof(name)), PeFault::BadImports, thunk);
    return PeFindExport(exporter, name, 0, modules, address, error);
}

/// Fills the import address table of one descriptor.
NTSTATUS BindTo(const PeModule& module, const IMAGE_IMPORT_DESCRIPTOR& import, const PeModule& exporter,
                PeModules& modules, PeError* error) {
    // Linkers of another maker write the look-ups into the table that the addresses go to.
    ULONG lookup = import.OriginalFirstThunk != 0 ? import.OriginalFirstThunk : import.FirstThunk;
    for (ULONG slot = import.FirstThunk;; slot += ULONG(sizeof(ULONG)), lookup += ULONG(sizeof(ULONG))) {
        ULONG thunk, address = 0;
        PE_TRY(module.Image->Get(lookup, &thunk), PeFault::BadImports, lookup);
        if (thunk == 0) return STATUS_SUCCESS;
        NT_TRY(Resolve(module, exporter, thunk, modules, &address, error));
        PE_TRY(module.Image->Put(slot, address), PeFault::BadImports, slot);
    }
}

} // namespace
// LAB(1.8) else
//| // Room for helpers of your own.
// LAB(1.8) end

/// Looks up an export of an image, by name or, with `name` nullptr, by ordinal.
///
/// - IMAGE_DIRECTORY_ENTRY_EXPORT says where the IMAGE_EXPORT_DIRECTORY is. An image without one (Size 0) exports nothing.
/// - The name at index i of AddressOfNames belongs to the function whose index is at i of AddressOfNameOrdinals. Ordinal n belongs to
///   the function of index n - Base. A function of AddressOfFunctions is an offset in the image.
/// - The names are sorted by their bytes. One look-up compares with at most 1 + log2(NumberOfNames) of them.
/// - An index of NumberOfFunctions or more, and a function of 0, are no export.
/// - A function outside of the directory's bytes (VirtualAddress, Size) is the export: *address is the image's Base and the function.
///   A function inside of them is a forwarder: the offset of a text that names the image and the export which stand in its place, which
///   may be a forwarder again (SplitForwarder; FindModule). 8 images are looked into at most (MAXIMUM_FORWARDS).
/// - Damaged exports: a directory that does not lie in the image; more names or functions than an image of that size has room for; a
///   function that does not lie in it; a forwarder that names no image or no export; an access that fails, with its status.
/// - Nothing of a directory is read twice in one look-up.
/// @param name its case counts. @param[out] address of the routine or variable, in case of success. @irql that of the images
/// @returns SymbolMissing: Module is the image that lacks it, Symbol its name there, or Value its ordinal; ModuleMissing: Module is the
/// one of a forwarder, Symbol what is looked for in it; BadExports: Module is the damaged one; ForwarderLoop: Module is `first`
NTSTATUS PeFindExport(const PeModule& first, PCSTR name, ULONG ordinal, PeModules& modules, ULONG* address,
                      PeError* error) {
    // LAB(1.8) begin
    CHAR forwarder[PE_SYMBOL_SIZE];
    const PeModule* module = &first;
    for (ULONG hop = 0; hop < MAXIMUM_FORWARDS; hop++) {
        ULONG function = 0;
        const NTSTATUS status = FindFunction(*module, name, ordinal, &function);
        if (status == STATUS_NOT_FOUND) return error->SetNames(PeFault::SymbolMissing, module->Name, name, ordinal);
        if (!NT_SUCCESS(status)) return BadExports(*module, status, error);
        if (!IsForwarder(*module, function)) {
            *address = module->Base + function;
            return STATUS_SUCCESS;
        }
        // From here on `name` is of no use: it may lie in the buffer that is written to.
        const NTSTATUS read = module->Image->GetText(function, forwarder, sizeof(forwarder));
        if (!NT_SUCCESS(read)) return BadExports(*module, read, error);
        if (!SplitForwarder(forwarder, &name, &ordinal)) return BadExports(*module, STATUS_INVALID_IMAGE_FORMAT, error);
        NT_TRY(FindModule(modules, forwarder, name, &module, error));
    }
    return error->SetNames(PeFault::ForwarderLoop, first.Name, name, ordinal);
    // LAB(1.8) else
    //| LAB_NOT_IMPLEMENTED("1.8");
    // LAB(1.8) end
}

/// Fills the import address tables of an image.
///
/// - IMAGE_DIRECTORY_ENTRY_IMPORT says where the first IMAGE_IMPORT_DESCRIPTOR is; an image without one (Size 0) imports nothing. The
///   last one has neither Name nor FirstThunk.
/// - A descriptor names an image (FindModule) and has two tables of 32-bit entries: what to look up, at OriginalFirstThunk, and where
///   the addresses go, at FirstThunk. If OriginalFirstThunk is 0 both are the one at FirstThunk. An entry of 0 ends them.
/// - An entry with IMAGE_ORDINAL_FLAG32 has an ordinal in its lower 16 bits. Another one is the offset of a hint of 16 bits, which
///   counts for nothing, and of the name behind it, at most PE_SYMBOL_SIZE bytes with its 0.
/// - Post: each entry at FirstThunk before the last is the address of its export (PeFindExport); all other bytes are as they were. If
///   the routine fails some of the entries may be filled.
/// - The image may change meanwhile: no value of its tables is read twice.
/// - An access that fails ends the work with its status, as BadImports.
/// @param module relocated; so are the images that it imports from
/// @returns BadImports: Value is the offset of the descriptor, the entry or the hint that is wrong, or has a name that is; ModuleMissing:
/// Module is the name in the descriptor, Symbol is empty; what PeFindExport returns
NTSTATUS PeBind(const PeModule& module, PeModules& modules, PeError* error) {
    // LAB(1.8) begin
    const IMAGE_DATA_DIRECTORY table = module.Headers.Directory(IMAGE_DIRECTORY_ENTRY_IMPORT);
    if (table.Size == 0) return STATUS_SUCCESS;
    for (ULONG at = table.VirtualAddress;; at += ULONG(sizeof(IMAGE_IMPORT_DESCRIPTOR))) {
        IMAGE_IMPORT_DESCRIPTOR import;
        CHAR name[PeError::MODULE_SIZE];
        const PeModule* exporter = nullptr;
        PE_TRY(module.Image->Get(at, &import), PeFault::BadImports, at);
        if (import.Name == 0 && import.FirstThunk == 0) return STATUS_SUCCESS;
        PE_TRY(module.Image->GetText(import.Name, name, sizeof(name)), PeFault::BadImports, at);
        NT_TRY(FindModule(modules, name, nullptr, &exporter, error));
        NT_TRY(BindTo(module, import, *exporter, modules, error));
    }
    // LAB(1.8) else
    //| LAB_NOT_IMPLEMENTED("1.8");
    // LAB(1.8) end
}

} // namespace nt

// pe_bind.cpp - exports and imports: fill the import address tables of loaded images. Contract: pe.h. BOO-01
#include "pe.h"

namespace boot {

namespace {

/// A forwarder may lead to a forwarder; a ring of them must end.
constexpr ULONG MAXIMUM_FORWARDS = 8;
constexpr ULONG MAXIMUM_MODULE_NAME = 64;

PeResult BadImports(ULONG at) { return {PeStatus::BadImports, at, nullptr, nullptr}; }
PeResult BadExports(const PeModule& module) { return {PeStatus::BadExports, 0, module.Name, nullptr}; }

const PeModule* FindModule(nt::Span<const PeModule> modules, const char* name) {
    for (const PeModule& module : modules) {
        if (EqualNames(module.Name, name)) {
            return &module;
        }
    }
    return nullptr;
}

/// Strings compare as bytes: the export name table is sorted that way.
int Compare(const char* left, const char* right) {
    while (*left != 0 && *left == *right) {
        left++;
        right++;
    }
    return static_cast<UCHAR>(*left) - static_cast<UCHAR>(*right);
}

enum class Found : UCHAR { Yes, No, Damaged };

/// Binary search in the export name table for the index of a function.
Found FindName(const PeModule& module, const IMAGE_EXPORT_DIRECTORY& exports, const char* name, ULONG* index) {
    ULONG low = 0;
    ULONG high = exports.NumberOfNames;
    while (low < high) {
        const ULONG middle = low + (high - low) / 2;
        ULONG nameAt;
        if (!module.Image.Read(exports.AddressOfNames + middle * 4, &nameAt)) {
            return Found::Damaged;
        }
        const char* const candidate = module.Image.String(nameAt);
        if (candidate == nullptr) {
            return Found::Damaged;
        }
        const int order = Compare(name, candidate);
        if (order == 0) {
            USHORT ordinal;
            if (!module.Image.Read(exports.AddressOfNameOrdinals + middle * 2, &ordinal)) {
                return Found::Damaged;
            }
            *index = ordinal;
            return Found::Yes;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return Found::No;
}

/// Splits "hal.KfLowerIrql" into "hal.dll" and "KfLowerIrql" (or "#12" into an ordinal).
bool SplitForwarder(const char* forwarder, char (&moduleName)[MAXIMUM_MODULE_NAME], const char** name, ULONG* ordinal) {
    ULONG dot = MAXIMUM_MODULE_NAME;
    for (ULONG at = 0; forwarder[at] != 0; at++) {
        if (forwarder[at] == '.') {
            dot = at; // the last dot: a module name may have some
        }
    }
    if (dot >= MAXIMUM_MODULE_NAME - sizeof(".dll")) {
        return false;
    }
    memcpy(moduleName, forwarder, dot);
    memcpy(moduleName + dot, ".dll", sizeof(".dll"));
    *name = forwarder + dot + 1;
    if (**name == '#') {
        *ordinal = 0;
        for (const char* digit = *name + 1; *digit >= '0' && *digit <= '9'; digit++) {
            *ordinal = *ordinal * 10 + static_cast<ULONG>(*digit - '0');
        }
        *name = nullptr;
    }
    return true;
}

const PeModule* FindForwarded(nt::Span<const PeModule> modules, char (&name)[MAXIMUM_MODULE_NAME]) {
    if (const PeModule* const found = FindModule(modules, name)) {
        return found;
    }
    // A forwarder names the module without its extension.
    ULONG dot = 0;
    while (name[dot] != 0) {
        dot++;
    }
    memcpy(name + dot - 4, ".exe", 4);
    if (const PeModule* const found = FindModule(modules, name)) {
        return found;
    }
    memcpy(name + dot - 4, ".sys", 4);
    return FindModule(modules, name);
}

} // namespace

PeResult PeFindExport(const PeModule& first, const char* name, ULONG ordinal, nt::Span<const PeModule> modules,
                      ULONG* address) {
    const PeModule* module = &first;
    for (ULONG hop = 0; hop < MAXIMUM_FORWARDS; hop++) {
        const PeResult missing = {PeStatus::SymbolMissing, ordinal, module->Name, name};
        const IMAGE_DATA_DIRECTORY table = module->Info.Exports;
        if (table.Size == 0) {
            return missing;
        }
        IMAGE_EXPORT_DIRECTORY exports;
        if (!module->Image.Has(table.VirtualAddress, table.Size) ||
            !module->Image.Read(table.VirtualAddress, &exports) || exports.NumberOfNames > module->Image.Size() / 4 ||
            exports.NumberOfFunctions > module->Image.Size() / 4) {
            return BadExports(*module);
        }
        ULONG index = ordinal - exports.Base;
        if (name != nullptr) {
            const Found found = FindName(*module, exports, name, &index);
            if (found == Found::Damaged) {
                return BadExports(*module);
            }
            if (found == Found::No) {
                return missing;
            }
        }
        if (index >= exports.NumberOfFunctions) {
            return missing;
        }
        ULONG function;
        if (!module->Image.Read(exports.AddressOfFunctions + index * 4, &function) ||
            function >= module->Image.Size()) {
            return BadExports(*module);
        }
        if (function == 0) {
            return missing;
        }
        if (function < table.VirtualAddress || function - table.VirtualAddress >= table.Size) {
            *address = module->VirtualBase + function;
            return {};
        }
        // An address inside the export table is a forwarder string.
        const char* const forwarder = module->Image.String(function);
        char moduleName[MAXIMUM_MODULE_NAME];
        if (forwarder == nullptr || !SplitForwarder(forwarder, moduleName, &name, &ordinal)) {
            return BadExports(*module);
        }
        module = FindForwarded(modules, moduleName);
        if (module == nullptr) {
            return {PeStatus::ModuleMissing, 0, forwarder, name};
        }
    }
    return {PeStatus::ForwarderLoop, ordinal, first.Name, name};
}

PeResult PeBind(const PeModule& module, nt::Span<const PeModule> modules) {
    const IMAGE_DATA_DIRECTORY table = module.Info.Imports;
    if (table.Size == 0) {
        return {};
    }
    for (ULONG at = table.VirtualAddress;; at += static_cast<ULONG>(sizeof(IMAGE_IMPORT_DESCRIPTOR))) {
        IMAGE_IMPORT_DESCRIPTOR import;
        if (!module.Image.Read(at, &import)) {
            return BadImports(at);
        }
        if (import.Name == 0 && import.FirstThunk == 0) {
            return {};
        }
        const char* const importName = module.Image.String(import.Name);
        if (importName == nullptr) {
            return BadImports(at);
        }
        const PeModule* const exporter = FindModule(modules, importName);
        if (exporter == nullptr) {
            return {PeStatus::ModuleMissing, 0, importName, nullptr};
        }
        ULONG lookup = import.OriginalFirstThunk != 0 ? import.OriginalFirstThunk : import.FirstThunk;
        for (ULONG slot = import.FirstThunk;; slot += 4, lookup += 4) {
            ULONG thunk;
            if (!module.Image.Read(lookup, &thunk)) {
                return BadImports(lookup);
            }
            if (thunk == 0) {
                break;
            }
            const char* name = nullptr;
            if ((thunk & IMAGE_ORDINAL_FLAG32) == 0) {
                name = module.Image.String(thunk + 2); // a 16-bit hint comes first
                if (name == nullptr) {
                    return BadImports(lookup);
                }
            }
            ULONG address;
            const PeResult result = PeFindExport(*exporter, name, thunk & 0xffff, modules, &address);
            if (!result) {
                return result;
            }
            if (!module.Image.Write(slot, address)) {
                return BadImports(slot);
            }
        }
    }
}

} // namespace boot

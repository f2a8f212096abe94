// modules: the loaded images.
#include "kd/commands.h"
#include "ldr.h"

KD_COMMAND(modules, "", "loaded images") {
    session.Print("  base      size      image\n");
    for (const LDR_DATA_TABLE_ENTRY* module : nt::List<&LDR_DATA_TABLE_ENTRY::InLoadOrderLinks>(PsLoadedModuleList))
        session.Print("  %p  %08x  %wZ\n", module->DllBase, module->SizeOfImage, &module->BaseDllName);
}

// help: what the monitor can do.
#include "kd/commands.h"

KD_COMMAND(help, "", "this list") {
    (void)KdpForEachCommand([&](const KD_COMMAND_ENTRY& command) {
        session.Print("  %-9s %-12s %s\n", command.Name, command.Arguments, command.Help);
        return false;
    });
}

// The table of monitor commands, and the way from a line to a command.
#include "commands.h"
#include "rtl/string.h"

#if defined(_WIN32)
extern "C" {
__attribute__((section(".kdcmd$a"), used)) const KD_COMMAND_ENTRY* const KdpCommandsBegin[] = {nullptr};
__attribute__((section(".kdcmd$z"), used)) const KD_COMMAND_ENTRY* const KdpCommandsEnd[] = {nullptr};
}
#endif

void KdpExecuteLine(KD_SESSION& session, PCSTR line) {
    session.BeginCommand();
    session.SetArguments(line);
    CHAR name[32] = "processors";
    if (*line == '~') { // as debuggers write it: ~ and ~2
        session.SetArguments(line + 1);
    } else if (!session.NextWord(name, sizeof(name))) {
        return;
    }
    const bool known = KdpForEachCommand([&](const KD_COMMAND_ENTRY& command) {
        if (strcmp(command.Name, name) != 0) return false;
        command.Run(session);
        return true;
    });
    if (!known) session.Print("%s: no such command; `help` lists them\n", name);
}

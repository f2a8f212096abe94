// sx: stop at exceptions before their handlers are asked.
#include "kd/commands.h"
#include "kd/kdp.h"

KD_COMMAND(sx, "on|off", "stop at every exception's first chance") {
    CHAR word[4];
    const bool on = session.NextWord(word, sizeof(word)) && word[0] == 'o' && word[1] == 'n';
    KdpStopAtFirstChance(on);
    session.Print("first chance: %s\n", on ? "stop here" : "breakpoints only");
}

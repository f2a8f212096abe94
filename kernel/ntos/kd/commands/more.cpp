// more: whether long output stops at the end of a page. Off at first, so that scripts need not answer.
#include "kd/commands.h"
#include "rtl/string.h"

KD_COMMAND(more, "[on|off]", "stop at the end of each page") {
    CHAR word[4];
    const bool on = !session.NextWord(word, sizeof(word)) || strcmp(word, "off") != 0;
    session.SetPaging(on);
    session.Print("paging is %s\n", on ? "on" : "off");
}

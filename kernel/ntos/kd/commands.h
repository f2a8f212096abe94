// How a monitor command is written: one file under commands/, and nothing else to change.
//
//     KD_COMMAND(hello, "[name]", "greet") {
//         CHAR name[16];
//         session.Print("hello, %s\n", session.NextWord(name, sizeof(name)) ? name : "world");
//     }
//
// The macro puts a pointer to the command's description into a section of its own; the linker joins the pieces of all
// files to the table that `help` prints and the prompt searches.
// A command runs at PASSIVE_LEVEL in the monitor's thread while the kernel runs, or at HIGH_LEVEL in a stopped kernel
// (session.Stopped()). It takes the locks of what it reads only in the first case: see KdpLock in threadview.h.
// In the books: "kernel debugging". TOL-06
#pragma once

#include "session.h"

/// A command of the monitor, as the linker's table holds it.
struct KD_COMMAND_ENTRY {
    PCSTR Name;
    PCSTR Arguments; ///< as help shows them; "" if it has none
    PCSTR Help;      ///< one line
    void (*Run)(KD_SESSION& session);
};

#if defined(_WIN32)
#define KD_COMMAND_SECTION ".kdcmd$m"
#else
#define KD_COMMAND_SECTION "kdcmd"
#endif

#define KD_COMMAND(name, arguments, help)                                                                       \
    static void KdpRun_##name(KD_SESSION& session);                                                             \
    static constexpr KD_COMMAND_ENTRY KdpEntry_##name = {#name, arguments, help, KdpRun_##name};                \
    __attribute__((section(KD_COMMAND_SECTION), used)) static const KD_COMMAND_ENTRY* const KdpCommand_##name = \
        &KdpEntry_##name;                                                                                       \
    static void KdpRun_##name([[maybe_unused]] KD_SESSION& session)

/// Calls `each` with every command, in the order of their files. Stops when it returns true. @returns whether it did.
template <typename Each> bool KdpForEachCommand(Each each);

/// What a noun ends with behind a number.
inline PCSTR KdpPlural(ULONG number) { return number == 1 ? "" : "s"; }

/// Runs one line. An unknown command names `help`.
void KdpExecuteLine(KD_SESSION& session, PCSTR line);

#if !defined(_WIN32) // host tests: the linker names a section's ends itself
#define KdpCommandsBegin __start_kdcmd
#define KdpCommandsEnd __stop_kdcmd
#endif
extern "C" const KD_COMMAND_ENTRY* const KdpCommandsBegin[];
extern "C" const KD_COMMAND_ENTRY* const KdpCommandsEnd[];

template <typename Each> bool KdpForEachCommand(Each each) {
    for (const KD_COMMAND_ENTRY* const* at = KdpCommandsBegin; at < KdpCommandsEnd; at++) {
        if (*at && each(**at)) return true; // the linker may leave room between the pieces
    }
    return false;
}

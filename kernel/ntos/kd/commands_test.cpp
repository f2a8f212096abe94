// From a line to a command and its arguments; the output of a session.
// TOL-06
#include "commands.h"
#include "kdp.h"
#include "ke/ki/context.h"
#include "ke/ki/time.h"
#include "machine.h"
#include "threadview.h"

static_assert(offsetof(KSWITCH_FRAME, Ebp) == KD_SWITCH_FRAME_EBP * sizeof(ULONG_PTR) &&
                  offsetof(KSWITCH_FRAME, ReturnAddress) == (KD_SWITCH_FRAME_EBP + 1) * sizeof(ULONG_PTR),
              "the stack command reads the frame that the context switch leaves");

namespace {

std::string Typed;   ///< what HalDebugGetChar gives
std::string Console; ///< what KdpPutString was given

std::string Execute(const char* line, SIZE_T room = 4096) {
    std::string output(room + 4, '\xAA');
    KD_SESSION session(nullptr, output.data(), room);
    KdpExecuteLine(session, line);
    EXPECT_EQ(output.substr(room), std::string(4, '\xAA')) << "wrote behind the buffer";
    return output.c_str();
}

} // namespace

void KdpPutString(PCSTR Text) { Console += Text; }

LONG NTAPI HalDebugGetChar() {
    if (Typed.empty()) throw std::runtime_error("the monitor waits for input that does not come");
    const char character = Typed.front();
    Typed.erase(0, 1);
    return character;
}

KD_COMMAND(words, "[...]", "arguments, one a line") {
    CHAR word[8];
    while (session.NextWord(word, sizeof(word)))
        session.Print("[%s]\n", word);
}

KD_COMMAND(number, "n", "a number") {
    ULONG number = 7;
    const bool read = session.NextNumber(&number);
    session.Print("%s %u\n", read ? "read" : "kept", number);
}

KD_COMMAND(rows, "", "many rows") {
    for (ULONG i = 0; i < 100; i++)
        session.Print("row %u\n", i);
}

TEST(CommandsTest, LinesAreSplitAtBlanks) {
    EXPECT_EQ(Execute("words a  bc\tdef "), "[a]\n[bc]\n[def]\n");
    EXPECT_EQ(Execute("  words"), "");
    EXPECT_EQ(Execute("words 123456789"), "[1234567]\n"); // cut to fit
    EXPECT_EQ(Execute(""), "");
    EXPECT_EQ(Execute(" \t "), "");
}

TEST(CommandsTest, UnknownCommandNamesHelp) {
    EXPECT_EQ(Execute("wordss"), "wordss: no such command; `help` lists them\n");
    EXPECT_EQ(Execute("word"), "word: no such command; `help` lists them\n");
}

TEST(CommandsTest, HelpListsEveryCommand) {
    const std::string help = Execute("help");
    for (const char* name : {"  help ", "  words ", "  number ", "  uptime "})
        EXPECT_NE(help.find(name), std::string::npos) << name << " in\n" << help;
}

TEST(CommandsTest, NumbersAreReadOrRefused) {
    EXPECT_EQ(Execute("number 12"), "read 12\n");
    EXPECT_EQ(Execute("number 0x10"), "read 16\n");
    EXPECT_EQ(Execute("number"), "kept 7\n");
    EXPECT_EQ(Execute("number x"), "x is not a number\nkept 7\n");
}

TEST(CommandsTest, OutputIsCutToTheBuffer) {
    EXPECT_EQ(Execute("number 12", 5), "read");
    EXPECT_EQ(Execute("number 12", 1), "");
}

TEST(CommandsTest, PagingAsksAtTheEndOfAPage) {
    KD_SESSION session(nullptr);
    session.SetPaging(true);
    Console.clear();
    Typed = " q";
    KdpExecuteLine(session, "rows");
    EXPECT_NE(Console.find("row 45\n"), std::string::npos);
    EXPECT_EQ(Console.find("row 46\n"), std::string::npos); // two pages of 23 rows
    EXPECT_EQ(Typed, "");
    session.SetPaging(false);
    Console.clear();
    KdpExecuteLine(session, "rows");
    EXPECT_NE(Console.find("row 99\n"), std::string::npos);
}

using UptimeTest = host::KernelTest;

// TOL-06, HAL-07
TEST_F(UptimeTest, SaysTimeTicksAndSwitches) {
    Run([&] {
        machine->Tick(250);
        KiProcessorBlock[0]->ContextSwitches = 4711;
        const ULONGLONG milliseconds = KeQueryInterruptTime() / 10'000;
        LARGE_INTEGER ticks;
        KeQueryTickCount(&ticks);
        char expected[128];
        std::snprintf(expected, sizeof(expected), "up 0 days 00:00:%02llu.%03llu, %llu ticks, 4711 context switches\n",
                      static_cast<unsigned long long>(milliseconds / 1000),
                      static_cast<unsigned long long>(milliseconds % 1000),
                      static_cast<unsigned long long>(ticks.QuadPart));
        EXPECT_EQ(Execute("uptime"), expected);
    });
}

// TOL-06, HAL-07
TEST_F(UptimeTest, CountsDaysAndCutsMilliseconds) {
    Run([&] {
        constexpr LONGLONG second = 10'000'000;
        KiWriteTime(KiInterruptTime, (((12LL * 24 + 23) * 60 + 5) * 60 + 6) * second + 789'9999);
        EXPECT_EQ(Execute("uptime").substr(0, 25), "up 12 days 23:05:06.789, ");
    });
}

using ReadLineTest = host::KernelTest;

// TOL-06
TEST_F(ReadLineTest, OthersRunBeforeEachLineAlsoOneThatWasTypedAhead) {
    Run([&] {
        std::string order;
        Typed = "one\rtwo\r";
        KD_SESSION session(nullptr);
        nt::LineEditor editor;
        for (int line = 0; line < 2; line++) {
            machine->Spawn(1, [&] { order += "other "; });
            session.ReadLine(editor);
            order += std::string(editor.Line()) + " ";
        }
        EXPECT_EQ(order, "other one other two ");
    });
}

// A command line as the arguments of main. Contract: arguments.h.
//
//     a "b c" d\"e "f\\" g\\h      a | b c | d"e | f\ | g\\h
//
// 2n backslashes before a quote are n of them, and the quote counts; 2n + 1 are n and a quote that is text. In quotes, "" is a quote. The
// program's own name has no such backslashes: it ends at its second quote, or at a blank.
// In the books: none; the public documentation, "parsing C command-line arguments". SYS-01
#include "arguments.h"

namespace {

/// Where the texts go; counts where there is no room yet.
class WRITER {
public:
    WRITER(char** vector, char* texts) : m_vector(vector), m_next(texts) {}

    void Begin() {
        if (m_vector) m_vector[m_count] = m_next;
        m_count++;
    }
    void Put(char character) {
        if (m_vector) *m_next++ = character;
        m_bytes++;
    }
    [[nodiscard]] int Count() const { return m_count; }
    [[nodiscard]] SIZE_T Bytes() const { return m_bytes; }

private:
    char** m_vector;
    char* m_next;
    int m_count = 0;
    SIZE_T m_bytes = 0;
};

bool IsBlank(char character) { return character == ' ' || character == '\t'; }

const char* TakeName(const char* at, WRITER& writer) {
    bool quoted = false;
    writer.Begin();
    for (; *at && (quoted || !IsBlank(*at)); at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else {
            writer.Put(*at);
        }
    }
    writer.Put(0);
    return at;
}

/// Backslashes, and the quote behind them if it is text. @returns where to go on
const char* TakeBackslashes(const char* at, WRITER& writer) {
    ULONG count = 0;
    while (at[count] == '\\')
        count++;
    const bool beforeQuote = at[count] == '"';
    for (ULONG i = 0; i < (beforeQuote ? count / 2 : count); i++)
        writer.Put('\\');
    at += count;
    if (!beforeQuote || count % 2 == 0) return at;
    writer.Put('"');
    return at + 1;
}

const char* TakeArgument(const char* at, WRITER& writer) {
    bool quoted = false;
    writer.Begin();
    while (*at && (quoted || !IsBlank(*at))) {
        if (*at == '\\') {
            at = TakeBackslashes(at, writer);
        } else if (*at != '"') {
            writer.Put(*at++);
        } else if (quoted && at[1] == '"') {
            writer.Put('"');
            at += 2;
        } else {
            quoted = !quoted;
            at++;
        }
    }
    writer.Put(0);
    return at;
}

} // namespace

int CrtSplit(const char* commandLine, char** vector, char* texts, SIZE_T* bytes) {
    WRITER writer(vector, texts);
    const char* at = TakeName(commandLine, writer);
    for (;;) {
        while (IsBlank(*at))
            at++;
        if (!*at) break;
        at = TakeArgument(at, writer);
    }
    *bytes = writer.Bytes();
    return writer.Count();
}

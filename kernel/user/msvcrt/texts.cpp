// Texts and their characters, in the locale "C": those that ntdll.dll lacks. Contract: the C standard.
#include "perthread.h"

namespace {

bool IsBetween(int character, int first, int last) { return character >= first && character <= last; }

} // namespace

extern "C" {

int CDECL isalpha(int character) { return IsBetween(character | ' ', 'a', 'z'); }
int CDECL isalnum(int character) { return isalpha(character) || IsBetween(character, '0', '9'); }
int CDECL iscntrl(int character) { return IsBetween(character, 0, 0x1F) || character == 0x7F; }
int CDECL isgraph(int character) { return IsBetween(character, '!', '~'); }
int CDECL ispunct(int character) { return isgraph(character) && !isalnum(character); }

int CDECL strcoll(const char* left, const char* right) { return strcmp(left, right); }

/// @returns the text's length; the text changed for strcmp is the text itself
SIZE_T CDECL strxfrm(char* to, const char* from, SIZE_T room) {
    const SIZE_T length = strlen(from);
    for (SIZE_T i = 0; i <= length && i < room; i++)
        to[i] = from[i];
    return length;
}

/// @returns how many characters at the begin are none of `set`
SIZE_T CDECL strcspn(const char* text, const char* set) {
    SIZE_T length = 0;
    while (text[length] && !strchr(set, text[length]))
        length++;
    return length;
}

/// @returns the first character that is one of `set`, or nullptr
char* CDECL strpbrk(const char* text, const char* set) {
    const char* const found = text + strcspn(text, set);
    return *found ? const_cast<char*>(found) : nullptr;
}

/// The next word of a text, which is cut there. @param text nullptr: of the text of the thread's last call
/// @param blanks what stands between words. @returns nullptr: there is none
char* CDECL strtok(char* text, const char* blanks) {
    char*& next = CrtPerThread().Token;
    char* const word = text ? text : next;
    if (!word) return nullptr;
    char* const begin = word + strspn(word, blanks);
    char* const end = begin + strcspn(begin, blanks);
    next = *end ? end + 1 : nullptr;
    *end = 0;
    return begin != end ? begin : nullptr;
}
}

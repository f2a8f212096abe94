// bootlist.cpp - reads the boot list. Contract: bootlist.h.
#include "bootlist.h"

namespace boot {

namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

constexpr char OPTIONS[] = "options";
constexpr ULONG OPTIONS_LENGTH = sizeof(OPTIONS) - 1;

bool IsOptions(const char* start, ULONG length) {
    if (length < OPTIONS_LENGTH || (length > OPTIONS_LENGTH && !IsBlank(start[OPTIONS_LENGTH]))) {
        return false;
    }
    for (ULONG index = 0; index < OPTIONS_LENGTH; index++) {
        if (start[index] != OPTIONS[index]) {
            return false;
        }
    }
    return true;
}

void Trim(const char** start, const char** stop) {
    while (*start != *stop && IsBlank(**start)) {
        ++*start;
    }
    while (*stop != *start && IsBlank((*stop)[-1])) {
        --*stop;
    }
}

} // namespace

BootLine NextBootLine(const char** text, const char* end, const char** start, ULONG* length) {
    while (*text != end) {
        const char* first = *text;
        const char* stop = first;
        while (stop != end && *stop != '\n') {
            stop++;
        }
        *text = stop == end ? end : stop + 1;
        Trim(&first, &stop);
        if (first == stop || *first == '#') {
            continue;
        }
        const bool options = IsOptions(first, static_cast<ULONG>(stop - first));
        if (options) {
            first += OPTIONS_LENGTH;
            Trim(&first, &stop);
        }
        *start = first;
        *length = static_cast<ULONG>(stop - first);
        return options ? BootLine::Options : BootLine::Image;
    }
    return BootLine::End;
}

} // namespace boot

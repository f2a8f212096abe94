// A handler sees the abort, and the program ends with its status.
// status: 3
// prints: aborted by signal 22
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void seen(int number) {
    printf("aborted by signal %d\n", number);
    fflush(stdout);
}

int main(void) {
    signal(SIGABRT, seen);
    abort();
}

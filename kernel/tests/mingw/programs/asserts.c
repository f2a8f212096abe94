// A condition that does not hold: the program says which, and ends as abort ends it.
// status: 3
// prints: two is 2
// prints: Assertion failed: two == 3, file asserts, line 8
#include <assert.h>
#include <stdio.h>

#line 6 "asserts"
int main(void) {
    volatile int two = printf("two is 2\n") / 4;
    assert(two == 3);
    return 0;
}

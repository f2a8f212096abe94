// The first program of each course.
// status: 3
// prints: hello, world: 4 arguments
// prints: [program] [two words] [say "hi"] [back\slash]
// prints: 1.500000 and 2.5e+10, 0x000000ff, [   right], [left    ]
#include <stdio.h>

int main(int argc, char** argv) {
    printf("hello, world: %d arguments\n", argc);
    for (int i = 0; i < argc; i++)
        printf("%s[%s]", i ? " " : "", argv[i]);
    printf("\n%f and %g, 0x%08x, [%8s], [%-8s]\n", 1.5, 2.5e10, 255, "right", "left");
    return 3;
}

// The C library: memory, texts, the end of a program, errors.
// status: 7
// prints: 1 2 3 5 8 13
// prints: sum 4950, zeros 0, text 'abc' < 'abd'
// prints: No such file or directory; Result too large
// prints: USER is nobody
// prints: the routine that was registered last
// prints: the one before
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void* left, const void* right) { return *(const int*)left - *(const int*)right; }
static void first(void) { printf("the one before\n"); }
static void last(void) { puts("the routine that was registered last"); }

int main(void) {
    int numbers[] = {8, 3, 13, 1, 5, 2};
    atexit(first);
    atexit(last);
    qsort(numbers, 6, sizeof(int), compare);
    for (int i = 0; i < 6; i++)
        printf("%d%s", numbers[i], i < 5 ? " " : "\n");
    int *block = malloc(10 * sizeof(int)), *zeros = calloc(100, sizeof(int)), sum = 0, zero = 0;
    block = realloc(block, 100 * sizeof(int));
    for (int i = 0; i < 100; i++)
        block[i] = i;
    for (int i = 0; i < 100; i++)
        sum += block[i], zero += zeros[i];
    printf("sum %d, zeros %d, text '%s' %c '%s'\n", sum, zero, "abc", strcmp("abc", "abd") < 0 ? '<' : '>', "abd");
    free(block);
    free(zeros);
    printf("%s; %s\n", strerror(ENOENT), strerror(ERANGE));
    printf("USER is %s\n", getenv("USER") ? getenv("USER") : "nobody");
    exit(7);
}

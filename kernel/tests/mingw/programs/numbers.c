// Numbers in texts, characters, mathematics, times: at the edges that the C standard names.
// status: 0
// prints: -12 rest ' x', 255, 8, 0 rest 'z', 35
// prints: 2147483647 errno 34, -2147483648 errno 34, -2147483648 errno 0
// prints: 4294967295 errno 34, 4294967295 errno 0, 0 rest 'x1'
// prints: alnum 62, alpha 52, cntrl 33, graph 94, punct 32
// prints: 0.785398 3.141593 0.523599 2.302431e-01 -inf nan nan
// prints: tan: 1.557408 -0.000000 0.611593
// prints: 2000-03-01 is day 061, a Wednesday; 951868800; back in 1999: 0
// prints: Thu Jan 01 00:00:00 1970, -1
// prints: apple < banana: yes; first of "xyz": x; span 3; 5 abc
// prints: jump 7, then 1
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static jmp_buf place;
static void deep(int depth, int value) {
    volatile char room[100];
    room[depth] = (char)depth;
    if (depth == 0) longjmp(place, value);
    deep(depth - 1, value);
    printf("%d\n", room[depth]);
}

static int count(int (*is)(int)) {
    int found = 0;
    for (int i = 0; i < 256; i++)
        found += is(i) != 0;
    return found;
}

int main(void) {
    char *end, *other;
    const long minus = strtol(" -12 x", &end, 10), hex = strtol("0xFf", NULL, 0), octal = strtol("010", NULL, 0);
    const long none = strtol("z", &other, 10), base36 = strtol("Z", NULL, 36);
    printf("%ld rest '%s', %ld, %ld, %ld rest '%s', %ld\n", minus, end, hex, octal, none, other, base36);
    errno = 0;
    const long most = strtol("2147483648", NULL, 10);
    int error = errno;
    errno = 0;
    const long least = strtol("-99999999999", NULL, 10);
    printf("%ld errno %d, %ld errno %d, ", most, error, least, errno);
    errno = 0;
    const long lowest = strtol("-2147483648", NULL, 10);
    printf("%ld errno %d\n", lowest, errno);
    const unsigned long over = strtoul("4294967296", NULL, 10);
    error = errno;
    errno = 0;
    const unsigned long wraps = strtoul("-1", NULL, 10);
    printf("%lu errno %d, %lu errno %d, ", over, error, wraps, errno);
    const unsigned long zeroOnly = strtoul("0x1", &end, 10);
    printf("%lu rest '%s'\n", zeroOnly, end);
    printf("alnum %d, alpha %d, cntrl %d, graph %d, punct %d\n", count(isalnum), count(isalpha), count(iscntrl),
           count(isgraph), count(ispunct));
    volatile double one = 1, zero = 0, huge = 1e308;
    printf("%f %f %f %e %f ", atan(one), acos(-one), asin(one / 2), log10(1.6991945), log10(zero));
    printf("%s %s\n", acos(one * 2) != acos(one * 2) ? "nan" : "a number",
           log10(-one) != log10(-one) ? "nan" : "a number");
    printf("tan: %f %f %f\n", tan(one), tan(M_PI * one), fabs(tan(huge)) < 1e9 ? tan(0.5489) : 0);
    struct tm fields = {0};
    fields.tm_year = 100, fields.tm_mon = 1, fields.tm_mday = 30; // 30 February is 1 March
    const time_t seconds = mktime(&fields);
    char text[64];
    strftime(text, sizeof(text), "%Y-%m-%d is day %j, a %A", &fields);
    struct tm old = {0};
    const time_t zeroTime = 0;
    printf("%s; %ld; back in 1999: %d\n", text, (long)seconds, difftime(seconds, zeroTime) < 900e6);
    old.tm_year = 60;
    strcpy(text, asctime(gmtime(&zeroTime)));
    text[strlen(text) - 1] = 0;
    printf("%s, %ld\n", text, (long)mktime(&old));
    const int length = (int)strxfrm(text, "abc", sizeof(text));
    printf("apple < banana: %s; first of \"xyz\": %c; span %d; %d %s\n", strcoll("apple", "banana") < 0 ? "yes" : "no",
           *strpbrk("abcxyz", "zyx"), (int)strcspn("abcxyz", "zyx"), length + 2, text);
    volatile int jumps = 0;
    const int value = setjmp(place);
    if (value == 0) deep(20, 7);
    if (jumps++ == 0) {
        printf("jump %d, ", value);
        deep(5, 0);
    }
    printf("then %d\n", value);
    return 0;
}

// Bytes as they are: a descriptor's mode, a stream of a descriptor, more bytes at once than a buffer has.
// status: 0
// prints: text mode before: yes; a console: yes
// prints: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
// prints: 1000 written
// prints: status: 0, as long as the file: yes; of nothing: -1, errno 2; removed: -1, errno 13
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int main(void) {
    static char bytes[1000];
    struct _stati64 status, none;
    const int before = _setmode(1, _O_BINARY);
    printf("text mode before: %s; a console: %s\r\n", before == _O_TEXT ? "yes" : "no", _isatty(1) ? "yes" : "no");
    fflush(stdout);
    FILE* again = _fdopen(2, "wb");
    memset(bytes, 'x', 1000);
    const size_t written = fwrite(bytes, 1, 1000, again);
    fflush(again);
    printf("\r\n%u written\r\n", (unsigned)written);
    const int found = _stati64("\\Boot\\binary.exe", &status);
    FILE* file = fopen("\\Boot\\binary.exe", "rb");
    fseek(file, 0, SEEK_END);
    printf("status: %d, as long as the file: %s; ", found, status.st_size == ftell(file) ? "yes" : "no");
    const int missing = _stati64("\\Boot\\nothing", &none);
    printf("of nothing: %d, errno %d; ", missing, errno);
    const int removed = remove("\\Boot\\binary.exe");
    printf("removed: %d, errno %d\r\n", removed, errno);
    return 0;
}

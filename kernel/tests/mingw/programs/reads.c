// A file is read in every way that the library has; what cannot be opened says why.
// status: 0
// prints: MZ, and the file's length is what ftell says: yes
// prints: the same bytes by fgetc and by fread: yes
// prints: the byte that went back comes again: M M
// prints: behind the end: 0 bytes, feof yes, ferror no
// prints: nothing.txt: No such file or directory
// prints: written: no, errno 13
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    FILE* file = fopen("\\Boot\\reads.exe", "rb");
    if (!file) {
        perror("reads.exe");
        return 1;
    }
    char first[2];
    fread(first, 1, 2, file);
    fseek(file, 0, SEEK_END);
    const long length = ftell(file);
    rewind(file);
    long counted = 0;
    unsigned sum = 0, again = 0;
    for (int byte; (byte = fgetc(file)) != EOF; counted++)
        sum = sum * 31 + byte;
    printf("%.2s, and the file's length is what ftell says: %s\n", first, counted == length ? "yes" : "no");
    rewind(file);
    unsigned char* bytes = malloc(length);
    const size_t read = fread(bytes, 1, length, file);
    for (size_t i = 0; i < read; i++)
        again = again * 31 + bytes[i];
    printf("the same bytes by fgetc and by fread: %s\n", sum == again ? "yes" : "no");
    fseek(file, 0, SEEK_SET);
    const int byte = getc(file);
    ungetc(byte, file);
    printf("the byte that went back comes again: %c %c\n", byte, getc(file));
    fseek(file, 0, SEEK_END);
    const size_t behind = fread(bytes, 1, 10, file);
    printf("behind the end: %u bytes, feof %s, ferror %s\n", (unsigned)behind, feof(file) ? "yes" : "no", ferror(file) ? "yes" : "no");
    fclose(file);
    if (!fopen("\\Boot\\nothing.txt", "r")) printf("nothing.txt: %s\n", strerror(errno));
    file = fopen("\\Boot\\reads.exe", "r+b");
    printf("written: %s, errno %d\n", file ? "yes" : "no", errno);
    return 0;
}

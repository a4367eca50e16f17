/* The smallest daemon: makes a pidfile and ends as it is told. For those who build one in their own way. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words)
{
    const char *path = count > 1 ? words[1] : "hello.pid", *way = count > 2 ? words[2] : "return";
    FILE *pidfile = fopen(path, "w");
    if (!pidfile)
        return 99;
    fprintf(pidfile, "%d\n", getpid());
    fclose(pidfile);
    puts("hello");
    if (strcmp(way, "_exit") == 0)
        _exit(7);
    if (strcmp(way, "term") == 0)
        raise(SIGTERM);
    if (strcmp(way, "abort") == 0)
        abort();
    return 0;
}

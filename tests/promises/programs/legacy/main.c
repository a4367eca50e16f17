/* A daemon as they were written long ago: it makes pidfiles, has children and handlers, locks, and dies.
 *
 * Its arguments are the steps that it does, one after the other: "make open /run/x.pid die abort". What it sees it prints,
 * so that its lines with the shim can be compared with those without. */
#include "legacy.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int returned = -1;

static const struct step *const rooms[] = {
    steps_of_make, steps_of_die,  steps_of_child,  steps_of_disposition,
    steps_of_look, steps_of_lock, steps_of_filter, steps_of_signals,
    steps_of_state, steps_of_close, steps_of_memory, steps_of_race,
    steps_of_company, steps_of_trace, steps_of_service,
};

static const struct step *step_of(const char *word)
{
    for (size_t room = 0; room < sizeof rooms / sizeof rooms[0]; room++)
        for (const struct step *step = rooms[room]; step->word; step++)
            if (strcmp(step->word, word) == 0)
                return step;
    errx(99, "no step is called %s", word);
}

char **run(char **words)
{
    while (returned < 0 && *words && strcmp(*words, "end") != 0)
        words = step_of(*words)->take(words + 1);
    return words;
}

int must(int result, const char *call)
{
    if (result == -1)
        err(99, "%s", call);
    return result;
}

/* In one system call, and with no other: there may be a filter. */
static void write_line(int fd, const char *line, int length)
{
    must((int)write(fd, line, (size_t)length), "write");
}

void say(const char *format, ...)
{
    char line[4608];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    write_line(STDOUT_FILENO, line, length);
}

void write_pid(int fd)
{
    char line[16];
    write_line(fd, line, snprintf(line, sizeof line, "%d\n", getpid()));
}

const void *find_row(const void *table, unsigned long size, const char *name)
{
    for (const char *row = table; *(const char *const *)row; row += size)
        if (strcmp(*(const char *const *)row, name) == 0)
            return row;
    errx(99, "no row is called %s", name);
}

int main(int count, char **words)
{
    (void)count;
    run(words + 1);
    return returned < 0 ? 0 : returned;
}

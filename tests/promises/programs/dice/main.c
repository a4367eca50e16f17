/* A daemon that does with signals what the dice say: all that it sees it prints.
 *
 * Its arguments are the seed, its pidfile, another one, and the numbers of the steps to do: all without any. A step's dice are its own,
 * so that what a difference does not need can be left out. */
#include "dice.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char **words;
int index_of_step;
bool is_made;
static uint64_t seed, state;

/* splitmix64 */
static uint64_t mix(uint64_t number)
{
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

unsigned roll(unsigned sides) { return (unsigned)(mix(state += 0x9e3779b97f4a7c15) >> 32) % sides; }

unsigned roll_for(uint64_t what, unsigned sides) { return (unsigned)(mix(seed ^ mix(what)) >> 32) % sides; }

int must(int result, const char *call)
{
    if (result == -1)
        err(99, "%s", call);
    return result;
}

void say(const char *format, ...)
{
    int errno_before = errno;
    char line[2048];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    must((int)write(STDOUT_FILENO, line, (size_t)length), "write");
    errno = errno_before;
}

void make(const char *name)
{
    char line[16];
    int fd = must(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644), "open");
    must((int)write(fd, line, (size_t)snprintf(line, sizeof line, "%d\n", getpid())), "write");
    close(fd);
    say("%s is made\n", name);
}

static const struct step *const rooms[] = {steps_of_dispositions, steps_of_signals, steps_of_children};

/* One of the steps of the first `count` rooms. */
static void step_of(size_t count)
{
    unsigned sum = 0;
    for (size_t room = 0; room < count; room++)
        for (const struct step *step = rooms[room]; step->name; step++)
            sum += step->weight;
    unsigned thrown = roll(sum);
    for (size_t room = 0; room < count; room++)
        for (const struct step *step = rooms[room]; step->name; step++) {
            if (thrown < step->weight) {
                say(" %s\n", step->name);
                step->take();
                return;
            }
            thrown -= step->weight;
        }
}

void small_step(void) { step_of(2); }

/* Seeds the dice for a step. */
static void dice_for(int step) { state = mix(seed * 1000003 + (uint64_t)step); }

static bool is_told(int step)
{
    for (char **word = words + 4; *word; word++)
        if (atoi(*word) == step)
            return true;
    return !words[4];
}

static void one_step(int step)
{
    dice_for(step);
    /* Where the handler jumps to, with the mask that was. */
    if (sigsetjmp(landing, 1) == 0) {
        may_jump = 1;
        if (step == 0)
            set_many();
        else
            step_of(3);
    } else {
        say("landed\n");
    }
    may_jump = 0;
    say_all();
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "show") == 0)
        return show();
    if (count < 4)
        errx(99, "dice SEED PIDFILE ANOTHER [STEP ...]");
    words = arguments;
    seed = strtoull(words[1], NULL, 10);
    /* It may have executed itself. */
    const char *from = getenv("DICE_FROM");
    say_guards();
    dice_for(-1);
    int makes_at = (int)roll(6);
    for (index_of_step = from ? atoi(from) : 0; index_of_step < STEPS; index_of_step++) {
        /* Some dispositions are older than the pidfile. */
        if (index_of_step >= makes_at && !is_made) {
            is_made = true;
            make(words[2]);
            if (getenv("DICE_ANOTHER"))
                make(words[3]);
            say_all();
        }
        if (is_told(index_of_step)) {
            say("%d\n", index_of_step);
            one_step(index_of_step);
        }
    }
    dice_for(STEPS);
    die();
    return 3;
}

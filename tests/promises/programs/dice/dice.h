/* What the rooms of the daemon that rolls dice know of each other. */
#ifndef DICE_H
#define DICE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A number below `sides`; the same one in each life with the same seed. */
unsigned roll(unsigned sides);
/* The same for a handler, which may come at any time: it leaves the others' dice alone. */
unsigned roll_for(uint64_t what, unsigned sides);

/* Prints one line. Never through a buffer, which children would inherit. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints all that a process can ask about its signals. */
void say_all(void);
/* Ends the program, which is then none to judge anything by, when a call of its own gave -1; else gives the result. */
int must(int result, const char *call);

/* The signals that are rolled. */
enum { SIGNALS = 13 };
int nth_signal(unsigned at);
int any_signal(void);
const char *name_of_signal(int number);
uint64_t bits(const sigset_t *set);
sigset_t any_mask(void);
sigset_t only(int number);
bool is_pending(int number);

/* Handlers. */
sighandler_t any_handler(void);
sighandler_t handler_called(const char *name);
bool is_jump(sighandler_t handler);
bool sets_itself(sighandler_t handler);
const char *name_of(sighandler_t handler);
/* Where `jump` goes, while it may. */
#include <setjmp.h>
extern sigjmp_buf landing;
extern volatile sig_atomic_t may_jump;

/* Signals whose death is left to the guard, because the library was not asked when the kernel got what it has: a bit each. It is said
 * when that changes. */
extern volatile uint64_t past, once;
void say_guards(void);
/* What a child of its own does counts for nothing there. */
extern bool is_child;
void noted(int number, bool past_the_library, sighandler_t handler, int flags);
/* The process ends in a way that only the guard sees. */
void is_guards(void);

/* Dispositions. The C library adds to the flags how the kernel comes back from a handler, to some that are none as well. */
enum { ADDED = 0x04000000 };
void set_one(void);
void set_many(void);
void set_from_handler(int number, uint64_t what);
void set_anew_from_handler(int number, sighandler_t handler);
sighandler_t handler_of(int number, int *flags);
/* Whether the signal, when it is let through, does something. */
bool does_something(int number);

/* A throw of the dice. */
struct step {
    const char *name;
    unsigned weight;
    void (*take)(void);
};
extern const struct step steps_of_dispositions[], steps_of_signals[], steps_of_children[];
/* Takes a step of those that a child may take, too. */
void small_step(void);

/* What the program was started with. */
extern char **words;
extern int index_of_step;
enum { STEPS = 40 };
extern bool is_made;
void make(const char *name);

/* Ends. */
void die(void);
/* A program that only says what it began with. */
int show(void);

#endif

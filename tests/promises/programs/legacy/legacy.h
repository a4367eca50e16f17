/* What the rooms of the legacy daemon know of each other. */
#ifndef LEGACY_H
#define LEGACY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

/* What the daemon can be told to do: a word, and what takes the words after it that are its arguments. It gives the
 * first word that is none. */
struct step {
    const char *word;
    char **(*take)(char **words);
};

/* The steps of each room, up to one without a word. */
extern const struct step steps_of_make[];
extern const struct step steps_of_die[];
extern const struct step steps_of_child[];
extern const struct step steps_of_disposition[];
extern const struct step steps_of_look[];
extern const struct step steps_of_lock[];
extern const struct step steps_of_filter[];
extern const struct step steps_of_signals[];
extern const struct step steps_of_state[];
extern const struct step steps_of_close[];
extern const struct step steps_of_memory[];
extern const struct step steps_of_race[];
extern const struct step steps_of_company[];
extern const struct step steps_of_trace[];
extern const struct step steps_of_service[];

/* A way to die. */
struct way {
    const char *name;
    void (*die)(void);
};

/* Those in which the process waits for its death. */
extern const struct way ways_by_waiting[];

/* What main returns, once a step has said so; -1 before. */
extern int returned;

/* What errno was set to before the last pidfile was made, and what it was right after. */
#define ERRNO_BEFORE 4242
extern int errno_after;

/* Does the steps up to the end of the words, or to "end"; gives what is left. */
char **run(char **words);

/* Gives the words after the "end" that belongs to these. */
char **after_end(char **words);

/* Makes a terminal that is the session's own from now on, and gives its other side. */
int own_terminal(void);

/* Ends the program, which is then none to judge anything by, when a call of its own gave -1; else gives the result. */
int must(int result, const char *call);

/* Prints one line. Never through a buffer, which children would inherit. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes the PID of the calling process as a pidfile has it. */
void write_pid(int fd);

/* The row of a table whose name is the word; ends the program when there is none. A row begins with its name. */
#define find(table, name) ((__typeof__(&(table)[0]))find_row((table), sizeof (table)[0], (name)))
const void *find_row(const void *table, unsigned long size, const char *name);

#endif

/* One thread makes its first pidfile while another sets handlers, and raises each signal that it has set one for. */
#include "legacy.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static atomic_int go;

static void handle(int number)
{
    (void)number;
    handled++;
}

static void *makes(void *path)
{
    while (!atomic_load(&go))
        ;
    close(must(open(path, O_WRONLY | O_CREAT, 0644), path));
    return NULL;
}

/* Exits 0 when every signal has come to its handler. */
static void race(char *path)
{
    pthread_t maker;
    int wanted = 0;
    pthread_create(&maker, NULL, makes, path);
    atomic_store(&go, 1);
    for (int number = 1; number <= 64; number++) {
        struct sigaction action = {.sa_handler = handle};
        if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33)
            continue;
        must(sigaction(number, &action, NULL), "sigaction");
        wanted++;
        pthread_kill(pthread_self(), number);
    }
    pthread_join(maker, NULL);
    _exit(handled == wanted ? 0 : 1);
}

/* race COUNT PATH: in as many children. */
static char **races(char **words)
{
    for (int at = 0; at < atoi(words[0]); at++) {
        pid_t child = must(fork(), "fork");
        int status = 0;
        if (child == 0)
            race(words[1]);
        must(waitpid(child, &status, 0), "waitpid");
        if (status != 0)
            say("race: wait status %x\n", (unsigned)status);
    }
    say("raced\n");
    return words + 2;
}

const struct step steps_of_race[] = {{"race", races}, {0}};

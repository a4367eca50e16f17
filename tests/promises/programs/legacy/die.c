/* The ways to die: one row a way. What comes after "die" never runs. */
#include "legacy.h"

#include <assert.h>
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void by_return(void) { returned = 7; }
static void by_exit(void) { exit(7); }
static void by__exit(void) { _exit(7); }
static void by__Exit(void) { _Exit(7); }
static void by_quick_exit(void) { quick_exit(7); }
static void by_err(void) { err(7, "err"); }
static void by_errx(void) { errx(7, "errx"); }
static void by_abort(void) { abort(); }
static void by_assert(void) { assert(!"alive"); }
static void by_pthread_exit(void) { pthread_exit(NULL); }

/* The main thread ends; the other one, which ends the process, goes on until it is gone. */
static void *outlives(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    return NULL;
}

static void by_last_thread(void)
{
    static pthread_t self;
    pthread_t other;
    self = pthread_self();
    pthread_create(&other, NULL, outlives, &self);
    pthread_exit(NULL);
}

/* Past the C library: nobody in this process can act. */
static void by_raw_exit_group(void) { syscall(SYS_exit_group, 7); }
static void by_raw_exit(void) { syscall(SYS_exit, 7); }

static void by_overflow_of_buffer(void)
{
    static char large[64] = "too much";
    char small[8];
    char *volatile from = large;
    volatile size_t length = 64;
    memcpy(small, from, length);
    say("%s\n", small);
}

static void by_segv(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}

/* An address that no page can have: the kernel says no more than that. */
static void by_segv_of_no_page(void)
{
    volatile int *volatile nowhere = (int *)0x4141414141414141;
    *nowhere = 1;
}

static void by_bus(void)
{
    int fd = must(memfd_create("empty", 0), "memfd_create");
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    say("%d\n", *page);
}

#if defined(__x86_64__)
static void by_fpe(void)
{
    volatile int one = 1, zero = 0;
    one = one / zero;
}
static void by_ill(void) { __asm__ volatile("ud2"); }
static void by_trap(void) { __asm__ volatile("int3"); }
#elif defined(__aarch64__)
/* Its division never traps. */
static void by_fpe(void) { raise(SIGFPE); }
static void by_ill(void) { __asm__ volatile(".inst 0"); }
static void by_trap(void) { __asm__ volatile("brk 0"); }
#elif defined(__riscv)
/* Nor does this one's. */
static void by_fpe(void) { raise(SIGFPE); }
static void by_ill(void) { __asm__ volatile("unimp"); }
static void by_trap(void) { __asm__ volatile("ebreak"); }
#endif

static int deeper(volatile int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return deeper(depth + 1) + frame[0];
}

static void by_overflow_of_stack(void)
{
    say("%d\n", deeper(0));
}

static void by_pipe(void)
{
    int ends[2];
    must(pipe(ends), "pipe");
    close(ends[0]);
    (void)!write(ends[1], "x", 1);
}

/* A core dump is smaller. */
static void by_file_size(void)
{
    struct rlimit limit = {.rlim_cur = 1 << 28, .rlim_max = RLIM_INFINITY};
    int fd = must(memfd_create("limited", 0), "memfd_create");
    setrlimit(RLIMIT_FSIZE, &limit);
    (void)!pwrite(fd, "x", 1, (off_t)limit.rlim_cur);
}

static void by_kill(void)
{
    kill(getpid(), SIGKILL);
}

static const struct way ways[] = {
    {"return", by_return},
    {"exit", by_exit},
    {"_exit", by__exit},
    {"_Exit", by__Exit},
    {"quick_exit", by_quick_exit},
    {"err", by_err},
    {"errx", by_errx},
    {"abort", by_abort},
    {"assert", by_assert},
    {"pthread_exit", by_pthread_exit},
    {"last_thread", by_last_thread},
    {"overflow_of_buffer", by_overflow_of_buffer},
    {"segv", by_segv},
    {"segv_of_no_page", by_segv_of_no_page},
    {"bus", by_bus},
    {"fpe", by_fpe},
    {"ill", by_ill},
    {"trap", by_trap},
    {"pipe", by_pipe},
    {"file_size", by_file_size},
    {"kill", by_kill},
    {"overflow_of_stack", by_overflow_of_stack},
    {"raw_exit_group", by_raw_exit_group},
    {"raw_exit", by_raw_exit},
    {0},
};

static char **die_by(const struct way *way, char **words)
{
    way->die();
    if (returned < 0)
        errx(98, "still alive after %s", words[0]);
    return words + 1;
}

/* die WAY: by something that the process does itself. */
static char **die(char **words)
{
    return die_by(find(ways, words[0]), words);
}

/* wait WAY: until something comes that it dies of. */
static char **wait_to_die(char **words)
{
    return die_by(find(ways_by_waiting, words[0]), words);
}

const struct step steps_of_die[] = {{"die", die}, {"wait", wait_to_die}, {0}};

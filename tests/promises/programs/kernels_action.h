/* rt_sigaction(2) as the kernel has it, for who goes past the C library. */
#ifndef KERNELS_ACTION_H
#define KERNELS_ACTION_H

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_rt_sigaction
/* The way back from a handler is the C library's, which it tells of any other signal. */
struct kernels_action {
    sighandler_t handler;
    unsigned long flags;
#ifndef __riscv
    void (*restorer)(void);
#endif
    uint64_t mask;
#ifdef __riscv
    /* There the kernel has none, and this is only ours. */
    void (*restorer)(void);
#endif
};

/* As runtimes do it that have no use for a C library. */
static inline long past_the_library(int number, const struct kernels_action *new, struct kernels_action *old)
{
#ifdef __x86_64__
    long result;
    register size_t size __asm__("r10") = sizeof new->mask;
    __asm__ volatile("syscall" : "=a"(result)
                     : "a"(SYS_rt_sigaction), "D"(number), "S"(new), "d"(old), "r"(size) : "rcx", "r11", "memory");
    return result;
#else
    return syscall(SYS_rt_sigaction, number, new, old, sizeof new->mask);
#endif
}
#endif

#endif

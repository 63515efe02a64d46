/* What Android's arm64 library of TensorFlow Lite imports from bionic and glibc lacks, or means otherwise.
   Named liblog.so, and linked to the program before glibc, so that these definitions are found first.
   Only for running it under qemu on a desktop, to see that its arithmetic is right. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* --- names that glibc has not --- */

int *__errno(void) { return &errno; }
void __assert2(const char *file, int line, const char *function, const char *text) {
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, function, text);
    abort();
}
size_t __strlen_chk(const char *text, size_t room) { (void)room; return strlen(text); }
char *__strchr_chk(const char *text, int c, size_t room) { (void)room; return strchr(text, c); }
ssize_t __write_chk(int file, const void *from, size_t count, size_t room) { (void)room; return write(file, from, count); }
char *__gnu_strerror_r(int number, char *to, size_t room) { return strerror_r(number, to, room); }
int __system_property_get(const char *name, char *value) { (void)name; value[0] = 0; return 0; }
void android_set_abort_message(const char *text) { fprintf(stderr, "abort: %s\n", text ? text : ""); }
int __android_log_vprint(int priority, const char *tag, const char *format, va_list list) {
    (void)priority; (void)tag;
    return vfprintf(stderr, format, list);
}
int __android_log_print(int priority, const char *tag, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int count = __android_log_vprint(priority, tag, format, list);
    va_end(list);
    return count;
}
int __android_log_write(int priority, const char *tag, const char *text) {
    (void)priority; (void)tag;
    return fputs(text, stderr);
}

/* --- stdin, stdout and stderr are elements of an array there, of 152 bytes each --- */

char __sF[3 * 152];
static FILE *of(FILE *file) {
    long at = (char *)file - __sF;
    if (at < 0 || at >= (long)sizeof __sF) return file;
    return at / 152 == 0 ? stdin : at / 152 == 1 ? stdout : stderr;
}
int fprintf(FILE *file, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int count = REAL(vfprintf)(of(file), format, list);
    va_end(list);
    return count;
}
int vfprintf(FILE *file, const char *format, va_list list) { return REAL(vfprintf)(of(file), format, list); }
int fputc(int c, FILE *file) { return REAL(fputc)(c, of(file)); }
int fflush(FILE *file) { return REAL(fflush)(file ? of(file) : NULL); }
size_t fwrite(const void *from, size_t size, size_t count, FILE *file) { return REAL(fwrite)(from, size, count, of(file)); }

/* --- other numbers, and other sizes of what the caller provides room for --- */

long sysconf(int name) {
    __typeof__(&sysconf) real = REAL(sysconf);
    switch (name) {
        case 0x27: case 0x28: return real(_SC_PAGESIZE);
        case 0x60: return real(_SC_NPROCESSORS_CONF);
        case 0x61: return real(_SC_NPROCESSORS_ONLN);
        default: return real(name);
    }
}
locale_t newlocale(int mask, const char *name, locale_t base) { (void)mask; return REAL(newlocale)(LC_ALL_MASK, name, base); }
int sigfillset(sigset_t *set) { memset(set, 0xFF, 8); return 0; } /* 8 bytes, not 128 */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
    return syscall(SYS_rt_sigprocmask, how, set, old, 8L) ? errno : 0;
}
/* A mutex has 40 bytes there, 48 here, of which glibc uses 40 once it is made. */
int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *kind) {
    pthread_mutex_t made;
    int status = REAL(pthread_mutex_init)(&made, kind);
    memcpy(mutex, &made, 40);
    return status;
}
/* Condition variables and semaphores are smaller there and on boundaries of 4: counters for the kernel to wait on. */
static long wait_on(int *at, int value, const struct timespec *until) {
    return syscall(SYS_futex, at, 9 | 128 | (until ? 256 : 0), value, until, NULL, -1);
}
static void wake(int *at, int count) { syscall(SYS_futex, at, 1 | 128, count, NULL, NULL, 0); }
int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *kind) { (void)kind; *(int *)c = 0; return 0; }
int pthread_cond_destroy(pthread_cond_t *c) { (void)c; return 0; }
int pthread_cond_signal(pthread_cond_t *c) { __atomic_add_fetch((int *)c, 1, __ATOMIC_SEQ_CST); wake((int *)c, 1); return 0; }
int pthread_cond_broadcast(pthread_cond_t *c) {
    __atomic_add_fetch((int *)c, 1, __ATOMIC_SEQ_CST);
    wake((int *)c, INT_MAX);
    return 0;
}
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *mutex, const struct timespec *until) {
    int seen = __atomic_load_n((int *)c, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(mutex);
    long status = wait_on((int *)c, seen, until);
    int late = status && errno == ETIMEDOUT;
    pthread_mutex_lock(mutex);
    return late ? ETIMEDOUT : 0;
}
int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *mutex) { return pthread_cond_timedwait(c, mutex, NULL); }
int sem_init(int *s, int shared, unsigned value) { (void)shared; *s = (int)value; return 0; }
int sem_post(int *s) { __atomic_add_fetch(s, 1, __ATOMIC_SEQ_CST); wake(s, 1); return 0; }
int sem_timedwait(int *s, const struct timespec *until) {
    for (;;) {
        int seen = __atomic_load_n(s, __ATOMIC_SEQ_CST);
        if (seen > 0 && __atomic_compare_exchange_n(s, &seen, seen - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 0;
        if (seen <= 0 && wait_on(s, seen, until) && errno == ETIMEDOUT) return -1;
    }
}
int sem_wait(int *s) { return sem_timedwait(s, NULL); }

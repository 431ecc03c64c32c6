/* std::random_device that asks the processor once what it is, and not each time that one is made.
 *
 * qiskit-aer makes two of them for each shot that it simulates by itself, and overwrites the seeds that they give.
 * libstdc++ asks the processor each time whether it has RDSEED. On a virtual machine the hypervisor answers, which
 * takes 10 microseconds. Here the answer is remembered; random numbers come from where they came before.
 *
 *     gcc -O2 -shared -fPIC -o random_device.so random_device.c -ldl
 *     LD_PRELOAD=$PWD/random_device.so dask worker ...
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

/* std::random_device::_M_init(const std::string&) */
#define INIT _ZNSt13random_device7_M_initERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

/* The begin of a std::random_device, the same in all releases of libstdc++ with C++11 strings. */
struct device {
    void *file;
    void *func;
    int fd;
};

typedef void init(struct device *, const void *);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static init *theirs;
static struct device known;

static void ask(void)
{
    void *library = dlopen("libstdc++.so.6", RTLD_LAZY);
    theirs = library ? (init *)dlsym(library, TEXT(INIT)) : NULL;
    if (!theirs)
        abort(); /* this was called by code that is linked to it */
}

void INIT(struct device *self, const void *token)
{
    static _Atomic int is_known;
    pthread_once(&once, ask);
    if (is_known) {
        *self = known;
        return;
    }
    theirs(self, token);
    /* A function without a file has no state: the processor's own generator. */
    if (!self->file && self->func && self->fd == -1 && !is_known) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&lock);
        if (!is_known) {
            known = *self;
            is_known = 1;
        }
        pthread_mutex_unlock(&lock);
    }
}

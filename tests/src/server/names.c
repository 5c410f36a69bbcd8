// A system whose search for an address finds nothing, after CACHIFY_SEARCH milliseconds.
#define _GNU_SOURCE
#include <netdb.h>
#include <stdlib.h>
#include <time.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    (void)name, (void)service, (void)hints, (void)found;
    const char *text = getenv("CACHIFY_SEARCH");
    long millis = text ? atol(text) : 0;
    struct timespec pause = {millis / 1000, millis % 1000 * 1000000};
    nanosleep(&pause, NULL);
    return EAI_AGAIN;
}

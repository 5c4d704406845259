/* Prints the live counters of a gate25-dataplane: one `scope index name value` a line.
 * cc -std=c11 -Wall -Werror -Iinclude -o counters include/examples/counters.c
 * ./counters /run/gate25/bng1.sock
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gate25.h"

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Sends one message, receives its answer; gives the descriptor that came, or -1. */
static int ask(int fd, uint64_t kind, uint64_t a, uint64_t b, uint64_t expected)
{
    uint64_t words[GATE25_MESSAGE_SIZE / 8] = {GATE25_MESSAGE_WORD0, kind, 1, a, b};
    if (send(fd, words, sizeof words, 0) != sizeof words)
        fail("send");
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } space;
    struct iovec part = {words, sizeof words};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = space.bytes, .msg_controllen = sizeof space.bytes};
    if (recvmsg(fd, &message, 0) != sizeof words)
        fail("recvmsg");
    if (expected && words[1] != expected) {
        fprintf(stderr, "refused: %.128s\n", (char *)&words[16]);
        exit(1);
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int got = -1;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&got, CMSG_DATA(header), sizeof got);
    return got;
}

static const _Atomic uint64_t *region;

static uint64_t word(uint64_t index)
{
    return atomic_load_explicit(&region[index], memory_order_relaxed);
}

static uint64_t value(unsigned part, uint64_t block, uint64_t counter)
{
    return word(word(GATE25_HEADER_OFFSETS + part) + block * word(GATE25_HEADER_STRIDES + part) + counter);
}

static void print(const char *scope, unsigned part, uint64_t blocks, const char *const *names,
                  unsigned first, unsigned count)
{
    for (uint64_t block = 0; block < blocks; block++)
        for (unsigned i = 0; i < count; i++)
            printf("%s %lu %s %lu\n", scope, (unsigned long)block, names[i],
                   (unsigned long)value(part, block, first + i));
}

/* What each pool counted, over all workers; nothing for slots that counted nothing. */
static void print_pools(uint64_t workers, uint64_t slots)
{
    for (uint64_t slot = 0; slot < slots; slot++)
        for (unsigned i = 0; i < GATE25_POOL_COUNT; i++) {
            uint64_t sum = 0;
            for (uint64_t worker = 0; worker < workers; worker++)
                sum += value(GATE25_PART_POOLS, worker * GATE25_POOL_COUNT + i, slot);
            if (sum)
                printf("pool %lu %s %lu\n", (unsigned long)slot, gate25_pool_names[i], (unsigned long)sum);
        }
}

int main(int argc, char **argv)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof to.sun_path) {
        fprintf(stderr, "usage: counters SOCKET\n");
        return 2;
    }
    strcpy(to.sun_path, argv[1]);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        fail(argv[1]);
    ask(fd, GATE25_MESSAGE_HELLO, GATE25_IMAGE_LAYOUT, GATE25_TELEMETRY_LAYOUT, 0);
    int memory = ask(fd, GATE25_MESSAGE_TELEMETRY_PLEASE, 0, 0, GATE25_MESSAGE_TELEMETRY);
    struct stat size;
    if (memory < 0 || fstat(memory, &size))
        fail("telemetry");
    region = mmap(NULL, size.st_size, PROT_READ, MAP_SHARED, memory, 0);
    if (region == MAP_FAILED)
        fail("mmap");
    if (word(GATE25_HEADER_MAGIC) != GATE25_TELEMETRY_MAGIC || word(GATE25_HEADER_LAYOUT) != GATE25_TELEMETRY_LAYOUT) {
        fprintf(stderr, "telemetry of another release: rebuild with its gate25.h\n");
        return 1;
    }
    uint64_t workers = word(GATE25_HEADER_WORKERS), links = word(GATE25_HEADER_LINKS);
    print("process", GATE25_PART_PROCESS, 1, gate25_dataplane_names, 0, GATE25_DATAPLANE_COUNT);
    print("worker", GATE25_PART_WORKERS, workers, gate25_worker_names, 0, GATE25_WORKER_COUNT);
    print("link", GATE25_PART_LINKS, workers * links * 2, gate25_link_names, 0, GATE25_LINK_COUNT);
    print("reason", GATE25_PART_LINKS, workers * links * 2, gate25_reason_names, GATE25_LINK_COUNTERS, GATE25_REASON_COUNT);
    print_pools(workers, word(GATE25_HEADER_SLOTS));
    print("port", GATE25_PART_PORTS, links * 2, gate25_port_names, 0, GATE25_PORT_COUNT);
    return 0;
}

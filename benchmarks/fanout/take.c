/* The inner loop of the load generator. `receiver.py` and `walker.py` have the same in Python; `native.py` has its
   structures once more. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { FDS = 65536, BUFFER = 256 * 1024, SAMPLES = 256 * 1024 };
enum { LOST = -1, TOO_LONG = -2 };

/* A connection: the header of a frame as far as it has come, and what is missing of the frame behind it. */
struct one {
    int have;
    unsigned char head[4];
    long missing;
};

struct load {
    int epoll, control;
    long count, every, next, samples;
    double late[SAMPLES];
    struct one ones[FDS];
    unsigned char buffer[BUFFER];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* How late a message is: the clock behind "sent", microseconds. */
static void sample(struct load *load, const unsigned char *message, long size) {
    const unsigned char *at = memmem(message, size, "\"sent\":", 7);
    double sent = 0;
    if (!at || load->samples == SAMPLES)
        return;
    for (at += 7; at < message + size && *at >= '0' && *at <= '9'; at++)
        sent = 10 * sent + (*at - '0');
    load->late[load->samples++] = now() - sent / 1e6;
}

static void count(struct load *load, const unsigned char *whole, long size) {
    if (load->count >= load->next && whole) {
        sample(load, whole, size);
        load->next += load->every;
    }
    load->count++;
}

/* Count the frames that end in data[0..end); 1 if one of them is a ping, else 0.
   One that is cut is counted, but not looked into: it is the next whole one instead. */
int walk(struct load *load, struct one *one, const unsigned char *data, long end) {
    int pinged = 0;
    for (long at = 0; at < end;) {
        if (one->missing) {
            long step = one->missing < end - at ? one->missing : end - at;
            at += step;
            one->missing -= step;
            if (one->missing)
                break;
            if (one->have == 4)
                count(load, NULL, 0);
            else
                pinged |= one->head[1] == 1 && data[at - 1] == '2';
            one->have = 0;
            continue;
        }
        while (at < end && one->have < (one->have > 1 && one->head[1] == 126 ? 4 : 2))
            one->head[one->have++] = data[at++];
        if (one->have < 2 || (one->head[1] == 126 && one->have < 4))
            continue;
        if (one->head[1] > 126)
            return TOO_LONG;
        long size = one->have == 4 ? one->head[2] << 8 | one->head[3] : one->head[1];
        if (at + size > end) {
            one->missing = size;
            continue;
        }
        if (one->have == 4)
            count(load, data + at, size);
        else
            pinged |= size == 1 && data[at] == '2';
        at += size;
        one->have = 0;
    }
    return pinged;
}

/* Receive until so many messages have come, the control connection speaks or the time is over. */
int take(struct load *load, long mark, double seconds) {
    static const unsigned char pong[] = {0x81, 0x81, 0, 0, 0, 0, '3'};
    struct epoll_event events[1024];
    double end = now() + seconds, left;
    int spoken = 0;
    while (load->count < mark && !spoken && (left = end - now()) > 0) {
        int ready = epoll_wait(load->epoll, events, 1024, 1 + left * 1000);
        for (int each = 0; each < ready; each++) {
            int fd = events[each].data.fd;
            if (fd == load->control) {
                spoken = 1;
                continue;
            }
            long got = recv(fd, load->buffer, BUFFER, 0);
            if (got < 0 && errno == EAGAIN)
                continue;
            int pinged = got > 0 ? walk(load, &load->ones[fd], load->buffer, got) : LOST;
            if (pinged < 0)
                return pinged;
            if (pinged && send(fd, pong, sizeof pong, MSG_NOSIGNAL) < 0)
                return LOST;
        }
    }
    return 0;
}

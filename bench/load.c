/*
 * Load for an echo server over plain TCP: many connections, each with a number of messages in flight. It uses
 * epoll and frames that are encoded once, so that it costs little beside the server, and serves all connections
 * alike. Answers are counted by their bytes, and some are compared with what was sent.
 *
 * load PORT KIND SIZE CONNECTIONS WINDOW WARMUP_MS MEASURE_MS SERVER_PID PAYLOAD_FILE OPCODE
 * KIND is "websocket" or "tcp". Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (256 << 10)
#define CHECK_EVERY 64
#define BUCKETS 80000
#define BUCKET_US 25

struct peer {
  int fd;
  uint64_t received; /* bytes of frames */
  uint64_t owed;     /* bytes that are to be sent and were not taken yet */
  uint64_t sent;     /* bytes sent, to know the place in the frame */
  uint64_t sent_at;  /* microseconds, of the last frame */
  uint64_t reads;
};

static uint8_t *out, *expected, *incoming;
static uint64_t out_size, in_size, out_total, messages, checked;
static uint64_t latencies[BUCKETS + 1];
static int measuring;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Processor time of a process and all its threads, in seconds: exact, where /proc/PID/stat counts in steps of 10 ms. */
static double cpu_of(int pid) {
  clockid_t clock;
  struct timespec t;
  if ((errno = clock_getcpuclockid(pid, &clock)) || clock_gettime(clock, &t)) fail("processor time");
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double own_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static size_t frame(uint8_t *to, int opcode, const uint8_t *payload, uint64_t size, int masked) {
  size_t n = 0;
  to[n++] = 0x80 | opcode;
  uint8_t bit = masked ? 0x80 : 0;
  if (size < 126) to[n++] = bit | size;
  else if (size < 65536) { to[n++] = bit | 126; to[n++] = size >> 8; to[n++] = size; }
  else { to[n++] = bit | 127; for (int i = 7; i >= 0; i--) to[n++] = size >> (8 * i); }
  uint8_t key[4] = { 0x12, 0x34, 0x56, 0x78 };
  if (masked) { memcpy(to + n, key, 4); n += 4; }
  for (uint64_t i = 0; i < size; i++) to[n++] = masked ? payload[i] ^ key[i & 3] : payload[i];
  return n;
}

static void open_peer(struct peer *peer, int port, int websocket) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int on = 1;
  peer->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (peer->fd < 0 || connect(peer->fd, (void *)&to, sizeof to)) fail("connect");
  setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (websocket) {
    char text[512];
    int n = snprintf(text, sizeof text,
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n", port);
    if (write(peer->fd, text, n) != n) fail("request");
    /* Byte by byte: what follows the head belongs to the frames. */
    int got = 0;
    while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4)) {
      if (got == sizeof text - 1 || read(peer->fd, text + got, 1) != 1) fail("no upgrade");
      got++;
    }
    if (memcmp(text, "HTTP/1.1 101", 12)) fail("no upgrade");
  }
  fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

static void watch(int epoll, struct peer *peer, int op, int writable) {
  struct epoll_event event = { .events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = peer };
  if (epoll_ctl(epoll, op, peer->fd, &event)) fail("epoll_ctl");
}

static void flush(int epoll, struct peer *peer, int was_blocked) {
  while (peer->owed) {
    uint64_t at = peer->sent % out_size, n = out_total - at;
    if (n > peer->owed) n = peer->owed;
    ssize_t done = write(peer->fd, out + at, n);
    if (done < 0 && errno == EAGAIN) {
      if (!was_blocked) watch(epoll, peer, EPOLL_CTL_MOD, 1);
      return;
    }
    if (done <= 0) fail("write");
    peer->sent += done;
    peer->owed -= done;
  }
  if (was_blocked) watch(epoll, peer, EPOLL_CTL_MOD, 0);
}

static void compare(struct peer *peer, ssize_t n) {
  uint64_t at = peer->received % in_size, count = (uint64_t)n < in_size ? (uint64_t)n : in_size;
  if (memcmp(incoming, expected + at, count)) { errno = 0; fail("an answer is not what was sent"); }
  checked++;
}

static void serve(int epoll, struct peer *peer, uint32_t events) {
  if (events & EPOLLOUT) flush(epoll, peer, 1);
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = read(peer->fd, incoming, READ_SIZE);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) fail("the server left");
  if (peer->reads++ % CHECK_EVERY == 0) compare(peer, n);
  uint64_t before = peer->received / in_size;
  peer->received += n;
  uint64_t done = peer->received / in_size - before;
  if (!done) return;
  uint64_t now = now_us(), bucket = (now - peer->sent_at) / BUCKET_US;
  if (measuring) {
    messages += done;
    latencies[bucket < BUCKETS ? bucket : BUCKETS]++;
  }
  peer->sent_at = now;
  int blocked = peer->owed > 0;
  peer->owed += done * out_size;
  if (!blocked) flush(epoll, peer, 0);
}

static double percentile(double share) {
  uint64_t total = 0, seen = 0;
  for (int i = 0; i <= BUCKETS; i++) total += latencies[i];
  for (int i = 0; i <= BUCKETS; i++) {
    seen += latencies[i];
    if (seen >= share * total) return (i + 0.5) * BUCKET_US / 1000.0;
  }
  return 0;
}

static void run(int epoll, uint64_t until) {
  struct epoll_event events[256];
  for (uint64_t now = now_us(); now < until; now = now_us()) {
    int n = epoll_wait(epoll, events, 256, (until - now) / 1000 + 1);
    for (int i = 0; i < n; i++) serve(epoll, events[i].data.ptr, events[i].events);
  }
}

int main(int argc, char **argv) {
  if (argc != 11) { fprintf(stderr, "wrong number of arguments\n"); return 2; }
  int port = atoi(argv[1]), websocket = !strcmp(argv[2], "websocket");
  uint64_t size = strtoull(argv[3], 0, 10);
  int connections = atoi(argv[4]), window = atoi(argv[5]), pid = atoi(argv[8]), opcode = atoi(argv[10]);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  uint8_t *payload = malloc(size + 1);
  FILE *file = fopen(argv[9], "r");
  if (!file || fread(payload, 1, size, file) != size) fail("payload");
  fclose(file);
  incoming = malloc(READ_SIZE);
  uint8_t *one = malloc(size + 16);
  /* Plain TCP echoes what a WebSocket peer would be sent back. */
  out_size = frame(one, opcode, payload, size, websocket);
  uint64_t copies = size < 65536 ? (window + 1) * 2 : 2;
  out_total = out_size * copies;
  out = malloc(out_total);
  for (uint64_t i = 0; i < copies; i++) memcpy(out + i * out_size, one, out_size);
  in_size = frame(one, opcode, payload, size, 0);
  expected = malloc(2 * in_size);
  memcpy(expected, one, in_size);
  memcpy(expected + in_size, one, in_size);

  struct peer *peers = calloc(connections, sizeof *peers);
  int epoll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    open_peer(&peers[i], port, websocket);
    watch(epoll, &peers[i], EPOLL_CTL_ADD, 0);
  }
  for (int i = 0; i < connections; i++) {
    peers[i].sent_at = now_us();
    peers[i].owed = out_size * window;
    flush(epoll, &peers[i], 0);
  }
  run(epoll, now_us() + strtoull(argv[6], 0, 10) * 1000);
  measuring = 1;
  double own = own_cpu(), server = cpu_of(pid);
  uint64_t began = now_us();
  run(epoll, began + strtoull(argv[7], 0, 10) * 1000);
  double seconds = (now_us() - began) / 1e6;
  printf("{\"messages\":%lu,\"seconds\":%.4f,\"loadCpu\":%.4f,\"serverCpu\":%.4f,\"checked\":%lu,"
         "\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f}\n",
         messages, seconds, (own_cpu() - own) / seconds, (cpu_of(pid) - server) / seconds, checked,
         percentile(0.5), percentile(0.99), percentile(0.999));
  return 0;
}

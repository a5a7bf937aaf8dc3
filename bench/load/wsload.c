// wsload - single-threaded epoll WebSocket fan-out load generator.
//
// Opens N subscriber connections, optionally sends text/binary frames after the
// upgrade (subscribe), waits until each is "ready", then (optionally) drives a
// publisher connection itself - closed loop with a bounded window, or open loop at
// a fixed rate - and counts messages by the marker  "ts":<ns>,"seq":<n>  in payloads.
// Both ends use CLOCK_MONOTONIC, so latency = receive time - publish time.
//
// build: cc -O2 -o wsload wsload.c (bench/lib/load-generator.mjs does it; Linux only)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFSZ (1 << 20)
#define CARRY_MAX (256 << 10)

typedef struct { char *p; size_t n; } str;
enum { S_CONNECTING, S_UPGRADING, S_WAITREADY, S_READY, S_DEAD };
typedef struct {
  int fd, state; uint32_t clen; uint32_t ccap; unsigned char *carry;
  uint64_t seq, rx;
} conn;

static const char *host = "127.0.0.1", *path = "/", *subproto, *marker = "\"ts\":";
static int port, nconn = 1000, eio, nats, binary, pubport, npids, inflight_max = 128, batch_report;
static int window_msgs = 32; static double rate, dur = 5, warm = 1, hold; static int paylen = 128;
static pid_t pids[16]; static str msgs[8]; static int nmsgs; static str readyp; static str pubpre, pubfmt;
static const char *label = ""; static int rcvbuf, settle_ms = 300, multi_pub_channels, verbose;
static const char *bindbase;

static conn *C; static int ep; static unsigned char *buf;
static int n_ready, n_dead, n_inprog;
static uint64_t rx_msgs, rx_frames, rx_bytes, rx_other, rx_reads, gaps, dups, pub_sent, pub_bytes, pubs_resp;
static int measuring; static uint64_t m_msgs, m_frames, m_bytes, m_reads, m_other;

static inline uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }

// log-linear histogram: 64 sub-buckets per power of two (<1.6 % error)
#define HB 64
static uint64_t hist[64 * HB]; static uint64_t hcount, hmax; static double hsum;
static inline void hadd(uint64_t v) {
  int idx;
  if (v < HB) idx = (int)v;
  else { int e = 63 - __builtin_clzll(v); idx = (e - 5) * HB + (int)((v >> (e - 6)) & (HB - 1)); }
  hist[idx]++; hcount++; hsum += v; if (v > hmax) hmax = v;
}
static double hval(int idx) {
  if (idx < HB) return idx;
  int e = idx / HB + 5, s = idx % HB; return (double)((uint64_t)(HB + s) << (e - 6));
}
static double hpct(double p) {
  if (!hcount) return 0;
  uint64_t want = (uint64_t)(p / 100 * hcount + 0.5), acc = 0; if (want < 1) want = 1;
  for (int i = 0; i < 64 * HB; i++) { acc += hist[i]; if (acc >= want) return hval(i); }
  return hmax;
}

static str unesc(const char *s) {
  str r; r.p = malloc(strlen(s) + 1); r.n = 0;
  for (; *s; s++) {
    if (*s == '\\' && s[1]) {
      s++;
      if (*s == 'n') r.p[r.n++] = '\n'; else if (*s == 'r') r.p[r.n++] = '\r'; else if (*s == 't') r.p[r.n++] = '\t';
      else if (*s == 'x') { char h[3] = {s[1], s[2], 0}; r.p[r.n++] = (char)strtol(h, 0, 16); s += 2; }
      else r.p[r.n++] = *s;
    } else r.p[r.n++] = *s;
  }
  r.p[r.n] = 0; return r;
}

static void kill_conn(conn *c) {
  if (c->state == S_DEAD) return;
  if (c->state < S_READY) n_inprog--; else n_ready--;
  close(c->fd); c->state = S_DEAD; n_dead++;
}

static void send_all(conn *c, const void *p, size_t n) {
  ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
  if (r != (ssize_t)n) { if (verbose) fprintf(stderr, "short send %zd/%zu\n", r, n); if (r < 0) kill_conn(c); }
}
static void send_frame(conn *c, int op, const char *p, size_t n) {   // masked with a zero key
  unsigned char b[70000]; size_t h = 0; b[h++] = 0x80 | op;
  if (n < 126) b[h++] = 0x80 | n; else { b[h++] = 0x80 | 126; b[h++] = n >> 8; b[h++] = n; }
  memset(b + h, 0, 4); h += 4; memcpy(b + h, p, n); send_all(c, b, h + n);
}

static inline uint64_t num(const unsigned char **p, const unsigned char *e) {
  uint64_t v = 0; while (*p < e && **p >= '0' && **p <= '9') v = v * 10 + *(*p)++ - '0'; return v;
}

static void on_ready(conn *c) { c->state = S_READY; n_inprog--; n_ready++; }

static void on_payload(conn *c, int op, const unsigned char *p, size_t n, uint64_t *t) {
  if (op == 9) { send_frame(c, 10, (const char *)p, n < 125 ? n : 125); return; }
  if (op == 8) { kill_conn(c); return; }
  if (op == 10) return;
  rx_frames++;
  const unsigned char *e = p + n, *q = p; int found = 0; size_t ml = strlen(marker);
  while (q < e) {
    const unsigned char *m = memmem(q, e - q, marker, ml);
    if (!m) break;
    found = 1; const unsigned char *x = m + ml; uint64_t ts = num(&x, e);
    if (x < e && !memcmp(x, ",\"seq\":", 7)) {
      x += 7; uint64_t s = num(&x, e);
      if (c->seq) { if (s > c->seq + 1) gaps += s - c->seq - 1; else if (s <= c->seq) dups++; }
      c->seq = s;
    }
    c->rx++; rx_msgs++;
    if (measuring) { if (!*t) *t = now(); hadd(*t > ts ? *t - ts : 0); }
    q = x; if (e - q > paylen - 60 && paylen > 60) q += paylen - 60;   // skip the padding (payload is fixed length)
  }
  if (!found) {
    if (c->state == S_WAITREADY && readyp.n && memmem(p, n, readyp.p, readyp.n)) { on_ready(c); return; }
    if (eio && n == 1 && p[0] == '2') { send_frame(c, 1, "3", 1); return; }
    if (nats && memmem(p, n, "PING\r\n", 6)) { send_frame(c, binary ? 2 : 1, "PONG\r\n", 6); return; }
    rx_other++;
    if (verbose && rx_other < 20) fprintf(stderr, "other op=%d: %.*s\n", op, (int)(n < 200 ? n : 200), p);
  }
}

static void on_upgraded(conn *c) {
  c->state = S_WAITREADY;
  for (int i = 0; i < nmsgs; i++) {
    char b[65536]; size_t n = 0;                                // {I} -> connection index
    for (size_t k = 0; k < msgs[i].n;) {
      if (!strncmp(msgs[i].p + k, "{I}", 3)) { n += sprintf(b + n, "%d", (int)(c - C)); k += 3; } else b[n++] = msgs[i].p[k++];
    }
    send_frame(c, binary ? 2 : 1, b, n); if (c->state == S_DEAD) return;
  }
  if (!readyp.n) on_ready(c);
}

static void on_readable(conn *c) {
  if (c->clen) memcpy(buf, c->carry, c->clen);
  ssize_t r = recv(c->fd, buf + c->clen, BUFSZ - c->clen, 0);
  if (r <= 0) { if (r < 0 && (errno == EAGAIN || errno == EINTR)) return; if (verbose) fprintf(stderr, "closed by server (r=%zd errno=%d state=%d)\n", r, errno, c->state); kill_conn(c); return; }
  rx_reads++; rx_bytes += r;
  unsigned char *p = buf, *e = buf + c->clen + r; uint64_t t = 0;
  if (c->state == S_UPGRADING) {
    unsigned char *h = memmem(p, e - p, "\r\n\r\n", 4);
    if (!h) goto keep;
    if (memcmp(p, "HTTP/1.1 101", 12)) { if (n_dead < 3) fprintf(stderr, "no upgrade: %.*s\n", (int)(h - p), p); kill_conn(c); return; }
    p = h + 4; on_upgraded(c);
  }
  while (c->state != S_DEAD && e - p >= 2) {
    uint64_t len = p[1] & 127; int h = 2;
    if (len == 126) { if (e - p < 4) break; len = p[2] << 8 | p[3]; h = 4; }
    else if (len == 127) { if (e - p < 10) break; len = 0; for (int i = 2; i < 10; i++) len = len << 8 | p[i]; h = 10; }
    if (p[1] & 128) { fprintf(stderr, "masked server frame\n"); kill_conn(c); return; }
    if ((uint64_t)(e - p) < h + len) break;
    on_payload(c, p[0] & 15, p + h, len, &t); p += h + len;
  }
keep:
  if (c->state == S_DEAD) return;
  c->clen = e - p;
  if (c->clen) {
    if (c->clen > CARRY_MAX) { fprintf(stderr, "frame too large\n"); kill_conn(c); return; }
    if (c->ccap < c->clen) { c->ccap = c->clen + 512; c->carry = realloc(c->carry, c->ccap); }
    memcpy(c->carry, p, c->clen);
  }
}

static void open_conn(conn *c, int i) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) { perror("socket"); exit(1); }
  int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (rcvbuf) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)}; inet_pton(AF_INET, host, &a.sin_addr);
  c->state = S_CONNECTING; n_inprog++;
  if (connect(c->fd, (void *)&a, sizeof a) < 0 && errno != EINPROGRESS) { perror("connect"); kill_conn(c); return; }
  struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.u32 = i}; epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
}

static void on_connected(conn *c, int i) {
  int err = 0; socklen_t l = sizeof err; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
  if (err) { if (n_dead < 3) fprintf(stderr, "connect: %s\n", strerror(err)); kill_conn(c); return; }
  struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i}; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
  char b[4096]; int n = snprintf(b, sizeof b, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s\r\n", path, host, port,
    subproto ? "Sec-WebSocket-Protocol: " : "", subproto ? subproto : "", subproto ? "\r\n" : "");
  c->state = S_UPGRADING; send_all(c, b, n);
}

// ---- publisher connection -------------------------------------------------
static int pfd = -1; static char *pout; static size_t pn, pcap, po; static int pwant;
static void pub_flush(void) {
  while (po < pn) { ssize_t r = send(pfd, pout + po, pn - po, MSG_NOSIGNAL | MSG_DONTWAIT); if (r < 0) { if (errno == EAGAIN) break; perror("pub send"); exit(1); } po += r; }
  if (po == pn) po = pn = 0;
  int want = po < pn; if (want != pwant) { struct epoll_event ev = {.events = EPOLLIN | (want ? EPOLLOUT : 0), .data.u32 = ~0u}; epoll_ctl(ep, EPOLL_CTL_MOD, pfd, &ev); pwant = want; }
}
static void pub_append(const char *p, size_t n) { if (pn + n > pcap) { pcap = (pn + n) * 2 + 65536; pout = realloc(pout, pcap); } memcpy(pout + pn, p, n); pn += n; }
static void publish(uint64_t ts) {
  char pl[65536]; pub_sent++;
  int n = snprintf(pl, sizeof pl, "{\"ts\":%llu,\"seq\":%llu,\"pad\":\"", (unsigned long long)ts, (unsigned long long)pub_sent);
  while (n < paylen - 2) pl[n] = 'a' + n % 26, n++;
  pl[n++] = '"'; pl[n++] = '}';
  for (size_t k = 0; k < pubfmt.n;) {
    if (!strncmp(pubfmt.p + k, "{P}", 3)) { pub_append(pl, n); k += 3; }
    else if (!strncmp(pubfmt.p + k, "{L}", 3)) { char b[16]; pub_append(b, sprintf(b, "%d", n)); k += 3; }
    else pub_append(pubfmt.p + k++, 1);
  }
}
static void pub_open(void) {
  pfd = socket(AF_INET, SOCK_STREAM, 0); int one = 1; setsockopt(pfd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(pubport)}; inet_pton(AF_INET, host, &a.sin_addr);
  if (connect(pfd, (void *)&a, sizeof a)) { perror("pub connect"); exit(1); }
  fcntl(pfd, F_SETFL, O_NONBLOCK); struct epoll_event ev = {.events = EPOLLIN, .data.u32 = ~0u}; epoll_ctl(ep, EPOLL_CTL_ADD, pfd, &ev);
  if (pubpre.n) { pub_append(pubpre.p, pubpre.n); pub_flush(); }
}

// ---- process stats --------------------------------------------------------
static double usr_acc;
static double cpu_of(pid_t p) {      // seconds of user+sys from schedstat-like /proc stat (10 ms ticks)
  char f[64], b[1024]; snprintf(f, sizeof f, "/proc/%d/stat", p); FILE *fp = fopen(f, "r"); if (!fp) return 0;
  size_t n = fread(b, 1, sizeof b - 1, fp); fclose(fp); b[n] = 0; char *q = strrchr(b, ')'); if (!q) return 0;
  unsigned long u, s; if (sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s) != 2) return 0;
  usr_acc += (double)u / sysconf(_SC_CLK_TCK);
  return (double)(u + s) / sysconf(_SC_CLK_TCK);
}
static long rss_of(pid_t p) { char f[64], l[256]; long k = 0; snprintf(f, sizeof f, "/proc/%d/status", p); FILE *fp = fopen(f, "r"); if (!fp) return 0; while (fgets(l, sizeof l, fp)) if (sscanf(l, "VmRSS: %ld", &k) == 1) break; fclose(fp); return k; }
static double cpu_all(void) { double s = 0; usr_acc = 0; for (int i = 0; i < npids; i++) s += cpu_of(pids[i]); return s; }
static long rss_all(void) { long s = 0; for (int i = 0; i < npids; i++) s += rss_of(pids[i]); return s; }
static double cpu_sys(void) { FILE *fp = fopen("/proc/stat", "r"); unsigned long v[10] = {0}; if (fscanf(fp, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", v, v+1, v+2, v+3, v+4, v+5, v+6, v+7) != 8) v[0] = 0; fclose(fp); return (double)(v[0]+v[1]+v[2]+v[5]+v[6]+v[7]) / sysconf(_SC_CLK_TCK); }
static double cpu_self(void) { struct rusage u; getrusage(RUSAGE_SELF, &u); return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6; }

static void poll_once(int ms) {
  struct epoll_event ev[512]; int n = epoll_wait(ep, ev, 512, ms);
  for (int i = 0; i < n; i++) {
    uint32_t k = ev[i].data.u32;
    if (k == ~0u) {
      if (ev[i].events & EPOLLIN) {
        char b[65536]; ssize_t r = recv(pfd, b, sizeof b, 0); if (r == 0) { fprintf(stderr, "pub closed\n"); exit(1); }
        if (r > 0) { pub_bytes += r; if (verbose && pubs_resp++ < 3) fprintf(stderr, "pub<- %.*s\n", (int)(r < 300 ? r : 300), b);
          if (nats && memmem(b, r, "PING\r\n", 6)) { pub_append("PONG\r\n", 6); pub_flush(); } }
      }
      if (ev[i].events & EPOLLOUT) pub_flush();
      continue;
    }
    conn *c = &C[k]; if (c->state == S_DEAD) continue;
    if (c->state == S_CONNECTING) { if (ev[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) on_connected(c, k); continue; }
    on_readable(c);
  }
}

int main(int argc, char **argv) {
  static struct option lo[] = {{"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'P'}, {"conns", 1, 0, 'n'}, {"subproto", 1, 0, 's'},
    {"msg", 1, 0, 'm'}, {"binary", 0, 0, 'b'}, {"ready", 1, 0, 'R'}, {"eio", 0, 0, 'e'}, {"nats", 0, 0, 'N'}, {"pub-port", 1, 0, 1}, {"pub-pre", 1, 0, 2},
    {"pub-fmt", 1, 0, 3}, {"window", 1, 0, 'w'}, {"rate", 1, 0, 'r'}, {"dur", 1, 0, 'd'}, {"warm", 1, 0, 'W'}, {"hold", 1, 0, 'H'}, {"size", 1, 0, 'S'},
    {"pid", 1, 0, 4}, {"label", 1, 0, 'l'}, {"rcvbuf", 1, 0, 5}, {"inflight", 1, 0, 6}, {"verbose", 0, 0, 'v'}, {0}};
  pubfmt = unesc("{P}\\n"); int o;
  while ((o = getopt_long(argc, argv, "h:p:P:n:s:m:bR:eNw:r:d:W:H:S:l:v", lo, 0)) != -1) switch (o) {
    case 'h': host = optarg; break; case 'p': port = atoi(optarg); break; case 'P': path = optarg; break; case 'n': nconn = atoi(optarg); break;
    case 's': subproto = optarg; break; case 'm': msgs[nmsgs++] = unesc(optarg); break; case 'b': binary = 1; break; case 'R': readyp = unesc(optarg); break;
    case 'e': eio = 1; break; case 'N': nats = 1; break; case 1: pubport = atoi(optarg); break; case 2: pubpre = unesc(optarg); break;
    case 3: pubfmt = unesc(optarg); break; case 'w': window_msgs = atoi(optarg); break; case 'r': rate = atof(optarg); break; case 'd': dur = atof(optarg); break;
    case 'W': warm = atof(optarg); break; case 'H': hold = atof(optarg); break; case 'S': paylen = atoi(optarg); break;
    case 4: if (npids < 16) pids[npids++] = atoi(optarg); break; case 'l': label = optarg; break; case 5: rcvbuf = atoi(optarg); break;
    case 6: inflight_max = atoi(optarg); break; case 'v': verbose = 1; break; default: return 2; }
  if (dur > 15) dur = 15;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
  buf = malloc(BUFSZ); C = calloc(nconn, sizeof *C); ep = epoll_create1(0);
  long rss0 = rss_all(); double cpu00 = cpu_all(); uint64_t t0 = now(); int opened = 0;
  while (n_ready + n_dead < nconn) {
    while (opened < nconn && n_inprog < inflight_max) { open_conn(&C[opened], opened); opened++; }
    poll_once(100);
    if (now() - t0 > 60e9) { fprintf(stderr, "connect timeout: ready=%d dead=%d\n", n_ready, n_dead); return 1; }
  }
  double tconn = (now() - t0) / 1e9; double cpuconn = cpu_all() - cpu00;
  if (n_dead) fprintf(stderr, "WARNING: %d connections failed\n", n_dead);
  if (!n_ready) return 1;
  uint64_t ts0 = now(); while (now() - ts0 < (uint64_t)(settle_ms + hold * 1000) * 1000000ull) poll_once(50);
  long rss1 = rss_all();
  if (!pubport) {
    printf("{\"label\":\"%s\",\"conns\":%d,\"conn_s\":%.2f,\"conn_cpu_s\":%.2f,\"rss0_kb\":%ld,\"rss1_kb\":%ld,\"kb_per_conn\":%.2f}\n", label, n_ready, tconn, cpuconn, rss0, rss1, (double)(rss1 - rss0) / n_ready);
    return 0;
  }
  pub_open(); poll_once(20); poll_once(20);
  uint64_t start = now(), mstart = start + (uint64_t)(warm * 1e9), mend = mstart + (uint64_t)(dur * 1e9), next = start, lastprog = start, lastrx = 0;
  uint64_t b_msgs = 0, b_frames = 0, b_reads = 0, b_bytes = 0, b_pub = 0; double c0 = 0, s0 = 0, y0 = 0, u0 = 0; uint64_t rmstart = 0, stalls = 0;
  for (;;) {
    uint64_t t = now();
    if (!measuring && t >= mstart) { measuring = 1; rmstart = t; b_msgs = rx_msgs; b_frames = rx_frames; b_reads = rx_reads; b_bytes = rx_bytes; b_pub = pub_sent; c0 = cpu_all(); u0 = usr_acc; s0 = cpu_self(); y0 = cpu_sys(); }
    if (t >= mend) break;
    if (rate > 0) {
      int k = 0; while (t >= next) { publish(next); next += (uint64_t)(1e9 / rate); k = 1; }
      if (k) pub_flush();
      int64_t left = ((int64_t)next - (int64_t)now()) / 1000000; poll_once(left > 20 ? 20 : left < 0 ? 0 : (int)left);
    } else {
      uint64_t done = rx_msgs / (n_ready ? n_ready : 1); int k = 0;
      if (rx_msgs != lastrx) { lastrx = rx_msgs; lastprog = t; }
      else if (t - lastprog > 500000000ull) { stalls++; lastprog = t; publish(t); k = 1; }
      while (pub_sent < done + window_msgs && pn - po < (1 << 20)) { publish(t); k = 1; }
      if (k) pub_flush();
      poll_once(50);
    }
  }
  uint64_t t = now(); double el = (t - rmstart) / 1e9, sc = cpu_all() - c0, su = usr_acc - u0, lc = cpu_self() - s0, oc = cpu_sys() - y0 - sc - lc;
  m_msgs = rx_msgs - b_msgs; m_frames = rx_frames - b_frames; m_reads = rx_reads - b_reads; m_bytes = rx_bytes - b_bytes; measuring = 0;
  uint64_t npub = pub_sent - b_pub; long rss2 = rss_all();
  uint64_t d0 = now(); while (now() - d0 < 1500000000ull && rx_msgs < pub_sent * (uint64_t)n_ready) poll_once(20);   // drain, to count losses
  printf("{\"label\":\"%s\",\"conns\":%d,\"rate\":%g,\"window\":%d,\"el\":%.2f,\"pub_s\":%.0f,\"msgs_s\":%.0f,\"MBps\":%.1f,\"msgs_per_frame\":%.2f,\"msgs_per_read\":%.2f,"
    "\"srv_cpu\":%.2f,\"srv_user\":%.2f,\"load_cpu\":%.2f,\"other_cpu\":%.2f,\"msgs_per_cpu_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"p999_us\":%.0f,\"max_us\":%.0f,\"gaps\":%llu,\"dups\":%llu,\"missing\":%lld,\"dead\":%d,\"stalls\":%llu,\"rss0_kb\":%ld,\"rss1_kb\":%ld,\"rss2_kb\":%ld}\n",
    label, n_ready, rate, rate > 0 ? 0 : window_msgs, el, npub / el, m_msgs / el, m_bytes / el / 1e6, m_frames ? (double)m_msgs / m_frames : 0, m_reads ? (double)m_msgs / m_reads : 0,
    sc / el, su / el, lc / el, oc / el, sc > 0 ? m_msgs / sc : 0, hpct(50) / 1e3, hpct(99) / 1e3, hpct(99.9) / 1e3, hmax / 1e3, (unsigned long long)gaps, (unsigned long long)dups,
    (long long)(pub_sent * (uint64_t)n_ready - rx_msgs), n_dead, (unsigned long long)stalls, rss0, rss1, rss2);
  return 0;
}

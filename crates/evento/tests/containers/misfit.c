/* A function that misbehaves, and a look at the cage from inside. Becomes the bank's function where it goes on.
 * Static and without a library, so that an image of it needs nothing. Its first argument says how it misbehaves. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms) {
  struct timespec t = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}

static int become_the_bank(void) {
  char *arguments[] = {"/bank-function", NULL};
  execv(arguments[0], arguments);
  perror("/bank-function");
  return 1;
}

static void try_to_write(const char *path) {
  int file = open(path, O_WRONLY | O_CREAT, 0600);
  printf("write %s: %s\n", path, file < 0 ? strerror(errno) : "written");
}

static void print_lines(const char *path, const char *begin) {
  char line[512];
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (!strncmp(line, begin, strlen(begin))) printf("%s", line);
}

/* What a function sees of the world: no network, a root that cannot be written, no right to anything. */
static void look_around(void) {
  struct sockaddr_in away = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x08080808)};
  int found = socket(AF_INET, SOCK_DGRAM, 0);
  printf("reach 8.8.8.8: %s\n", connect(found, (void *)&away, sizeof away) ? strerror(errno) : "reached");
  try_to_write("/written");
  try_to_write("/tmp/written");
  print_lines("/proc/self/status", "CapEff");
  print_lines("/proc/self/status", "NoNewPrivs");
  print_lines("/proc/self/status", "Seccomp:");
  printf("user %d:%d\n", getuid(), getgid());
  fprintf(stderr, "and this is stderr\n");
  fflush(stdout);
}

/* Answers everything with the manifest of a protocol to come. */
static int speak_protocol_2(void) {
  const char *listen_at = getenv("EVENTO_LISTEN"), *body =
      "{\"manifestVersion\":1,\"protocol\":{\"min\":2,\"max\":2,\"modes\":[\"run\"],\"http\":[\"1.1\"]},"
      "\"function\":{\"name\":\"accounts\",\"version\":\"1\"},\"schemas\":[],\"entities\":[],\"limits\":{}}";
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, listen_at + strlen("unix:"), sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8)) return 1;
  for (;;) {
    char request[4096];
    int connection = accept(listener, NULL, NULL);
    if (read(connection, request, sizeof request) > 0)
      dprintf(connection,
              "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.evento.manifest.v1+json\r\nConnection: close\r\n"
              "Content-Length: %zu\r\n\r\n%s",
              strlen(body), body);
    close(connection);
  }
}

/* A child serves; the first process takes memory without end once it is told to. */
static int eat(void) {
  if (fork() == 0) return become_the_bank();
  while (access("/run/evento/eat", F_OK)) pause_ms(20);
  for (;;) memset(malloc(1 << 20), 1, 1 << 20);
}

/* A child serves; the first process makes others until it may not. They stay. */
static int multiply(void) {
  if (fork() == 0) return become_the_bank();
  while (access("/run/evento/fork", F_OK)) pause_ms(20);
  int made = 0;
  for (;; made++) {
    int child = fork();
    if (child < 0) break;
    if (child == 0) for (;;) pause();
  }
  printf("no more after %d: %s\n", made, strerror(errno));
  fflush(stdout);
  for (;;) pause();
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "";
  if (!strcmp(how, "exit")) {
    fprintf(stderr, "cannot find my settings\n");
    return 3;
  }
  if (!strcmp(how, "never")) for (;;) pause();
  if (!strcmp(how, "protocol")) return speak_protocol_2();
  if (!strcmp(how, "eat")) return eat();
  if (!strcmp(how, "fork")) return multiply();
  if (!strcmp(how, "look")) look_around();
  if (!strcmp(how, "late")) pause_ms(1500);
  if (!strcmp(how, "deaf")) {
    /* Blocked signals stay blocked in what this becomes. */
    sigset_t all;
    sigemptyset(&all);
    sigaddset(&all, SIGTERM);
    sigprocmask(SIG_BLOCK, &all, NULL);
  }
  return become_the_bank();
}

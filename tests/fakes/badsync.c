/* Preloaded into a process: as long as the file named by BADSYNC exists, no sync succeeds. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(void) {
  const char *flag = getenv("BADSYNC");
  return flag != NULL && syscall(SYS_faccessat, -100, flag, 0) == 0;
}

static int sync_by(long number, int file) {
  if (refuse()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(number, file);
}

int fsync(int file) { return sync_by(SYS_fsync, file); }
int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }

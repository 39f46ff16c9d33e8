#include "standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace paxect::host {

bool open_standard_descriptors() {
  for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(number, F_GETFD) >= 0) continue;
    // The lowest free number is this one. With O_PATH read(2) and write(2) give EBADF, as on a closed
    // descriptor; the root exists where /dev/null does not.
    int fd = open("/dev/null", O_PATH);
    if (fd < 0) fd = open("/", O_PATH | O_DIRECTORY);
    if (fd != number) return false;
  }
  return true;
}

}  // namespace paxect::host

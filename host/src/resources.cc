#include "resources.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <cerrno>

namespace paxect::host {
namespace {

std::string remedy(int error) {
  rlimit limit{};
  if (error == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
    return " (the limit is " + std::to_string(limit.rlim_cur) +
           "): raise the limit of open files (ulimit -n, LimitNOFILE=)";
  if (error == ENFILE) return ": raise the system's limit of open files (sysctl fs.file-max)";
  return {};
}

bool is_exhausted(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

}  // namespace

Status resource_error(const std::string& what, int error) {
  return internal_error(what + ": " + std::generic_category().message(error) + remedy(error));
}

Status open_error(const std::string& what, int error) {
  if (is_exhausted(error)) return resource_error(what, error);
  return config_error(what + ": " + std::generic_category().message(error));
}

bool no_descriptor_left() {
  const UniqueFd fd(open("/", O_PATH | O_CLOEXEC));
  return !fd.valid() && (errno == EMFILE || errno == ENFILE);
}

Status thread_error(const std::system_error& error) {
  return internal_error(std::string("cannot start a thread: ") + error.what() +
                        ": raise the limit of processes (ulimit -u, TasksMax=) or of memory (ulimit -v)");
}

UniqueFd new_event() {
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) throw std::system_error(errno, std::generic_category(), "eventfd");
  return event;
}

}  // namespace paxect::host

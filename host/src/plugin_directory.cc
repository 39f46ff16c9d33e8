#include "plugin_directory.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <string_view>
#include <utility>

#include "file_trust.h"
#include "names.h"
#include "resources.h"

namespace paxect::host {
namespace {

namespace fs = boost::filesystem;

constexpr std::string_view kExtension = ".so";

// In a sticky directory only the owner of an entry, or of the directory, can rename or remove it.
bool is_shared_safely(const struct stat& directory) {
  return directory.st_uid == 0 && (directory.st_mode & S_ISVTX) != 0;
}

// Opens one component after the other from the root on, and returns the last directory.
Status open_trusted(const fs::path& directory, UniqueFd* out) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  fs::path at;
  UniqueFd fd;
  for (const fs::path& component : directory) {
    at /= component;
    bool is_last = at == directory;
    int flags = is_last ? kFlags : (kFlags | O_PATH);
    fd = UniqueFd(openat(fd.valid() ? fd.get() : AT_FDCWD, component.c_str(), flags));
    struct stat status {};
    if (!fd.valid() || fstat(fd.get(), &status) != 0)
      return open_error("plugin directory " + at.string(), errno);
    std::string fault = !is_last && is_shared_safely(status) ? std::string() : write_fault(status);
    if (fault.empty()) continue;
    std::string what = is_last ? "plugin directory " + at.string()
                               : "plugin directory " + directory.string() + ": " + at.string();
    return config_error(what + " is " + fault);
  }
  *out = std::move(fd);
  return {};
}

// ../lib/paxect/plugins from this binary.
Status find_installed_directory(fs::path* out) {
  boost::system::error_code error;
  fs::path binary = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    // No /proc: the path that execve(2) was given, which may be relative or a symbolic link.
    const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    if (name != nullptr) binary = fs::canonical(name, error);
  }
  if (error)
    return config_error("plugin directory: " + error.message() +
                        ": without /proc name it by --plugin-dir or PAXECT_PLUGIN_DIR");
  *out = binary.parent_path().parent_path() / "lib" / "paxect" / "plugins";
  return {};
}

}  // namespace

Status PluginDirectory::open(const std::string& path, PluginDirectory* out) {
  boost::system::error_code error;
  fs::path wanted = path;
  if (path.empty()) {
    Status status = find_installed_directory(&wanted);
    if (!status.ok()) return status;
  }
  // With the root as base, which an absolute path does not use: the working directory may be removed.
  fs::path directory = fs::canonical(wanted, "/", error);
  if (error) return open_error("plugin directory " + wanted.string(), error.value());
  out->path_ = directory.string();
  return open_trusted(directory, &out->fd_);
}

Status PluginDirectory::list(std::vector<std::string>* names) const {
  names->clear();
  boost::system::error_code error;
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.ends_with(kExtension)) names->push_back(name.substr(0, name.size() - kExtension.size()));
  }
  if (error) return open_error("plugin directory " + path_, error.value());
  std::sort(names->begin(), names->end());
  return {};
}

Status PluginDirectory::check(const std::string& name, std::string* path) const {
  if (!is_plugin_name(name))
    return config_error("'" + name + "' is no plugin name: [a-z][a-z0-9_-]{0,63}, never a path");
  std::string file = name + std::string(kExtension);
  *path = path_ + "/" + file;
  // O_NONBLOCK: opening a FIFO would block otherwise.
  UniqueFd fd(openat(fd_.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT)
      return config_error("no plugin '" + name + "': " + *path +
                          " does not exist: see paxect plugins, or set plugin = NAME in the section");
    if (errno == ELOOP) return config_error(*path + ": a symbolic link: a plugin must be a regular file");
    if (errno != ENXIO) return open_error(*path, errno);
  }
  struct stat status {};
  if (!fd.valid() || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return config_error(*path + ": not a regular file");
  std::string fault = write_fault(status);
  return fault.empty() ? Status() : config_error(*path + ": " + fault);
}

}  // namespace paxect::host

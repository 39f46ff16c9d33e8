#include "plugin_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "names.h"

namespace paxect::host {
namespace {

namespace fs = boost::filesystem;

constexpr std::string_view kExtension = ".so";

std::string reason(int error) { return std::generic_category().message(error); }

std::string owner_fault(const struct stat& file) {
  if (file.st_uid == 0 || file.st_uid == geteuid()) return {};
  return "owned by user " + std::to_string(file.st_uid) + ", neither root nor the user who runs this";
}

std::string mode_fault(const struct stat& file) {
  if ((file.st_mode & S_IWOTH) != 0) return "writable by everyone: chmod go-w";
  if ((file.st_mode & S_IWGRP) != 0) return "writable by its group: chmod g-w";
  return {};
}

std::string fault_of(const struct stat& file) {
  std::string fault = owner_fault(file);
  return fault.empty() ? mode_fault(file) : fault;
}

// In a sticky directory only the owner of an entry, or of the directory, can rename or remove it.
bool is_shared_safely(const struct stat& directory) {
  return directory.st_uid == 0 && (directory.st_mode & S_ISVTX) != 0;
}

// Goes down from the root, one component after the other, and hands back the last directory.
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
      return config_error("plugin directory " + at.string() + ": " + reason(errno));
    std::string fault = !is_last && is_shared_safely(status) ? std::string() : fault_of(status);
    if (fault.empty()) continue;
    std::string what = is_last ? "plugin directory " + at.string()
                               : "plugin directory " + directory.string() + ": " + at.string();
    return config_error(what + " is " + fault);
  }
  *out = std::move(fd);
  return {};
}

}  // namespace

Status PluginDirectory::open(const std::string& path, PluginDirectory* out) {
  boost::system::error_code error;
  fs::path wanted = path;
  if (path.empty()) {
    fs::path binary = fs::read_symlink("/proc/self/exe", error);
    if (error) return internal_error("/proc/self/exe: " + error.message());
    wanted = binary.parent_path().parent_path() / "lib" / "paxect" / "plugins";
  }
  fs::path directory = fs::canonical(wanted, error);
  if (error) return config_error("plugin directory " + wanted.string() + ": " + error.message());
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
  if (error) return config_error("plugin directory " + path_ + ": " + error.message());
  std::sort(names->begin(), names->end());
  return {};
}

Status PluginDirectory::check(const std::string& name, std::string* path) const {
  if (!is_plugin_name(name))
    return config_error("'" + name + "' is no plugin name: [a-z][a-z0-9_-]{0,63}, never a path");
  std::string file = name + std::string(kExtension);
  *path = path_ + "/" + file;
  // O_NONBLOCK: a FIFO would hold us up otherwise.
  UniqueFd fd(openat(fd_.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT)
      return config_error("no plugin '" + name + "': there is no " + *path +
                          ": see paxect plugins; a section named otherwise says plugin = NAME");
    if (errno == ELOOP) return config_error(*path + ": a symbolic link; a plugin must be a file of its own");
    if (errno != ENXIO) return config_error(*path + ": " + reason(errno));
  }
  struct stat status {};
  if (!fd.valid() || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return config_error(*path + ": not a regular file");
  std::string fault = fault_of(status);
  return fault.empty() ? Status() : config_error(*path + ": " + fault);
}

}  // namespace paxect::host

// The files of the page, compiled in: the panel opens none of them at run time.
#pragma once

#include <string>
#include <string_view>

namespace paxect::panel {

struct PageFile {
  std::string_view type;
  std::string_view content;
  bool is_public;  // part of the login page, which needs no token
};

// Null for a path that is none of them.
const PageFile* find_page_file(const std::string& path);

}  // namespace paxect::panel

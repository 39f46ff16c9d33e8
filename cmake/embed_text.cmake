# paxect_embed_text(TARGET FILE NAMESPACE NAME): compiles the contents of FILE into TARGET, as
# `extern const std::string_view NAMESPACE::NAME`. CMake runs again when FILE changes.
function(paxect_embed_text target file namespace name)
  file(READ "${file}" content)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${name}.cc")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
"#include <string_view>

namespace @namespace@ {
extern const std::string_view @name@;
constinit const std::string_view @name@ = R\"embedded(@content@)embedded\";
}  // namespace @namespace@
")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  target_sources(${target} PRIVATE "${source}")
endfunction()

# Compile and link options of every target: link to paxect_compile_options (PRIVATE).
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C CXX)

# Marks the valid targets of indirect jumps, for processors and kernels that enforce them. Only installed targets need
# this; their directories add these options themselves.
include(CheckCXXCompilerFlag)
set(PAXECT_CONTROL_FLOW_OPTIONS)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i.86")
  check_cxx_compiler_flag(-fcf-protection=full PAXECT_HAS_CF_PROTECTION)
  if(PAXECT_HAS_CF_PROTECTION)
    set(PAXECT_CONTROL_FLOW_OPTIONS -fcf-protection=full)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  check_cxx_compiler_flag(-mbranch-protection=standard PAXECT_HAS_BRANCH_PROTECTION)
  if(PAXECT_HAS_BRANCH_PROTECTION)
    set(PAXECT_CONTROL_FLOW_OPTIONS -mbranch-protection=standard)
  endif()
endif()

add_library(paxect_compile_options INTERFACE)
target_compile_definitions(paxect_compile_options INTERFACE _FILE_OFFSET_BITS=64)
target_compile_options(paxect_compile_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wformat=2 -Wundef
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi>
  -fstack-protector-strong
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
target_link_options(paxect_compile_options INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)

if(PAXECT_SANITIZE)
  # Global, because all modules of a process must agree, including the deliberately bad test plugins.
  add_compile_options(-fsanitize=${PAXECT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PAXECT_SANITIZE})
  # With sanitizers, GCC 12 reports this for code of std::regex that is correct.
  target_compile_options(paxect_compile_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
else()
  target_compile_options(paxect_compile_options INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  target_link_options(paxect_compile_options INTERFACE
    $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>>:-Wl,-z,defs>)
endif()

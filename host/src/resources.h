// Failures for lack of descriptors, threads or memory: status 70, with the limit to raise. They are no fault
// of the configuration or the plugin that happens to meet them.
#pragma once

#include <string>
#include <system_error>

#include "status.h"
#include "unique_fd.h"

namespace paxect::host {

// `what` could not be done because of `error`, an errno: "WHAT: Too many open files (the limit is 1024):
// ...".
Status resource_error(const std::string& what, int error);

// The same when `error` is a lack of resources; otherwise status 78 and "WHAT: reason".
Status open_error(const std::string& what, int error);

// Whether no descriptor can be opened now.
bool no_descriptor_left();

Status thread_error(const std::system_error& error);

// An eventfd that is never inherited and never blocks. Throws std::system_error when there is no descriptor
// left.
UniqueFd new_event();

}  // namespace paxect::host

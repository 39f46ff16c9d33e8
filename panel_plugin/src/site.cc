#include "site.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <memory>
#include <string_view>
#include <utility>

#include "json_text.h"
#include "page_files.h"
#include "replies.h"

namespace paxect::panel {
namespace {

constexpr std::uint64_t kQuestionLimit = 60 * kSecond;
constexpr std::uint64_t kLongLimit = 600 * kSecond;  // an audit log of gigabytes, a slow disk
constexpr std::uint64_t kFollowed = 10 * kSecond;
constexpr std::size_t kMaxMetrics = 4 * 1024 * 1024;
constexpr std::size_t kMaxNames = 1000;
constexpr std::size_t kMaxName = 4096;

Response see_other(const std::string& path) {
  Response response = Response::line(303, "see " + path);
  response.headers.emplace_back("Location", path);
  return response;
}

Response refuse_method(const std::string& allowed) {
  Response response = Response::line(405, "use " + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

Response busy() { return Response::line(503, "too many commands run at once: try again"); }

Response not_offered(const std::string& section, const std::string& command) {
  return Response::line(404, "the section " + section + " has no command " + command);
}

Response not_found() { return Response::line(404, "there is nothing at this path"); }

std::size_t number_of(const Request& request, const std::string& name, std::size_t preset, std::size_t max) {
  const std::string text = request.parameter(name);
  std::size_t value = preset;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::min(value, max) : preset;
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= kMaxName && text.find('\0') == std::string::npos;
}

// The command that an action runs, "" for none; NULL when there is no such action.
const char* command_of(const std::string& action) {
  if (action == "retry" || action == "drop") return "quarantine";
  if (action == "adopt") return "place";
  if (action == "doctor") return "doctor";
  if (action == "resend") return "resend";
  return action == "reload" ? "" : nullptr;
}

// {"names": [...]} of a request.
bool read_names(const std::string& body, std::vector<std::string>* out) {
  json::Document document;
  if (!parse_json(body, &document) || !document.IsObject()) return false;
  const json::Value& object = document;
  const auto names = object.FindMember("names");
  if (names == object.MemberEnd() || !names->value.IsArray() || names->value.Empty() ||
      names->value.Size() > kMaxNames)
    return false;
  for (const json::Value& name : names->value.GetArray()) {
    if (!name.IsString()) return false;
    out->emplace_back(name.GetString(), name.GetStringLength());
    if (!is_name(out->back())) return false;
  }
  return true;
}

// A regular file of at most kMaxMetrics.
bool read_file(const std::string& path, std::string* out) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) return count == 0;
    out->append(buffer.data(), static_cast<std::size_t>(count));
    if (out->size() > kMaxMetrics) return false;
  }
}

// Sends SIGHUP to a process that is a `paxect`: its number comes from a report that may be a second old.
Status signal_reload(std::int64_t pid) {
  if (pid <= 1) return Status::failure("no relay is running");
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  std::string name;
  if (!process.valid() || !read_file("/proc/" + std::to_string(pid) + "/comm", &name) || name != "paxect\n")
    return Status::failure("process " + std::to_string(pid) + " is not a paxect any more");
  if (syscall(SYS_pidfd_send_signal, process.get(), SIGHUP, nullptr, 0) != 0)
    return Status::system("cannot signal process " + std::to_string(pid));
  return Status::success();
}

// The parts of /api/SECTION/NAME.
bool split_path(const std::string& path, std::string* section, std::string* name) {
  constexpr std::string_view kStart = "/api/";
  const std::size_t slash = path.find('/', kStart.size());
  if (slash == std::string::npos) return false;
  *section = path.substr(kStart.size(), slash - kStart.size());
  *name = path.substr(slash + 1);
  return true;
}

}  // namespace

std::optional<Response> Site::answer(const Request& request, const Client& client) {
  // A load balancer and a probe use an address and have no token; the answer is one word.
  if (request.path == "/healthz" && request.is_read()) return health();
  if (std::optional<Response> refused = parts_.access.refuse_foreign(request)) return refused;
  if (request.path == "/login") return login(request);
  const PageFile* file = find_page_file(request.path);
  const bool is_public = file != nullptr && file->is_public;
  if (!is_public && !parts_.access.is_authorized(request))
    return request.path == "/" ? see_other("login")
                               : Response::line(401, "log in first: the token is missing, or another one");
  if (file == nullptr) return route(request, client);
  if (!request.is_read()) return refuse_method("GET, HEAD");
  Response response;
  response.type = file->type;
  response.body = file->content;
  return response;
}

std::optional<Response> Site::login(const Request& request) const {
  std::string token = request.parameter("token");
  if (request.method == "POST") {
    constexpr std::string_view kField = "token=";  // a token has no character that a form would encode
    if (!request.body.starts_with(kField)) return Response::line(400, "the token is missing");
    token = request.body.substr(kField.size());
  } else if (!request.is_read()) {
    return refuse_method("GET, HEAD, POST");
  } else if (token.empty()) {
    Response response;
    response.type = find_page_file("/login")->type;
    response.body = find_page_file("/login")->content;
    return response;
  }
  if (!parts_.access.is_token(token)) return Response::line(403, "this is not the token");
  Response response = see_other("./");  // relative: a proxy may add a folder in front
  response.headers.emplace_back("Set-Cookie", parts_.access.cookie());
  return response;
}

std::optional<Response> Site::route(const Request& request, const Client& client) {
  if (request.path.starts_with("/api/")) return api(request, client);
  const bool known = request.path == "/metrics" || request.path == "/events";
  if (!known) return not_found();
  if (request.method != "GET") return refuse_method("GET");
  if (request.path == "/metrics") return metrics(request);
  Response response;
  response.type = "text/event-stream";
  response.is_stream = true;
  response.body = "retry: 2000\n\n" + state_event();
  return response;
}

std::optional<Response> Site::api(const Request& request, const Client& client) {
  const bool is_session = request.path == "/api/session";
  if (is_session || request.path == "/api/state") {
    if (!request.is_read()) return refuse_method("GET, HEAD");
    if (!is_session) asked_ns_ = parts_.host.monotonic_ns();
    return Response::json(is_session ? session_json(client) : state_json());
  }
  std::string section;
  std::string name;
  if (!split_path(request.path, &section, &name) || !parts_.sections.has(section)) return not_found();
  if (request.is_read()) return question(section, name, request, client);
  return request.method == "POST" ? action(section, name, request, client) : refuse_method("GET, HEAD, POST");
}

std::optional<Response> Site::question(const std::string& section, const std::string& name,
                                       const Request& request, const Client& client) {
  if (name == "history") return Response::json(parts_.sections.history_json(section));
  const auto words = [&](const std::vector<std::string>& all) {
    return parts_.sections.command(section, all);
  };
  constexpr std::array<std::string_view, 9> kQuestions = {
      "peers", "place", "audit", "stats", "missing", "sent", "quarantine", "waiting", "explain"};
  if (std::find(kQuestions.begin(), kQuestions.end(), name) == kQuestions.end()) return not_found();
  if (!parts_.sections.offers(section, name)) return not_offered(section, name);
  if (name == "peers" || name == "place" || name == "audit" || name == "stats" || name == "missing")
    return run(words({name, "--json"}), client, command_reply);
  if (name == "explain") {
    const std::string file = request.parameter("file");
    if (!is_name(file)) return Response::line(400, "explain needs a file of at most 4096 bytes");
    return run(words({"explain", "--json", "--", file}), client, command_reply);
  }
  const Range range{.offset = number_of(request, "offset", 0, 100'000'000),
                    .limit = number_of(request, "limit", 50, 500),
                    .filter = request.parameter("filter")};
  const char* list = name == "sent" ? "kept" : "items";
  const auto make = [range, list](const CommandEnd& end) { return list_reply(end, list, range); };
  if (name != "quarantine") return run(words({name, "--json"}), client, make);
  return run(words({"quarantine", "list", "--json"}), client, make);
}

std::optional<Response> Site::action(const std::string& section, const std::string& name,
                                     const Request& request, const Client& client) {
  const char* command = command_of(name);
  if (command == nullptr) return not_found();
  if (!parts_.settings.actions) return Response::line(403, "this panel only shows: set actions = true");
  if (!parts_.access.has_csrf(request))
    return Response::line(403, "the request is not from the page: reload it");
  if (request.content_type != "application/json")
    return Response::line(415, "the body must be application/json");
  Action action{.who = parts_.access.name_of(client), .section = section, .name = name, .words = {}};
  if (!read_names(request.body, &action.words))
    return Response::line(400, R"(the body must be {"names": [...]} with 1 to 1000 names)");
  if (name == "reload") return reload(action);
  if (!parts_.sections.offers(section, command)) return not_offered(section, command);
  if (name == "resend") return resend(action, client);
  std::vector<std::string> words = {"quarantine", name, "--"};
  if (name == "adopt") words = {"place", "adopt", "--"};
  if (name == "doctor" && parts_.sections.arguments_of(section, "doctor").find("DIR") == std::string::npos) {
    action.words = {section};
    return run_action(action, {"doctor", "--json"}, client);
  }
  if (name == "doctor") {
    // Only a directory that the section itself has reported, by the name that it has there.
    const std::string directory = parts_.sections.text_in(section, action.words.front().c_str());
    if (!directory.starts_with('/'))
      return Response::line(400, "doctor needs the name of a directory in the report");
    action.words = {directory};
    words = {"doctor", "--json", "--"};
  }
  words.insert(words.end(), action.words.begin(), action.words.end());
  return run_action(action, words, client);
}

std::optional<Response> Site::run_action(const Action& action, const std::vector<std::string>& words,
                                         const Client& client) {
  if (const Status status = parts_.log.write(parts_.host.realtime_ns(), action, "requested"); !status.ok())
    return Response::line(500, status.message() + ": nothing was done");
  return finish_action(action, words, client);
}

std::optional<Response> Site::finish_action(const Action& action, const std::vector<std::string>& words,
                                            const Client& client) {
  const auto make = [this, action](const CommandEnd& end) {
    note_outcome(action, end.late       ? "took too long"
                         : !end.started ? end.error
                                        : "exit status " + std::to_string(end.status));
    return action.name == "doctor" ? command_reply(end) : text_reply(end);
  };
  std::optional<Response> refused = run(parts_.sections.command(action.section, words), client, make);
  if (refused) note_outcome(action, "too many commands run at once");
  return refused;
}

void Site::note_outcome(const Action& action, const std::string& outcome) {
  const Status status = parts_.log.write(parts_.host.realtime_ns(), action, outcome);
  if (!status.ok()) parts_.host.log(PAXECT_LOG_ERROR, status.message());
  parts_.host.log(PAXECT_LOG_WARN,
                  action.name + " of " + action.section + " by " + action.who + ": " + outcome);
}

// Of what a receiver misses by its newest receipt. `words` has its node and the stream: the path of the
// receipt comes from the section, not from the client.
std::optional<Response> Site::resend(const Action& action, const Client& client) {
  if (action.words.size() != 2) return Response::line(400, "resend needs a receiver and a stream");
  if (const Status status = parts_.log.write(parts_.host.realtime_ns(), action, "requested"); !status.ok())
    return Response::line(500, status.message() + ": nothing was done");
  const auto send = [this, action, client](const CommandEnd& end) {
    const std::string receipt = receipt_in(end, action.words[0], action.words[1]);
    if (receipt.empty()) {
      const std::string why = "the section reports no receipt of this receiver about this stream";
      note_outcome(action, end.started ? why : end.error);
      return parts_.server->respond(client.connection, Response::line(404, why));
    }
    const std::optional<Response> refused = finish_action(action, {"resend", "--", receipt}, client);
    if (refused) parts_.server->respond(client.connection, *refused);
  };
  if (!parts_.runner.run(parts_.sections.command(action.section, {"sent", "--json"}), kQuestionLimit, send)) {
    note_outcome(action, "too many commands run at once");
    return busy();
  }
  return std::nullopt;
}

Response Site::reload(const Action& action) {
  if (const Status status = parts_.log.write(parts_.host.realtime_ns(), action, "requested"); !status.ok())
    return Response::line(500, status.message() + ": nothing was done");
  const Status status = signal_reload(parts_.sections.number_in(action.section, "pid"));
  const std::string outcome = status.ok() ? "exit status 0" : status.message();
  note_outcome(action, outcome);
  if (!status.ok()) return Response::line(502, status.message());
  return Response::json(R"({"status":0,"message":"","result":{}})"
                        "\n");
}

Response Site::health() const {
  return parts_.sections.unhealthy().empty() ? Response::line(200, "ok") : Response::line(503, "not ok");
}

Response Site::metrics(const Request& request) const {
  std::string section = request.parameter("section");
  for (const std::string& name : parts_.sections.names())
    if (section.empty() && !parts_.sections.text_in(name, "metrics_file").empty()) section = name;
  const std::string path = parts_.sections.text_in(section, "metrics_file");
  Response response;
  response.type = "text/plain; version=0.0.4; charset=utf-8";
  if (path.empty())
    return Response::line(404, "no section reports a metrics file: see the setting metrics_file");
  if (!read_file(path, &response.body)) return Response::line(503, "the metrics file cannot be read");
  return response;
}

std::string Site::session_json(const Client& client) const {
  return R"({"csrf":)" + json_string(parts_.access.csrf()) + R"(,"actions":)" +
         (parts_.settings.actions ? "true" : "false") + R"(,"who":)" +
         json_string(printable(parts_.access.name_of(client))) +
         R"(,"version":")" PAXECT_PANEL_VERSION "\"}\n";
}

std::string Site::state_json() const {
  return R"({"now_ms":)" + std::to_string(parts_.host.realtime_ns() / 1'000'000) + R"(,"sections":)" +
         parts_.sections.json() + "}\n";
}

std::string Site::state_event() const { return "event: state\ndata: " + state_json() + "\n"; }

bool Site::is_followed() const {
  return asked_ns_ != 0 && parts_.host.monotonic_ns() - asked_ns_ < kFollowed;
}

std::optional<Response> Site::run(const std::vector<std::string>& words, const Client& client,
                                  std::function<Response(const CommandEnd&)> make) {
  const bool is_long = std::find(words.begin(), words.end(), "audit") != words.end() ||
                       std::find(words.begin(), words.end(), "doctor") != words.end();
  const std::uint64_t connection = client.connection;
  Server* server = parts_.server;
  const bool taken = parts_.runner.run(words, is_long ? kLongLimit : kQuestionLimit,
                                       [server, connection, make = std::move(make)](const CommandEnd& end) {
                                         server->respond(connection, make(end));
                                       });
  if (!taken) return busy();
  return std::nullopt;
}

}  // namespace paxect::panel

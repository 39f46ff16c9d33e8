#include "access.h"

#include <pwd.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace paxect::panel {
namespace {

constexpr std::string_view kCookie = "paxect_panel=";
constexpr std::string_view kBearer = "Bearer ";

std::string random_text() {
  std::array<unsigned char, 32> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, 2 * bytes.size() + 1> text{};
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  return text.data();
}

// In a time that depends on the given text alone.
bool equal(const std::string& given, const std::string& secret) {
  std::array<unsigned char, crypto_generichash_BYTES> a{};
  std::array<unsigned char, crypto_generichash_BYTES> b{};
  auto digest = [](const std::string& text, auto* out) {
    crypto_generichash(out->data(), out->size(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size(), nullptr, 0);
  };
  digest(given, &a);
  digest(secret, &b);
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

// "name" of "name:8080" and "[::1]:8080"; lower case. "" when something else than a port follows the name.
std::string name_in(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view port = colon == std::string_view::npos ? "" : host.substr(colon + 1);
  if (port.find_first_not_of("0123456789") != std::string_view::npos) return "";
  std::string name(host.substr(0, colon));
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

// The values of our cookie: a request may have several.
std::vector<std::string> cookies_in(std::string_view header) {
  std::vector<std::string> values;
  while (!header.empty()) {
    std::string_view part = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(part.size() + 1, header.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.starts_with(kCookie)) values.emplace_back(part.substr(kCookie.size()));
  }
  return values;
}

}  // namespace

Access::Access(const Settings& settings)
    : settings_(settings), session_(random_text()), csrf_(random_text()) {}

void Access::end_sessions() {
  session_ = random_text();
  csrf_ = random_text();
}

bool Access::is_own_host(const std::string& host) const {
  const std::string name = name_in(host);
  if (name == "localhost" || name == "127.0.0.1" || name == "[::1]") return true;
  if (!settings_.address.empty() && (name == settings_.address || name == "[" + settings_.address + "]"))
    return true;
  return std::find(settings_.hosts.begin(), settings_.hosts.end(), name) != settings_.hosts.end();
}

std::optional<Response> Access::refuse_foreign(const Request& request) const {
  if (request.host.empty()) return Response::line(400, "a request must have a Host");
  // A name of an attacker that resolves to this machine (DNS rebinding) makes his page one of ours.
  if (!is_own_host(request.host))
    return Response::line(421, "this name is not one of the panel: add it to the setting hosts");
  const bool own_origin = request.origin.empty() || request.origin == "http://" + request.host ||
                          request.origin == "https://" + request.host;
  if (!own_origin) return Response::line(403, "the request of a page of another origin is refused");
  // Browsers send no Origin with images and the like.
  const bool own_site = request.site.empty() || request.site == "same-origin" || request.site == "none";
  const bool is_page = request.method == "GET" && (request.path == "/" || request.path == "/login");
  if (!own_site && !is_page) return Response::line(403, "the request of a page of another site is refused");
  return std::nullopt;
}

bool Access::is_token(const std::string& text) const {
  return !settings_.token.empty() && equal(text, settings_.token);
}

bool Access::is_authorized(const Request& request) const {
  if (settings_.token.empty()) return true;
  if (request.authorization.starts_with(kBearer) && is_token(request.authorization.substr(kBearer.size())))
    return true;
  for (const std::string& value : cookies_in(request.cookie))
    if (equal(value, session_)) return true;
  return false;
}

bool Access::has_csrf(const Request& request) const { return equal(request.csrf, csrf_); }

std::string Access::cookie() const {
  return std::string(kCookie) + session_ + "; Path=/; HttpOnly; SameSite=Strict";
}

std::string Access::name_of(const Client& client) const {
  if (!client.uid) return "token " + settings_.token_name;
  std::string name = "uid " + std::to_string(*client.uid);
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(*client.uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    name += std::string(" (") + found->pw_name + ")";
  return name;
}

}  // namespace paxect::panel

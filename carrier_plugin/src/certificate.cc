#include "certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <memory>

#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::size_t kMaxFile = 1024 * 1024;

std::string name_text(const X509_NAME* name) {
  std::array<char, 512> text{};
  X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
  return text.data();
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm fields{};
  return ASN1_TIME_to_tm(time, &fields) == 1 ? static_cast<std::int64_t>(timegm(&fields)) : 0;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// What the server said to a client that it does not let in, by TLS 1.2 and 1.3: the connection just ends.
bool is_refusal(const std::string& words) {
  return has(words, "Expected 'PONG'") || has(words, "SSL_write") || has(words, "SSL_read") ||
         has(words, "IO Error") || has(words, "Connection Closed") || has(words, "alert");
}

}  // namespace

std::string date_of(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm fields{};
  std::array<char, 32> text{};
  gmtime_r(&time, &fields);
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &fields);
  return text.data();
}

Status read_certificate(const std::string& path, Certificate* out) {
  std::string text;
  bool missing = false;
  if (Status status = read_file(path, kMaxFile, &text, &missing); !status.ok()) return status;
  if (missing) return Status::failure(path + " does not exist");
  const std::unique_ptr<BIO, int (*)(BIO*)> source(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      source == nullptr ? nullptr : PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) return Status::failure(path + " has no certificate (PEM)");
  out->subject = name_text(X509_get_subject_name(certificate.get()));
  out->issuer = name_text(X509_get_issuer_name(certificate.get()));
  out->not_before = seconds_of(X509_get0_notBefore(certificate.get()));
  out->not_after = seconds_of(X509_get0_notAfter(certificate.get()));
  return Status::success();
}

std::string Certificate::problem(const std::string& path, std::int64_t now) const {
  if (now > not_after)
    return "the client certificate " + path + " expired on " + date_of(not_after) + ": replace it";
  if (now < not_before)
    return "the client certificate " + path + " is valid from " + date_of(not_before) +
           " on: set the clock, or replace it";
  return "";
}

std::string explain_failure(const Settings& settings, const std::string& words, std::int64_t now) {
  if (has(words, "key values mismatch"))
    return "tls_key " + settings.tls_key + " is not the key of tls_cert " + settings.tls_cert + " (" + words +
           ")";
  if (has(words, "SSL handshake error"))
    return "the certificate of the server is not accepted (" + words +
           "): tls_ca must have the authority that issued it, and it must be valid and have the name that "
           "servers has";
  if (has(words, "Secure Connection not available"))
    return "the server has no TLS: remove tls and tls_cert, or give the server a block tls (" + words + ")";
  if (!settings.tls && settings.tls_cert.empty()) return words;
  Certificate own;
  if (settings.tls_cert.empty())
    return is_refusal(words) ? "the server ends the connection (" + words +
                                   "): if it requires a client certificate, set tls_cert and tls_key"
                             : words;
  if (const Status status = read_certificate(settings.tls_cert, &own); !status.ok())
    return status.message() + " (" + words + ")";
  if (const std::string problem = own.problem(settings.tls_cert, now); !problem.empty())
    return problem + " (" + words + ")";
  if (!is_refusal(words)) return words;
  return "the server ends the connection (" + words +
         "), as it does when it refuses the client certificate " + settings.tls_cert + " (of " + own.subject +
         ", issued by " + own.issuer + ", valid until " + date_of(own.not_after) +
         "): its issuer must be in the ca_file of the server, whose log has the reason";
}

}  // namespace paxect::carrier

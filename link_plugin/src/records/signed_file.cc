#include "records/signed_file.h"

#include "base/relay_paths.h"
#include "proof/statement.h"

namespace paxect::link {
namespace {

Status read_signature(const Directory& folder, const std::string& name, const std::vector<PublicKey>& keys,
                      std::string* signature) {
  Status status = folder.read_small(signature_of(name), kMaxSignatureSize, signature);
  return status.ok() ? verify_signature_file(*signature, name, keys) : status;
}

}  // namespace

Status check_signature(const Directory& folder, const std::string& name, const std::vector<PublicKey>& keys) {
  std::string signature;
  return read_signature(folder, name, keys, &signature);
}

Status read_signed(const Directory& folder, const std::string& name, const std::vector<PublicKey>& keys,
                   std::string* text) {
  std::string signature;
  Status status = read_signature(folder, name, keys, &signature);
  if (status.ok()) status = folder.read_small(name, kMaxStatementSize, text);
  return status.ok() ? verify_file(*text, signature, name, keys) : status;
}

}  // namespace paxect::link

// A sender whose lists are made by the test: what a receiver gets from a medium, file by file.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/key.h"
#include "proof/list.h"
#include "proof/signature.h"
#include "support/files.h"

namespace paxect::test {

class ProofSender {
 public:
  explicit ProofSender(std::string node = "north") : node_(std::move(node)) {}

  const std::string& node() const { return node_; }
  const link::SigningKey& key() const { return key_; }
  const std::string& stream() const { return stream_; }
  std::vector<std::string> to = {};
  std::uint64_t within = 600;
  std::optional<link::Continued> continues = {};

  // The next container with these bytes has this name in the outbox.
  void send(const std::string& name, const std::string& container,
            std::optional<link::EarlierEntry> again = {}) {
    pending_.push_back({link::sha256_hex(container), name, std::move(again)});
  }
  // The list of what was sent since the last one.
  link::List next_list() {
    link::List list;
    list.head.from = node_;
    list.head.to = to;
    list.head.stream = stream_;
    list.head.continues = continues;
    list.head.number = ++number_;
    list.head.previous = previous_;
    list.head.made = 1'767'323'000;
    list.first = next_;
    list.within = within;
    list.entries = std::exchange(pending_, {});
    next_ += list.entries.size();
    previous_ = link::sha256_hex(link::list_text(list));
    return list;
  }
  std::string name_of(const link::List& list) const {
    return link::list_of(list.head.from, list.head.stream, list.head.number);
  }
  // List and signature in the folder of an inbox; returns the path of the list.
  std::string write(const link::List& list, const std::string& inbox) const {
    return write_text(link::list_text(list), name_of(list), inbox, key_);
  }
  static std::string write_text(const std::string& text, const std::string& name, const std::string& inbox,
                                const link::SigningKey& key) {
    const std::string folder = inbox + "/" + link::kProofFolder;
    std::filesystem::create_directories(folder);
    write_file(folder + "/" + link::signature_of(name), link::sign_file(key, text, name));
    write_file(folder + "/" + name, text);
    return folder + "/" + name;
  }
  // A list of what was sent, written.
  std::string write_next(const std::string& inbox) { return write(next_list(), inbox); }

  // Pins the key in this folder, as NODE.pub or as another file.
  std::string pin(const std::string& folder, const std::string& file = "") const {
    std::filesystem::create_directories(folder);
    const std::string path = folder + "/" + (file.empty() ? node_ + ".pub" : file);
    write_file(path, link::public_key_text(key_.public_key()));
    return path;
  }
  // Another stream with the same key.
  ProofSender with_stream() const {
    ProofSender other(node_);
    other.key_ = key_;
    return other;
  }
  // The number of the last list.
  std::uint64_t number() const { return number_; }

 private:
  std::string node_;
  link::SigningKey key_ = link::SigningKey::generate();
  std::string stream_ = link::make_stream();
  std::uint64_t number_ = 0;
  std::uint64_t next_ = 1;
  std::string previous_;
  std::vector<link::ListEntry> pending_;
};

}  // namespace paxect::test

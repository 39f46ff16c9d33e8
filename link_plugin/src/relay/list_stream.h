// Which stream the lists of a sender are in. The journal's own goes on where the journal can vouch for its
// numbers; otherwise another one begins, which says what it continues. (the cases: DESIGN.md)
//
// Not for two threads at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/host.h"
#include "base/tree.h"
#include "records/journal.h"
#include "relay/own_lists.h"
#include "relay/reporter.h"
#include "settings/link_config.h"

namespace paxect::link {

class ListStream {
 public:
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Journal& journal;
    Reporter& reporter;
    Tree& outbox;
  };

  explicit ListStream(const Parts& parts) : parts_(parts) {}

  // Whether the journal's is that of this key and node.
  bool is_ours() const;
  // Another text has the name of a list of ours.
  void give_up() { is_given_up_ = true; }
  // The numbers up to this list had other texts.
  void give_up_numbers(std::uint64_t list);
  // Since then no other one has begun.
  bool is_given_up() const { return is_given_up_; }
  // Finds out which of the lists that are decided have got their names, before a crash took the record of it.
  void find_named();
  // Begins another stream if one is due; `*is_new` receives whether it did.
  Status open(bool* is_new);

 private:
  Status begin_another(const std::string& why, const ShownLists& shown);
  std::string why_another(const ShownLists& shown) const;
  void relist(const std::string& stream);
  static const List& first_in_chain(const ShownLists& shown);
  static SentStream take_up(const SentStream& stream, const std::string& key, const List& first);
  static std::vector<SentList> adoptable(const SentStream& stream, const ShownLists& shown);
  void find_entries(const SentStream& stream, const ShownLists& shown, StreamStart* start) const;
  std::size_t count_containers(const Directory& folder, unsigned depth) const;

  Parts parts_;
  bool is_given_up_ = false;
  std::uint64_t used_number_ = 0;  // of a list whose text is not ours, by a receipt; 0: there is none
};

}  // namespace paxect::link

// Which entries of lists have a text, such as a digest. Those with one text are in the order of their streams
// and numbers, so that the first one is found at once, however many have the same: a sender may list one
// content as often as it wants to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace paxect::link {

struct EntryRef {
  std::size_t stream = 0;  // the index
  std::uint64_t number = 0;

  bool operator==(const EntryRef&) const = default;
};

class RefIndex {
 public:
  void add(std::string text, const EntryRef& ref) { items_.insert({std::move(text), ref}); }
  void erase(std::string_view text, const EntryRef& ref);
  // The first one with this text that is not before `from`.
  std::optional<EntryRef> first(std::string_view text, const EntryRef& from = {}) const;
  // Those whose text has this beginning, in the order of the texts.
  std::vector<EntryRef> with_beginning(std::string_view beginning) const;

  // How many items were read since it was made: the work of the searches, for tests.
  std::uint64_t reads() const { return reads_; }

 private:
  struct Item {
    std::string text;
    EntryRef ref;
  };
  struct Wanted {
    std::string_view text;
    EntryRef ref;
  };
  struct Order {
    using is_transparent = void;
    template <class One, class Other>
    bool operator()(const One& one, const Other& other) const {
      return key(one) < key(other);
    }
    template <class Each>
    static std::tuple<std::string_view, std::size_t, std::uint64_t> key(const Each& each) {
      return {each.text, each.ref.stream, each.ref.number};
    }
  };

  std::set<Item, Order> items_;
  mutable std::uint64_t reads_ = 0;
};

}  // namespace paxect::link

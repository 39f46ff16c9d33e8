#include "proof/list.h"

#include "base/digest.h"
#include "link/proof/vectors.h"

namespace paxect::link {
namespace {

using test::vector_text;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string problem_of(const std::string& text) {
  List list;
  Status status = parse_list(text, &list);
  CHECK_FALSE(status.ok());
  return status.message;
}

TEST_CASE("The lists of the vectors are read, are a chain, and are written again as they were") {
  std::string previous;
  std::uint64_t next = 1;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const std::string text = vector_text(test::list_vector(number));
    List list;
    REQUIRE(parse_list(text, &list).ok());
    CHECK(list_text(list) == text);
    CHECK(list.head.number == number);
    CHECK(list.head.previous == previous);
    CHECK(list.first == next);
    CHECK(list.within == 600);
    CHECK(list.head.to == std::vector<std::string>{"south"});
    CHECK(list.head.log.lines == 10 * number);
    previous = sha256_hex(text);
    next += list.entries.size();
  }
  List list;
  REQUIRE(parse_list(vector_text(test::list_vector(2)), &list).ok());
  CHECK(list.entries.at(0).name == "folder/c\\d.freq");
  CHECK(list.entries.at(1).name == "new\nline\r.freq");
  CHECK(list.head.made == 1'795'694'520);  // date -d 2026-11-26T12:02:00Z +%s
}

TEST_CASE("The list of the vectors that goes on from another stream is read, with what it lists again") {
  const std::string text = vector_text(test::next_list_vector());
  List list;
  Status status = parse_list(text, &list);
  INFO(status.message);
  REQUIRE(status.ok());
  CHECK(list_text(list) == text);
  CHECK(list.head.to.empty());
  CHECK(list.head.continues == Continued{test::kNorthStream, 3});
  CHECK(list.head.log == LogHead{});
  REQUIRE(list.entries.size() == 3);
  CHECK(list.entries[0].again == EarlierEntry{test::kNorthStream, 1});
  CHECK_FALSE(list.entries[1].again);
  CHECK(list.entries[2].again == EarlierEntry{test::kNorthStream, 3});
  List first;
  REQUIRE(parse_list(vector_text(test::list_vector(1)), &first).ok());
  CHECK(list.entries[0].digest == first.entries[0].digest);
  CHECK(list.entries[0].name == first.entries[0].name);
}

TEST_CASE("Whatever a list contains, it is read as it was written") {
  const std::string digest(64, 'a');
  List list{.head = {.from = "a-1.example",
                     .to = {},
                     .stream = make_stream(),
                     .continues = Continued{"0123456789abcdef", 7},
                     .number = 12,
                     .previous = digest,
                     .made = 0,
                     .log = {}},
            .first = 1000,
            .within = 1,
            .entries = {}};
  for (std::size_t i = 0; i < kMaxListEntries; ++i) {
    // Every byte that a name may have.
    const char byte = static_cast<char>(i);
    const bool is_free = byte != '\0' && byte != '/';
    list.entries.push_back({digest, std::string("n") + (is_free ? std::string(1, byte) : "") + ".freq"});
  }
  list.entries[7].again = EarlierEntry{"fedcba9876543210", 12};
  list.entries[static_cast<unsigned char>('\n')].again = EarlierEntry{"0123456789abcdef", kMaxNumber};
  List again;
  Status status = parse_list(list_text(list), &again);
  INFO(status.message);
  REQUIRE(status.ok());
  CHECK(again == list);
  list.entries.push_back({digest, "one more"});
  CHECK_FALSE(parse_list(list_text(list), &again).ok());
}

TEST_CASE("A line that is out of order, missing or there twice is refused by its number") {
  const std::string text = vector_text(test::list_vector(1));
  CHECK(problem_of(replaced(text, "list 1\n", "list 2\n")) == "line 1: not '# paxect list 1'");
  CHECK(problem_of(replaced(text, "# to south\n", "")) == "line 3: not '# to ...'");
  CHECK(problem_of(replaced(text, "# from north\n", "# from north\n# from north\n")) ==
        "line 3: not '# to ...'");
  CHECK(problem_of(replaced(text, "# count 2", "# count 1")) == "line 13: not '# end' after 1");
  CHECK(problem_of(replaced(text, "# count 2", "# count 3")) ==
        "line 14: not a SHA-256 and a relative path as sha256sum writes them");
  CHECK(problem_of(text + "# end\n") == "line 15: text after the end");
  CHECK(problem_of("") == "line 1: the text ends before it");
}

TEST_CASE("The earlier entry that one names has one form") {
  const std::string text = vector_text(test::list_vector(1));
  const std::size_t entry = text.rfind("\n", text.rfind("\n# end") - 1) + 1;
  const auto with = [&](const std::string& line) {
    return text.substr(0, entry) + line + text.substr(entry);
  };
  List list;
  REQUIRE(parse_list(with("# again 0123456789abcdef 7\n"), &list).ok());
  CHECK(list.entries.back().again == EarlierEntry{"0123456789abcdef", 7});
  CHECK(list_text(list) == with("# again 0123456789abcdef 7\n"));
  for (const char* bad :
       {"# again 0123456789abcdef 0\n", "# again 0123456789abcdef 07\n", "# again 0123456789abcdef\n",
        "# again 0123456789abcde 7\n", "# again 0123456789abcdef  7\n", "# again 0123456789abcdef 7 \n",
        "# again 0123456789ABCDEF 7\n", "#again 0123456789abcdef 7\n",
        "# again 0123456789abcdef 7\n# again 0123456789abcdef 7\n", "# other\n"}) {
    INFO(bad);
    CHECK_FALSE(problem_of(with(bad)).empty());
  }
  CHECK_FALSE(problem_of(replaced(text, "# end", "# again 0123456789abcdef 7\n# end")).empty());
}

TEST_CASE("A value that has another form is refused") {
  const std::string text = vector_text(test::list_vector(1));
  auto refused = [&](const std::string& from, const std::string& to) {
    INFO(to);
    CHECK_FALSE(problem_of(replaced(text, from, to)).empty());
  };
  refused("# number 1\n", "# number 01\n");
  refused("# number 1\n", "# number +1\n");
  refused("# number 1\n", "# number 0\n");
  refused("# number 1\n", "# number 2\n");  // without a previous one
  refused("# number 1\n", "# number 9223372036854775808\n");
  refused("# first 1\n", "# first 2\n");
  refused("# previous -", "# previous " + std::string(64, 'a'));
  refused("# to south", "# to ");
  refused("# to south", "# to south south");
  refused("# to south", "# to south  west");
  refused("# to south", "# to * south");
  refused("# from north", "# from ../north");
  refused("# from north", "# from north.1");
  refused("# from north", "# from .north");
  refused("# stream 3f", "# stream 3F");
  refused("# stream 3f", "# stream 3");
  refused("12:01:00Z", "12:01:60Z");
  refused("12:01:00Z", "12:1:00Z");
  refused("2026-11-26", "2026-11-31");
  refused("2026-11-26", "1969-11-26");
  refused("# within 600", "# within 0");
  refused("# log 10 ", "# log 0 ");
  refused("# log 10 ", "# log  10 ");
  refused("  report.freq", " *report.freq");
  refused("  report.freq", "  /report.freq");
  refused("  report.freq", "  a/../report.freq");
  refused("  report.freq", "  a//report.freq");
  refused("  report.freq", "  " + std::string(256, 'a'));
  refused("  report.freq", "  report\r.freq");
  refused("  report.freq\n", "  report.freq\r\n");
  refused("# number 1\n", "# continues 3f9a6c2e11d04b77 1\n# number 1\n");  // itself
  const std::string escaped = vector_text(test::list_vector(2));
  CHECK_FALSE(problem_of(replaced(escaped, "c\\\\d", "c\\td")).empty());
  CHECK_FALSE(problem_of(replaced(escaped, "c\\\\d", "cd")).empty());  // escaped without need
}

TEST_CASE("A list larger than 4 MiB is not read") {
  CHECK(problem_of(std::string(kMaxStatementSize + 1, '#')) == "larger than 4 MiB");
}

TEST_CASE("The name of a node can be told from the number of a key") {
  CHECK(is_node_name("north"));
  CHECK(is_node_name("north-2.example.org"));
  CHECK(is_node_name("7"));
  CHECK(is_node_name(std::string(128, 'a')));
  for (const std::string& name :
       {std::string(""), std::string("a b"), std::string("a/b"), std::string("10.0.0.1"), std::string("a."),
        std::string("-a"), std::string("a\n"), std::string(129, 'a')})
    CHECK_FALSE(is_node_name(name));
}

}  // namespace
}  // namespace paxect::link

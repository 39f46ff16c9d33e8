#include "proof/receipt.h"

#include "base/digest.h"
#include "link/proof/vectors.h"

namespace paxect::link {
namespace {

using test::vector_text;

std::string problem_of(const std::string& from, const std::string& to) {
  std::string text = vector_text(test::receipt_vector());
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  Receipt receipt;
  Status status = parse_receipt(text.replace(at, from.size(), to), &receipt);
  INFO(to);
  CHECK_FALSE(status.ok());
  return status.message;
}

TEST_CASE("The receipt of the vectors is read, and written again as it was") {
  const std::string text = vector_text(test::receipt_vector());
  Receipt receipt;
  Status status = parse_receipt(text, &receipt);
  INFO(status.message);
  REQUIRE(status.ok());
  CHECK(receipt_text(receipt) == text);
  CHECK(receipt.head.from == "south");
  CHECK(receipt.about == test::kNorthStream);
  CHECK(receipt.list_digest == sha256_hex(vector_text(test::list_vector(3))));
  CHECK(receipt.head.continues == Continued{"00112233445566aa", 12});
  CHECK(receipt.outcomes == std::vector<OutcomeRange>{{Outcome::kDelivered, 1, 2},
                                                      {Outcome::kRefused, 3, 3, "checksum_mismatch"},
                                                      {Outcome::kMissing, 4, 4}});
}

TEST_CASE("The receipt of the vectors about a gap is read, and written again as it was") {
  const std::string text = vector_text(test::receipt_vector(2));
  Receipt receipt;
  Status status = parse_receipt(text, &receipt);
  INFO(status.message);
  REQUIRE(status.ok());
  CHECK(receipt_text(receipt) == text);
  CHECK(receipt.head.previous == sha256_hex(vector_text(test::receipt_vector())));
  CHECK(receipt.before == std::vector<ListDigest>{{1, sha256_hex(vector_text(test::list_vector(1)))}});
  CHECK(receipt.list == 3);
  CHECK(receipt.outcomes == std::vector<OutcomeRange>{{Outcome::kDelivered, 1, 1},
                                                      {Outcome::kExpected, 2, 2},
                                                      {Outcome::kMissing, 3, 4}});
}

TEST_CASE("A receipt before the first entry has no outcomes") {
  Receipt receipt{.head = {.from = "south",
                           .to = {"north"},
                           .stream = make_stream(),
                           .number = 2,
                           .previous = std::string(64, '0'),
                           .made = 1,
                           .log = {3, std::string(64, 'b')}},
                  .about = test::kNorthStream,
                  .list = 1,
                  .list_digest = std::string(64, 'c'),
                  .outcomes = {}};
  Receipt again;
  REQUIRE(parse_receipt(receipt_text(receipt), &again).ok());
  CHECK(again == receipt);
}

TEST_CASE("A receipt about a stream of which no list came names none, and says nothing of entries") {
  std::string text = vector_text(test::receipt_vector());
  const std::size_t list = text.find("# list 3 ");
  text.erase(list, text.find('\n', list) + 1 - list);
  Receipt receipt;
  CHECK(parse_receipt(text, &receipt).message ==
        "it says what became of entries, and names no list that has them");
  text.replace(text.find("# through 4"), 11, "# through 0");
  const std::size_t outcomes = text.find("delivered 1-2");
  text.replace(outcomes, std::string::npos, "# end\n");
  REQUIRE(parse_receipt(text, &receipt).ok());
  CHECK(receipt.list == 0);
  CHECK(receipt.list_digest.empty());
  CHECK(receipt_text(receipt) == text);
}

TEST_CASE("An outcome is given once for each number, none left out") {
  CHECK(problem_of("refused 3-3", "refused 2-3") == "line 14: does not begin with 3");
  CHECK(problem_of("refused 3-3", "refused 4-4") == "line 14: does not begin with 3");
  CHECK(problem_of("delivered 1-2", "delivered 1-1\ndelivered 2-2") ==
        "line 14: the same outcome as in the line before");
  CHECK(problem_of("# through 4", "# through 5") == "the outcomes end with 4, and 'through' says 5");
  CHECK_FALSE(problem_of("delivered 1-2", "delivered 2-1").empty());
  CHECK_FALSE(problem_of("delivered 1-2", "delivered 1").empty());
  CHECK_FALSE(problem_of("delivered 1-2", "delivered 1-2 because").empty());
  CHECK_FALSE(problem_of("3-3 checksum_mismatch", "3-3").empty());
  CHECK_FALSE(problem_of("checksum_mismatch", "Checksum").empty());
  CHECK_FALSE(problem_of("missing 4-4", "lost 4-4").empty());
  CHECK_FALSE(problem_of("missing 4-4", "missing 04-4").empty());
}

TEST_CASE("A receipt is for one sender, about one stream, up to one list") {
  CHECK(problem_of("# to north", "# to *") == "'to' is not one node");
  CHECK(problem_of("# to north", "# to north west") == "'to' is not one node");
  CHECK_FALSE(problem_of("# about 3f", "# about ").empty());
  CHECK_FALSE(problem_of("# list 3 ", "# list 0 ").empty());
  CHECK_FALSE(problem_of("# list 3 ", "# list 3").empty());
  // One for the last list before each gap, ascending.
  const std::string digest = std::string(64, 'c');
  std::string text = vector_text(test::receipt_vector());
  text.insert(text.find("# list 3 "), "# list 1 " + digest + "\n");
  Receipt receipt;
  REQUIRE(parse_receipt(text, &receipt).ok());
  CHECK(receipt.before == std::vector<ListDigest>{{1, digest}});
  CHECK(receipt.list == 3);
  CHECK(receipt_text(receipt) == text);
  CHECK(problem_of("# list 3 ", "# list 2 " + digest + "\n# list 3 ")
            .find("is not behind a gap after list 2") != std::string::npos);
  CHECK_FALSE(problem_of("# list 3 ", "# list 3 " + digest + "\n# list 3 ").empty());
  CHECK_FALSE(problem_of("# list 3 ", "# list 5 " + digest + "\n# list 3 ").empty());
}

}  // namespace
}  // namespace paxect::link

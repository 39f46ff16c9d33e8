// Which container a copy is of, by the records of protection in it.
#include "salvage/record_claims.h"

#include <string>
#include <vector>

#include "protecting.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

using namespace paxect::core;
using paxect::test::noise;
using paxect::test::protected_container;

namespace {

std::vector<RecordClaim> claims_of(const std::vector<std::string>& copies) {
  WorkMeter meter;
  meter.begin(Callbacks());
  std::vector<RecordClaim> claims;
  for (const std::string& copy : copies) {
    const paxect::test::MemoryFile file(copy);
    CopyReader reader(Allocator(), file.fd(), copy.size(), meter);
    claims.push_back(read_claim(reader, meter));
    REQUIRE(reader.failure().ok());
  }
  return claims;
}

// Whether the first two copies contradict each other.
bool first_two_differ(const std::vector<std::string>& copies, Place place = Place::kCertain) {
  WorkMeter meter;
  meter.begin(Callbacks());
  const std::vector<RecordClaim> claims = claims_of(copies);
  const bool differ = contradict(claims, 0, 1, place, meter);
  CHECK(contradict(claims, 1, 0, place, meter) == differ);
  return differ;
}

std::string versioned(std::string data) {
  data[data.size() / 2] ^= 1;
  return data;
}

}  // namespace

TEST_CASE("record claims: a protected container has one tag and one footer, and is in place") {
  const std::string container = protected_container(noise(20'000), 10);
  const RecordClaim claim = claims_of({container}).front();
  REQUIRE(claim.tag.has_value());
  CHECK(claim.tags == std::vector<ProtectionTag>{*claim.tag});
  CHECK(claim.footers.size() == 1);
  CHECK(claim.in_place);
  CHECK(claims_of({container.substr(5000)}).front().in_place);                       // from its end
  CHECK(claims_of({container.substr(0, container.size() - 500)}).front().in_place);  // from its beginning
  CHECK(!claims_of({noise(200, 2) + container + noise(200, 3)}).front().may_be_in_place);
  const RecordClaim part = claims_of({container.substr(5000, container.size() - 5500)}).front();
  CHECK(!part.in_place);
  CHECK(part.may_be_in_place);
  CHECK(!claims_of({noise(20'000)}).front().tag.has_value());
  CHECK(!claims_of({""}).front().tag.has_value());
}

TEST_CASE(
    "record claims: versions of the same data contradict each other, and other protection of it does not") {
  const std::string data = noise(20'000);
  const std::string container = protected_container(data, 10);
  const std::string other = protected_container(versioned(data), 10);
  CHECK(first_two_differ({container, other}));
  CHECK(first_two_differ({container.substr(300), other.substr(100)}));
  CHECK(!first_two_differ({container, container.substr(300)}));
  CHECK(!first_two_differ({container, protected_container(data, 30)}));
  CHECK(!first_two_differ({container, noise(20'000)}));
  // Parts of what may be something else.
  const std::string part = container.substr(300, container.size() - 600);
  const std::string other_part = other.substr(200, other.size() - 600);
  CHECK(!first_two_differ({part, other_part}));
  CHECK(first_two_differ({part, other_part}, Place::kPossible));
}

TEST_CASE("record claims: versions with the same first window contradict each other by their trailers") {
  const std::string data = noise(std::size_t{18} << 20);
  std::string other = data;
  other.back() = static_cast<char>(~other.back());
  const std::vector<std::string> copies = {protected_container(data, 6), protected_container(other, 6)};
  const std::vector<RecordClaim> claims = claims_of(copies);
  REQUIRE(claims[0].tag == claims[1].tag);
  CHECK(first_two_differ(copies));
}

TEST_CASE("record claims: a protected container in the data of another one says nothing of that one") {
  const std::string inner = protected_container(noise(20'000), 10);
  const std::string outer = protected_container(noise(3000, 2) + inner, 10);
  const std::vector<RecordClaim> claims = claims_of({outer, inner});
  CHECK(claims[0].tag != claims[1].tag);
  CHECK(claims[0].tags.size() == 2);
  CHECK(!first_two_differ({inner, outer}));
  // Of one copy of the outer container only the records of the inner one are left.
  const std::string rest = outer.substr(0, outer.find(inner) + inner.size());
  REQUIRE(rest.size() > inner.size());
  CHECK(!first_two_differ({rest, outer}));
  CHECK(!first_two_differ({rest, outer}, Place::kPossible));
}

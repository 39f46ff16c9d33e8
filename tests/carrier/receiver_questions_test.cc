#include "receiver_questions.h"

#include <map>
#include <set>
#include <string>

#include "known_receivers.h"
#include "support/catch.h"

namespace paxect::carrier {
namespace {

constexpr std::size_t kReceivers = KnownReceivers::kMax;

// Ten thousand receivers that have announced themselves.
KnownReceivers announced() {
  KnownReceivers receivers;
  std::string record;
  for (std::size_t i = 0; i < kReceivers; ++i) {
    std::string id = std::to_string(i);
    id.insert(0, 16 - id.size(), '0');
    receivers.note_sign(id, 1, 1, &record);
  }
  return receivers;
}

TEST_CASE("Ten thousand receivers mean few questions at once, and one about each in the end") {
  const KnownReceivers receivers = announced();
  ReceiverQuestions questions;
  std::size_t walked = 0;
  const auto next = [&](const std::string&, const std::string& after) {
    ++walked;
    return receivers.next_other({}, after);
  };
  for (int i = 0; i < 100; ++i) questions.add("list");
  questions.add("other");
  std::map<std::string, std::set<std::string>> asked;
  std::size_t count = 0;
  ReceiverQuestions::Question question;
  while (questions.next(next, &question)) {
    ++count;
    asked[question.list].insert(question.receiver);
  }
  CHECK(count == ReceiverQuestions::kMaxOpen);
  CHECK(walked == ReceiverQuestions::kMaxOpen);
  while (questions.open() > 0) {
    questions.close();
    if (!questions.next(next, &question)) continue;
    ++count;
    asked[question.list].insert(question.receiver);
    CHECK(questions.open() <= ReceiverQuestions::kMaxOpen);
  }
  CHECK(count == 2 * kReceivers);
  CHECK(asked["list"].size() == kReceivers);
  CHECK(asked["other"].size() == kReceivers);
  questions.add("list");  // it may be asked about again
  CHECK(questions.next(next, &question));
}

TEST_CASE("A list that no receiver lacks has no questions") {
  ReceiverQuestions questions;
  questions.add("list");
  ReceiverQuestions::Question question;
  CHECK_FALSE(
      questions.next([](const std::string&, const std::string&) { return std::string(); }, &question));
  CHECK(questions.open() == 0);
}

TEST_CASE("A list whose questions fail is asked about once more, however many failed") {
  const KnownReceivers receivers = announced();
  ReceiverQuestions questions;
  const auto next = [&](const std::string&, const std::string& after) { return receivers.next(after); };
  ReceiverQuestions::Question question;
  const auto ask_all = [&](bool ok) {
    std::size_t asked = 0;
    while (questions.next(next, &question)) {
      ++asked;
      if (ok)
        questions.close();
      else
        questions.fail(question.list);
    }
    return asked;
  };
  questions.add("list");
  CHECK(ask_all(false) == kReceivers);
  CHECK(questions.open() == 0);
  CHECK(ask_all(false) == 0);  // not at once
  questions.retry();
  CHECK(ask_all(true) == kReceivers);
  questions.retry();
  CHECK(ask_all(true) == 0);
}

}  // namespace
}  // namespace paxect::carrier

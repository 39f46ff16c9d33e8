// Jobs that the consumer has passed over: they are in the stream without a receipt, and the consumer counts
// them neither as left nor as in hand, so that it gives them to nobody. Debian's server does that now and
// then when it is restarted or when a receiver ends with a fetch open.
#include <algorithm>
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::uint64_t kPassedOver = 15 * kSecond;  // so long one must be seen
constexpr std::uint64_t kMaxPause = 3600 * kSecond;  // between two replacements
constexpr std::size_t kJobsAtOnce = 64;
constexpr std::size_t kSearches = 64;  // of so many jobs each, at the end of a run with --once
constexpr char kPassedOverProblem[] = "a job was passed over";

}  // namespace

// A job that is delivered stays in the stream as long as its sender is away: only a receipt tells it from
// one that was passed over. Requires: the consumer has nothing left and nothing in hand.
void Receiver::search_passed_over(const ConsumerState& state) {
  const std::uint64_t now = host_.monotonic_ns();
  PassedOver& search = passed_over_;
  if (search.is_searching) return;
  if (now < search.not_before_ns) {
    if (state.created != search.created && state.given > 0) problems_.set(kPassedOverProblem, "");
    return;
  }
  const bool is_same = search.created == state.created && search.given == state.given;
  if (!is_same) search.since_ns = 0;
  search.created = state.created;
  search.given = state.given;
  if (search.since_ns != 0 && now - search.since_ns >= kPassedOver) {
    search.pause_ns = std::clamp(2 * search.pause_ns, 4 * kPassedOver, kMaxPause);
    search.not_before_ns = now + search.pause_ns;
    search.since_ns = 0;
    stalled_ = state;
    replace_at_ns_ = now;
    return report_passed_over();
  }
  // What was found is looked at again, else the jobs behind the last one.
  search.left = kJobsAtOnce;
  search.is_searching = true;
  read_next_job(search.since_ns != 0 ? search.sequence : search.next);
}

// The consumer has jobs to give out.
void Receiver::end_passed_over() {
  passed_over_.since_ns = 0;
  problems_.set(kPassedOverProblem, "");
}

void Receiver::report_passed_over() {
  problems_.set(kPassedOverProblem,
                "the consumer " + std::string(kReceivers) + " of the stream " + names_.stream("job") +
                    " at " + connection_.last_url() + " has passed over " + passed_over_.name + " (message " +
                    std::to_string(passed_over_.sequence) +
                    "), which has no receipt: it is made again; what is delivered already is recognised");
}

void Receiver::end_search(bool found) {
  PassedOver& search = passed_over_;
  search.is_searching = false;
  if (!found) search.since_ns = 0;
  if (!found) problems_.set(kPassedOverProblem, "");
}

// The first job from the number `from` on.
void Receiver::read_next_job(std::uint64_t from) {
  const std::string request =
      JsonObject().add("seq", from).add("next_by_subj", names_.subject("job", "*")).text();
  const auto then = [this, from](const Message* reply) {
    PassedOver& search = passed_over_;
    if (reply == nullptr) return end_search(search.since_ns != 0);
    if (reply->status() == 404) search.next = 1;  // all were looked at
    if (reply->status() != 0) return end_search(false);
    const std::uint64_t sequence = std::max(from, reply->sequence());
    if (search.since_ns != 0 && sequence != search.sequence) search.since_ns = 0;
    Job job;
    // Its contents are of no use to anybody else either: it is set aside when it is given out.
    if (!parse_job(reply->data(), &job) || delivered_.contains(job.id)) return examine_next_job(sequence);
    find_receipt(job, sequence);
  };
  if (!exchange_.send("$JS.API.DIRECT.GET." + names_.stream("job"), request, kReplyTime, then))
    end_search(passed_over_.since_ns != 0);
}

void Receiver::examine_next_job(std::uint64_t sequence) {
  passed_over_.since_ns = 0;
  passed_over_.next = sequence + 1;
  if (--passed_over_.left == 0) return end_search(false);
  read_next_job(sequence + 1);
}

// A replica may lack a receipt that its leader has.
void Receiver::find_receipt(const Job& job, std::uint64_t sequence) {
  const auto missing = [this, job, sequence] {
    PassedOver& search = passed_over_;
    if (search.since_ns == 0) search.since_ns = host_.monotonic_ns();
    search.sequence = search.next = sequence;
    search.name = job.name;
    end_search(true);
  };
  const auto at_leader = [this, sequence, missing](const Message* reply) {
    std::uint64_t ignored = 0;
    if (reply == nullptr) return end_search(passed_over_.since_ns != 0);
    const Lookup lookup = parse_lookup(reply->data(), &ignored);
    if (lookup == Lookup::kMissing) return missing();
    examine_next_job(sequence);
  };
  const std::string subject = names_.subject("receipt", job.id);
  const auto then = [this, job, sequence, subject, missing, at_leader](const Message* reply) {
    if (reply == nullptr) return end_search(passed_over_.since_ns != 0);
    if (reply->status() == 0 && !is_receipt_of(job, reply->data())) return missing();
    if (reply->status() != 404) return examine_next_job(sequence);
    const std::string request = JsonObject().add("last_by_subj", subject).text();
    if (!exchange_.send("$JS.API.STREAM.MSG.GET." + names_.stream("receipt"), request, kReplyTime, at_leader))
      end_search(passed_over_.since_ns != 0);
  };
  if (!exchange_.send("$JS.API.DIRECT.GET." + names_.stream("receipt") + "." + subject, "", kReplyTime, then))
    end_search(passed_over_.since_ns != 0);
}

// Before the end of a run with --once: whether the consumer, which has nothing for anybody, has passed over
// a job. It is removed then, and the next run makes another one, which gives out all jobs.
bool Receiver::has_passed_over(const ConsumerState& state) {
  PassedOver& search = passed_over_;
  const auto search_all = [&] {
    search.next = 1;
    for (std::size_t i = 0; i < kSearches && !search.is_searching && search.since_ns == 0; ++i) {
      const std::uint64_t from = search.next;
      search.left = kJobsAtOnce;
      search.is_searching = true;
      read_next_job(search.next);
      if (!exchange_.await([&] { return !search.is_searching; }, 4 * kReplyTime, [&] { return pulse(); }))
        return;
      if (search.next == 1 || search.next == from) return;  // the end, or no reply
    }
  };
  exchange_.await([&] { return !search.is_searching; }, 4 * kReplyTime, [&] { return pulse(); });
  search.since_ns = 0;
  search_all();
  if (search.since_ns == 0) return false;
  // A consumer may be a moment behind its stream.
  const std::string name = search.name;
  ConsumerState again;
  exchange_.await([&] { return !jobs_.empty(); }, 2 * kSecond, [&] { return pulse(); });
  exchange_.ask(
      consumer_call("INFO", job_consumer_), "", kReplyTime, [&] { return pulse(); },
      [&](const Message& reply) { parse_consumer(reply.data(), &again); });
  if (!jobs_.empty() || again.created != state.created || again.given != state.given || again.left > 0 ||
      again.in_hand > 0)
    return true;  // it works: the run has not done everything yet
  search.since_ns = 0;
  search_all();
  if (search.since_ns == 0 || search.name != name) return search.since_ns != 0;
  report_passed_over();
  job_consumer_.is_replaced = true;
  job_fetch_.end();  // the answer that its consumer is gone would keep this run from its end
  exchange_.ask(
      consumer_call("DELETE", job_consumer_), "", kReplyTime, [&] { return pulse(); }, [](const Message&) {});
  return true;
}

}  // namespace paxect::carrier

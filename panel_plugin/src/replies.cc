#include "replies.h"

#include <algorithm>
#include <string_view>

#include "json_text.h"

namespace paxect::panel {
namespace {

constexpr int kUsage = 64;

// The response for a command that gave no answer.
Response failure(const CommandEnd& end) {
  const std::string text = printable(end.error);
  if (end.late) return Response::line(504, "the command took too long");
  if (!end.started) return Response::line(502, text);
  if (end.status == kUsage) return Response::line(404, text.empty() ? "there is no such command" : text);
  return Response::line(502, text.empty() ? "the command ended with " + std::to_string(end.status) : text);
}

bool parse_output(const CommandEnd& end, json::Document* out) {
  return end.started && !end.late && (end.status == 0 || end.status == 1) && parse_json(end.output, out) &&
         out->IsObject();
}

bool contains(const json::Value& item, std::string_view text) {
  if (item.IsString())
    return std::string_view(item.GetString(), item.GetStringLength()).find(text) != std::string_view::npos;
  if (!item.IsObject()) return false;
  return std::any_of(item.MemberBegin(), item.MemberEnd(), [&](const auto& member) {
    return member.value.IsString() && contains(member.value, text);
  });
}

}  // namespace

Response command_reply(const CommandEnd& end) {
  json::Document result;
  if (!parse_output(end, &result)) return failure(end);
  return Response::json(R"({"status":)" + std::to_string(end.status) + R"(,"message":)" +
                        json_string(printable(end.error)) + R"(,"result":)" + json_text(result) + "}\n");
}

Response text_reply(const CommandEnd& end) {
  if (end.late || !end.started || (end.status != 0 && end.status != 1)) return failure(end);
  const std::string said =
      end.output.empty() ? end.error : end.error + end.output.substr(0, Runner::kMaxError);
  return Response::json(R"({"status":)" + std::to_string(end.status) + R"(,"message":)" +
                        json_string(printable(said)) + R"(,"result":{}})" + "\n");
}

std::string receipt_in(const CommandEnd& end, const std::string& node, const std::string& stream) {
  json::Document result;
  if (!parse_output(end, &result) || !result.HasMember("receivers") || !result["receivers"].IsArray())
    return "";
  const auto text = [](const json::Value& object, const char* member) -> std::string_view {
    const auto found = object.FindMember(member);
    if (found == object.MemberEnd() || !found->value.IsString()) return "";
    return {found->value.GetString(), found->value.GetStringLength()};
  };
  for (const json::Value& receiver : result["receivers"].GetArray())
    if (receiver.IsObject() && text(receiver, "node") == node && text(receiver, "stream") == stream)
      return std::string(text(receiver, "receipt"));
  return "";
}

Response list_reply(const CommandEnd& end, const char* list, const Range& range) {
  json::Document result;
  if (!parse_output(end, &result)) return failure(end);
  if (!result.HasMember(list) || !result[list].IsArray()) return Response::line(502, "it printed no list");
  std::size_t total = 0;
  std::string text;
  for (const json::Value& item : result[list].GetArray()) {
    if (!range.filter.empty() && !contains(item, range.filter)) continue;
    if (total >= range.offset && total - range.offset < range.limit)
      text += (text.empty() ? "" : ",") + json_text(item);
    ++total;
  }
  // What else the object says, such as how many there are beyond a limit of the command.
  result.RemoveMember(list);
  return Response::json(R"({"total":)" + std::to_string(total) + R"(,"offset":)" +
                        std::to_string(range.offset) + R"(,"rest":)" + json_text(result) + R"(,"items":[)" +
                        text + "]}\n");
}

}  // namespace paxect::panel

#include "page_files.h"

#include <map>

namespace paxect::panel {

extern const std::string_view kIndexHtml;
extern const std::string_view kLoginHtml;
extern const std::string_view kPanelCss;
extern const std::string_view kIconSvg;
extern const std::string_view kPanelJs;
extern const std::string_view kDomJs;
extern const std::string_view kServerJs;
extern const std::string_view kRelayJs;
extern const std::string_view kListsJs;
extern const std::string_view kChartJs;
extern const std::string_view kFormatJs;

const PageFile* find_page_file(const std::string& path) {
  constexpr std::string_view kHtml = "text/html; charset=utf-8";
  constexpr std::string_view kScript = "text/javascript; charset=utf-8";
  static const std::map<std::string, PageFile> kFiles = {
      {"/", {kHtml, kIndexHtml, false}},
      {"/login", {kHtml, kLoginHtml, true}},
      {"/panel.css", {"text/css; charset=utf-8", kPanelCss, true}},
      {"/icon.svg", {"image/svg+xml", kIconSvg, true}},
      {"/panel.js", {kScript, kPanelJs, false}},
      {"/dom.js", {kScript, kDomJs, false}},
      {"/server.js", {kScript, kServerJs, false}},
      {"/relay.js", {kScript, kRelayJs, false}},
      {"/lists.js", {kScript, kListsJs, false}},
      {"/chart.js", {kScript, kChartJs, false}},
      {"/format.js", {kScript, kFormatJs, false}},
  };
  const auto found = kFiles.find(path);
  return found == kFiles.end() ? nullptr : &found->second;
}

}  // namespace paxect::panel

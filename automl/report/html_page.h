// One self-contained HTML page: sections of texts, tables and figures, with its style sheet inside
// and no scripts, fonts or links to elsewhere. Fits phones, screens and paper, in light and dark.
// Whatever text it is given is escaped. Not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "automl/report/plot.h"

namespace assay::automl {

struct HtmlCell {
  HtmlCell() = default;
  HtmlCell(std::string words) : text(std::move(words)) {}  // NOLINT: converts on purpose
  HtmlCell(const char* words) : text(words) {}             // NOLINT: converts on purpose
  static HtmlCell of_svg(std::string svg) {
    HtmlCell cell;
    cell.picture = std::move(svg);
    return cell;
  }

  std::string text;
  std::string picture;  // SVG, instead of the text
  double shade = -1;    // 0..1: how strongly the cell is filled; below 0: not at all
  bool emphasis = false;
};

struct HtmlTable {
  std::string caption;
  struct Column {
    std::string title;
    bool number = false;  // set to the right
  };
  std::vector<Column> columns;
  std::vector<std::vector<HtmlCell>> rows;  // the first cell of a row is its header
};

class HtmlPage {
 public:
  // `start` is what a file of these begins with, whatever its title (output_file.h: made_anew).
  static constexpr std::string_view kStart = "<!DOCTYPE html>\n<!-- assay report -->";

  HtmlPage(std::string title, std::string subtitle);

  // Ends the section before it.
  void section(std::string_view id, std::string_view title);
  void heading(std::string_view title);
  void paragraph(std::string_view words);
  // Something that is missing or has to be known.
  void note(std::string_view words);
  // Names with values, side by side: the summary.
  void facts(const std::vector<std::pair<std::string, std::string>>& facts);
  void table(const HtmlTable& table);
  // Folded away below `summary`.
  void folded(std::string_view summary, const HtmlTable& table);
  void preformatted(std::string_view words);
  void folded_text(std::string_view summary, std::string_view words);
  // Figures side by side where there is room; those without a picture give their note.
  void figures(const std::vector<Figure>& figures);
  // One that needs width: on a phone it scrolls.
  void wide_figure(const Figure& figure);

  std::string finish(std::string_view footer) &&;

 private:
  void end_section();
  std::string title_;
  std::string subtitle_;
  std::vector<std::pair<std::string, std::string>> sections_;  // id, title
  std::string body_;
  bool open_ = false;
};

}  // namespace assay::automl

#include "automl/report/html_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "automl/report/svg.h"

namespace assay::automl {
namespace {

constexpr std::string_view kPageStyle =
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%;text-size-adjust:100%}"
    "body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main,header,footer,nav{max-width:1120px;margin:0 auto;padding:0 16px}"
    "header{padding-top:24px}h1{font-size:1.6rem;line-height:1.25;margin:0;overflow-wrap:anywhere}"
    "header p{margin:.2rem 0 0;color:var(--faint);overflow-wrap:anywhere}"
    "nav{padding-top:10px;padding-bottom:4px;font-size:.9rem}nav ul{list-style:none;margin:0;"
    "padding:0;display:flex;flex-wrap:wrap;gap:2px 14px}nav a{color:var(--c0);text-decoration:none}"
    "nav a:hover,nav a:focus{text-decoration:underline}"
    "section{border-top:1px solid var(--rule);margin-top:26px;padding-top:12px}"
    "h2{font-size:1.2rem;margin:0 0 8px}h3{font-size:1rem;margin:18px 0 6px}"
    "p{margin:6px 0;max-width:75ch;overflow-wrap:anywhere}"
    ".note{border-left:3px solid var(--c5);padding:2px 0 2px 10px;color:var(--ink)}"
    "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(165px,1fr));gap:10px 18px;"
    "margin:8px 0}dt{color:var(--faint);font-size:.82rem}dd{margin:0;font-weight:600;"
    "overflow-wrap:anywhere}.long{grid-column:1/-1}.long dd{font-weight:400;max-width:75ch}"
    ".scroll{overflow-x:auto;margin:8px 0}table{border-collapse:collapse;font-size:.88rem}"
    "caption{text-align:left;color:var(--faint);padding:0 0 4px;min-width:min(70ch,82vw)}"
    "th,td{padding:3px 10px 3px 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--rule)}thead th{color:var(--faint);font-weight:600;"
    "white-space:nowrap}tbody th{font-weight:400}td.n,th.n{text-align:right;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}td.l{min-width:18em;max-width:44em;"
    "overflow-wrap:anywhere}.em th,.em td.n,td.em{font-weight:700}"
    "td.h{text-align:right;padding:5px 9px;font-variant-numeric:tabular-nums;"
    "border:1px solid var(--ground)}"
    "td .pic{width:124px;height:26px}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--rule);padding:10px 12px;"
    "border-radius:4px;font-size:.84rem;margin:8px 0}"
    "details{margin:8px 0}summary{cursor:pointer;color:var(--c0)}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));"
    "gap:14px 28px;align-items:start}"
    "figure{margin:8px 0 0;min-width:0;max-width:560px;break-inside:avoid}"
    "figure.wide{max-width:1040px}figure.wide .scroll .pic{min-width:640px}"
    "figcaption{font-weight:600;margin-bottom:2px;overflow-wrap:anywhere}figure .pic{width:100%;"
    "height:auto}.legend{list-style:none;margin:2px 0;padding:0;display:flex;flex-wrap:wrap;"
    "gap:1px 14px;font-size:.84rem}.legend li{overflow-wrap:anywhere}.legend svg{width:16px;"
    "height:10px;margin-right:5px}.how{color:var(--faint);font-size:.84rem;margin:2px 0 0}"
    "footer{color:var(--faint);font-size:.84rem;padding-top:20px;padding-bottom:28px}"
    "@media print{body{font-size:11px}nav{display:none}.scroll{overflow:visible}"
    "figure.wide .scroll .pic{min-width:0}}";

std::string legend_mark(const LegendItem& item) {
  const std::string stroke = item.colour.starts_with('c')   ? "line s" + item.colour.substr(1)
                             : item.colour.starts_with('q') ? "line " + item.colour
                                                            : item.colour;
  std::string shape;
  switch (item.mark) {
    case LegendItem::Mark::kDot:
      shape = fmt::format("<circle cx=\"8\" cy=\"5\" r=\"4.2\" class=\"{}\"/>", item.colour);
      break;
    case LegendItem::Mark::kLine:
      shape = fmt::format("<path d=\"M0 5h16\" class=\"{}\"/>", stroke);
      break;
    case LegendItem::Mark::kDash:
      shape = fmt::format("<path d=\"M0 5h16\" class=\"{} dash\"/>", stroke);
      break;
    case LegendItem::Mark::kDiamond:
      shape = fmt::format("<path d=\"{}\" class=\"{}\"/>", diamond({8, 5}, 4.2), stroke);
      break;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 10\" class=\"pic\" "
      "style=\"display:inline-block\" aria-hidden=\"true\">{}</svg>",
      shape);
}

std::string legend_html(const std::vector<LegendItem>& items) {
  if (items.empty()) return {};
  std::string out = "<ul class=\"legend\">";
  for (const LegendItem& item : items) {
    out += fmt::format("<li>{}{}</li>", legend_mark(item), markup_text(item.label));
  }
  return out + "</ul>\n";
}

// A fact of more characters is a line of its own.
constexpr size_t kLongFact = 80;

std::string cell_html(const HtmlTable& table, const HtmlCell& cell, size_t column) {
  const bool number = column < table.columns.size() && table.columns[column].number;
  const std::string content = cell.picture.empty() ? markup_text(cell.text) : cell.picture;
  if (column == 0) {
    return fmt::format("<th scope=\"row\"{}>{}</th>", number ? " class=\"n\"" : "", content);
  }
  if (cell.shade >= 0) {
    // The ground shows through, so that the text stays readable in light and dark.
    return fmt::format("<td class=\"h{}\" style=\"background:rgba(86,160,220,{:.2f})\">{}</td>",
                       cell.emphasis ? " em" : "", 0.65 * std::clamp(cell.shade, 0.0, 1.0),
                       content);
  }
  std::string classes = number ? "n" : cell.text.size() > 40 ? "l" : "";
  if (cell.emphasis) classes += classes.empty() ? "em" : " em";
  return fmt::format("<td{}>{}</td>",
                     classes.empty() ? std::string() : fmt::format(" class=\"{}\"", classes),
                     content);
}

std::string table_html(const HtmlTable& table) {
  std::string out = "<div class=\"scroll\"><table>";
  if (!table.caption.empty()) {
    out += fmt::format("<caption>{}</caption>", markup_text(table.caption));
  }
  out += "<thead><tr>";
  for (const HtmlTable::Column& column : table.columns) {
    out += fmt::format("<th scope=\"col\"{}>{}</th>", column.number ? " class=\"n\"" : "",
                       markup_text(column.title));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    const bool emphasis = !row.empty() && row[0].emphasis;
    out += emphasis ? "<tr class=\"em\">" : "<tr>";
    for (size_t c = 0; c < row.size(); ++c) out += cell_html(table, row[c], c);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string figure_html(const Figure& figure, bool wide) {
  std::string out = wide ? "<figure class=\"wide\">" : "<figure>";
  out += fmt::format("<figcaption>{}</figcaption>\n", markup_text(figure.title));
  if (wide) out += "<div class=\"scroll\">";
  out += figure.svg;
  if (wide) out += "</div>\n";
  out += legend_html(figure.legend);
  if (!figure.note.empty()) out += fmt::format("<p class=\"how\">{}</p>", markup_text(figure.note));
  return out + "</figure>\n";
}

}  // namespace

HtmlPage::HtmlPage(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void HtmlPage::end_section() {
  if (open_) body_ += "</section>\n";
  open_ = false;
}

void HtmlPage::section(std::string_view id, std::string_view title) {
  end_section();
  open_ = true;
  sections_.emplace_back(id, title);
  body_ += fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">"
      "{1}</h2>\n",
      markup_text(id), markup_text(title));
}

void HtmlPage::heading(std::string_view title) {
  body_ += fmt::format("<h3>{}</h3>\n", markup_text(title));
}

void HtmlPage::paragraph(std::string_view words) {
  body_ += fmt::format("<p>{}</p>\n", markup_text(words));
}

void HtmlPage::note(std::string_view words) {
  body_ += fmt::format("<p class=\"note\">{}</p>\n", markup_text(words));
}

void HtmlPage::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<dl>\n";
  for (const auto& [name, value] : facts) {
    body_ += fmt::format("<div{}><dt>{}</dt><dd>{}</dd></div>\n",
                         value.size() > kLongFact ? " class=\"long\"" : "", markup_text(name),
                         markup_text(value));
  }
  body_ += "</dl>\n";
}

void HtmlPage::table(const HtmlTable& table) { body_ += table_html(table); }

void HtmlPage::folded(std::string_view summary, const HtmlTable& table) {
  body_ += fmt::format("<details><summary>{}</summary>\n{}</details>\n", markup_text(summary),
                       table_html(table));
}

void HtmlPage::preformatted(std::string_view words) {
  body_ += fmt::format("<pre>{}</pre>\n", markup_text(words));
}

void HtmlPage::folded_text(std::string_view summary, std::string_view words) {
  body_ += fmt::format("<details><summary>{}</summary>\n<pre>{}</pre></details>\n",
                       markup_text(summary), markup_text(words));
}

void HtmlPage::figures(const std::vector<Figure>& figures) {
  std::string drawn;
  for (const Figure& figure : figures) {
    if (!figure.svg.empty()) drawn += figure_html(figure, false);
  }
  if (!drawn.empty()) body_ += "<div class=\"figures\">\n" + drawn + "</div>\n";
  for (const Figure& figure : figures) {
    if (figure.svg.empty() && !figure.note.empty()) note(figure.title + ": " + figure.note);
  }
}

void HtmlPage::wide_figure(const Figure& figure) {
  if (!figure.svg.empty()) {
    body_ += figure_html(figure, true);
  } else if (!figure.note.empty()) {
    note(figure.title + ": " + figure.note);
  }
}

std::string HtmlPage::finish(std::string_view footer) && {
  end_section();
  std::string out(kStart);
  out += fmt::format(
      "\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{}</title>\n"
      "<style>{}\n{}</style>\n</head>\n<body>\n<header><h1>{}</h1><p>{}</p></header>\n",
      markup_text(title_), svg_style(), kPageStyle, markup_text(title_), markup_text(subtitle_));
  out += "<nav aria-label=\"Sections\"><ul>";
  for (const auto& [id, title] : sections_) {
    out += fmt::format("<li><a href=\"#{}\">{}</a></li>", markup_text(id), markup_text(title));
  }
  out += "</ul></nav>\n<main>\n" + body_ + "</main>\n";
  out += fmt::format("<footer>{}</footer>\n</body>\n</html>\n", markup_text(footer));
  return out;
}

}  // namespace assay::automl

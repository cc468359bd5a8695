#include "automl/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/utf8.h"

namespace assay::automl {
namespace {

// Okabe and Ito's colours, lighter ones on dark ground.
constexpr std::string_view kStyle =
    ":root{--ink:#1f2328;--faint:#5a626b;--rule:#e2e5e9;--edge:#8b939c;--ground:#ffffff;"
    "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b8639a;--c4:#56b4e9;--c5:#e69f00;--c6:#767d85;"
    "--q0:#d3dde6;--q1:#bdcfdf;--q2:#a2bfd8;--q3:#83abd0;--q4:#6296c5;--q5:#417fb7;--q6:#2263a0;"
    "--q7:#08407e;--v0:#0072b2;--v1:#5593bd;--v2:#93a9b9;--v3:#bda28e;--v4:#cb8451;--v5:#d55e00}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--faint:#a3abb3;--rule:#31373d;"
    "--edge:#78818a;--ground:#16191c;--c0:#4aa3df;--c1:#f0803c;--c2:#2fbf93;--c3:#de9cc0;"
    "--c4:#9bd6f7;--c5:#f2b83d;--c6:#979fa7;--q0:#2b3641;--q1:#304559;--q2:#365672;--q3:#3f6a8e;"
    "--q4:#4b80ac;--q5:#5d99c9;--q6:#7db5e2;--q7:#b3dcff;--v0:#4aa3df;--v1:#6d9fc4;--v2:#8d9aa6;"
    "--v3:#a8937f;--v4:#cc8a5c;--v5:#f0803c}}"
    "@media print{:root{--ink:#000000;--faint:#444444;--rule:#dddddd;--edge:#888888;"
    "--ground:#ffffff}}"
    ".pic{font:12px system-ui,sans-serif;display:block}.pic text{fill:var(--ink)}"
    ".pic .faint{fill:var(--faint)}.pic .bold{font-weight:600}"
    ".pic .small{font-size:10.5px}"
    ".pic .ground{fill:var(--ground)}.pic .ink{stroke:var(--ink);fill:none;stroke-width:1.5}"
    ".pic .rule{stroke:var(--rule);fill:none}.pic .edge{stroke:var(--edge);fill:none}"
    ".pic .dash{stroke-dasharray:5 4}.pic .thin{stroke-width:1;stroke-opacity:.75}"
    ".pic .wide{stroke-width:2.2}.pic .veil{fill-opacity:.2}.pic .soft{stroke-opacity:.7}"
    ".pic .dots{stroke-linecap:round}"
    ".pic .hollow{fill:var(--ground);stroke-width:1.2}"
    ".c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}"
    ".c4{fill:var(--c4)}.c5{fill:var(--c5)}.c6{fill:var(--c6)}"
    ".s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}"
    ".s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}"
    ".q0{stroke:var(--q0)}.q1{stroke:var(--q1)}.q2{stroke:var(--q2)}.q3{stroke:var(--q3)}"
    ".q4{stroke:var(--q4)}.q5{stroke:var(--q5)}.q6{stroke:var(--q6)}.q7{stroke:var(--q7)}"
    ".v0{stroke:var(--v0)}.v1{stroke:var(--v1)}.v2{stroke:var(--v2)}.v3{stroke:var(--v3)}"
    ".v4{stroke:var(--v4)}.v5{stroke:var(--v5)}"
    ".pic .line{fill:none;stroke-width:1.5}.pic .cells{fill:none;stroke-width:7}";

// U+FFFE and U+FFFF: UTF-8, but nothing that XML has a place for.
bool is_noncharacter(std::string_view character) {
  return character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
}

std::string_view name_of(TextAnchor anchor) {
  switch (anchor) {
    case TextAnchor::kStart:
      return "start";
    case TextAnchor::kMiddle:
      return "middle";
    default:
      return "end";
  }
}

std::string class_attribute(std::string_view classes) {
  return classes.empty() ? std::string() : fmt::format(" class=\"{}\"", classes);
}

}  // namespace

std::string markup_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t size = utf8_length(text.substr(at));
    const char c = text[at];
    if (size == 0 || is_noncharacter(text.substr(at, size))) {
      out += "\xef\xbf\xbd";
    } else if (size > 1) {
      out += text.substr(at, size);
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) {
      out += c;
    } else {
      out += ' ';
    }
    at += std::max<size_t>(size, 1);
  }
  return out;
}

std::string short_label(std::string_view text, int width) {
  std::vector<size_t> starts;
  for (size_t at = 0; at < text.size(); at += std::max<size_t>(1, utf8_length(text.substr(at)))) {
    starts.push_back(at);
  }
  const auto room = static_cast<size_t>(std::max(width, 3));
  if (starts.size() <= room) return std::string(text);
  const size_t head = room / 2;
  const size_t tail = room - 1 - head;
  std::string out(text.substr(0, starts[head]));
  out += "\xe2\x80\xa6";
  if (tail > 0) out += text.substr(starts[starts.size() - tail]);
  return out;
}

std::string svg_number(double value) {
  std::string text = fmt::format("{:.1f}", std::isfinite(value) ? value : 0.0);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string fill_class(size_t category) {
  return fmt::format("c{}", std::min<size_t>(category, kSvgColours - 1));
}

std::string line_class(size_t category) {
  return fmt::format("s{}", std::min<size_t>(category, kSvgColours - 1));
}

std::string_view svg_style() { return kStyle; }

Svg::Svg(double width, double height, std::string_view title, std::string_view description)
    : width_(width), height_(height) {
  head_ = fmt::format("<title>{}</title>", markup_text(title));
  if (!description.empty()) head_ += fmt::format("<desc>{}</desc>", markup_text(description));
  head_ += '\n';
}

void Svg::line(SvgPoint from, SvgPoint to, std::string_view classes) {
  body_ +=
      fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"{}/>\n", svg_number(from.x),
                  svg_number(from.y), svg_number(to.x), svg_number(to.y), class_attribute(classes));
}

void Svg::text(SvgPoint at, TextAnchor anchor, std::string_view words, std::string_view classes) {
  body_ += fmt::format(
      "<text x=\"{}\" y=\"{}\"{}{}>{}</text>\n", svg_number(at.x), svg_number(at.y),
      anchor == TextAnchor::kStart ? std::string()
                                   : fmt::format(" text-anchor=\"{}\"", name_of(anchor)),
      class_attribute(classes), markup_text(words));
}

void Svg::rect(SvgPoint corner, double width, double height, std::string_view classes,
               std::string_view words) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}", svg_number(corner.x),
                       svg_number(corner.y), svg_number(std::max(0.0, width)),
                       svg_number(std::max(0.0, height)), class_attribute(classes));
  body_ += words.empty() ? "/>\n" : fmt::format("><title>{}</title></rect>\n", markup_text(words));
}

void Svg::circle(SvgPoint centre, double radius, std::string_view classes) {
  body_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>\n", svg_number(centre.x),
                       svg_number(centre.y), svg_number(radius), class_attribute(classes));
}

void Svg::path(std::string_view data, std::string_view classes) {
  if (data.empty()) return;
  body_ += fmt::format("<path d=\"{}\"{}/>\n", data, class_attribute(classes));
}

void Svg::dots(std::span<const SvgPoint> points, double radius, std::string_view classes) {
  if (points.empty()) return;
  std::string data;
  for (const SvgPoint& point : points) {
    // Lines of almost no length with round ends: a few bytes a mark.
    data += fmt::format("M{} {}h.01", svg_number(point.x), svg_number(point.y));
  }
  body_ += fmt::format("<path d=\"{}\" class=\"dots {}\" stroke-width=\"{}\"/>\n", data, classes,
                       svg_number(2 * radius));
}

std::string Svg::finish(bool alone) && {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" class=\"pic\" role=\"img\"",
      svg_number(width_), svg_number(height_));
  if (alone)
    out += fmt::format(" width=\"{}\" height=\"{}\"", svg_number(width_), svg_number(height_));
  out += ">";
  out += head_;
  if (alone) {
    out += fmt::format("<style>{}</style>\n<rect width=\"{}\" height=\"{}\" class=\"ground\"/>\n",
                       kStyle, svg_number(width_), svg_number(height_));
  }
  return out + body_ + "</svg>\n";
}

std::string polyline(std::span<const SvgPoint> points) {
  std::string data;
  for (const SvgPoint& point : points) {
    data +=
        fmt::format("{}{} {}", data.empty() ? 'M' : 'L', svg_number(point.x), svg_number(point.y));
  }
  return data;
}

std::string stairs(std::span<const SvgPoint> points) {
  std::string data;
  for (const SvgPoint& point : points) {
    data += data.empty() ? fmt::format("M{} {}", svg_number(point.x), svg_number(point.y))
                         : fmt::format("H{}V{}", svg_number(point.x), svg_number(point.y));
  }
  return data;
}

std::string box_data(SvgPoint corner, double width, double height) {
  return fmt::format("M{} {}h{}v{}h{}z", svg_number(corner.x), svg_number(corner.y),
                     svg_number(width), svg_number(height), svg_number(-width));
}

}  // namespace assay::automl

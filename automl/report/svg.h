// The drawing layer of all pictures: SVG elements with a title and a description for screen
// readers. Colours are named by classes that svg_style() defines (light and dark, told apart by
// colour-blind people), so that a page defines them once and a picture of its own carries them with
// it. Pure; equal calls give equal bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::automl {

// Text for element content and attributes of HTML and SVG alike: & < > " ' are escaped, control
// characters become blanks, and bytes that are no UTF-8 become U+FFFD.
std::string markup_text(std::string_view text);

// Shortened in the middle to `width` characters of UTF-8, with an ellipsis.
std::string short_label(std::string_view text, int width);

// "12.5", "12": with one decimal at most, which is finer than a pixel.
std::string svg_number(double value);

struct SvgPoint {
  double x = 0;
  double y = 0;
};

// Classes of category colours: fills "c0" to "c6", lines "s0" to "s6"; the last is grey and serves
// all that come after it.
inline constexpr int kSvgColours = 7;
std::string fill_class(size_t category);
std::string line_class(size_t category);
// Classes of a scale from pale to strong, lines "q0" to "q7"; and from low to high, lines "v0" to
// "v5".
inline constexpr int kSvgShades = 8;
inline constexpr int kSvgValues = 6;

// The style sheet that the classes come from, without the element around it.
std::string_view svg_style();

enum class TextAnchor { kStart, kMiddle, kEnd };

class Svg {
 public:
  // `title` names the picture, `description` says what can be seen in it. Numbers are user units;
  // the picture scales to the width it is given.
  Svg(double width, double height, std::string_view title, std::string_view description);

  // `classes` is a list of classes as in HTML; empty: none. Text is escaped.
  void line(SvgPoint from, SvgPoint to, std::string_view classes);
  void text(SvgPoint at, TextAnchor anchor, std::string_view words, std::string_view classes = {});
  // With a title of its own that a pointer shows, if `words` is not empty.
  void rect(SvgPoint corner, double width, double height, std::string_view classes,
            std::string_view words = {});
  void circle(SvgPoint centre, double radius, std::string_view classes);
  // `data` is path data, as polyline() and others make it. Nothing if it is empty.
  void path(std::string_view data, std::string_view classes);
  // Round marks of `radius` as one element; their colour is a line class.
  void dots(std::span<const SvgPoint> points, double radius, std::string_view classes);

  // With the style sheet inside if it is to stand `alone`.
  std::string finish(bool alone) &&;

 private:
  double width_;
  double height_;
  std::string head_;
  std::string body_;
};

// Path data: through the points in order; a line that goes along, then up, between points; boxes.
std::string polyline(std::span<const SvgPoint> points);
std::string stairs(std::span<const SvgPoint> points);
std::string box_data(SvgPoint corner, double width, double height);

}  // namespace assay::automl

// The drawing layer, axes, and the page around pictures.
#include <gtest/gtest.h>

#include <cmath>

#include "automl/report/axis.h"
#include "automl/report/bar_chart.h"
#include "automl/report/column_chart.h"
#include "automl/report/html_page.h"
#include "automl/report/plot.h"
#include "automl/report/svg.h"

namespace assay::automl {
namespace {

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(MarkupText, EscapesWhatIsMarkupAndMendsBytes) {
  EXPECT_EQ(markup_text("<script>alert(\"&'\")</script>"),
            "&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;");
  EXPECT_EQ(markup_text("a\x01"
                        "b\x7f"),
            "a b ");
  EXPECT_EQ(markup_text("M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80"),
            "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80");
  // A cut character, an overlong one, a surrogate, a lone continuation.
  EXPECT_EQ(markup_text("\xc3"), "\xef\xbf\xbd");
  EXPECT_EQ(markup_text("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(markup_text("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(markup_text("\x80z"), "\xef\xbf\xbdz");
  // U+FFFE is UTF-8, but XML has no place for it.
  EXPECT_EQ(markup_text("\xef\xbf\xbez"), "\xef\xbf\xbdz");
}

TEST(ShortLabel, CutsTheMiddleBetweenCharacters) {
  EXPECT_EQ(short_label("abcdef", 6), "abcdef");
  EXPECT_EQ(short_label("abcdefghij", 5), "ab\xe2\x80\xa6ij");
  EXPECT_EQ(short_label("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 4),
            "\xc3\xbc\xc3\xbc\xe2\x80\xa6\xc3\xbc");
}

TEST(SvgNumber, HasOneDecimalAtMost) {
  EXPECT_EQ(svg_number(12), "12");
  EXPECT_EQ(svg_number(12.34), "12.3");
  EXPECT_EQ(svg_number(-0.01), "0");
  EXPECT_EQ(svg_number(std::nan("")), "0");
}

TEST(Svg, HasTitleAndDescriptionAndCarriesItsStyleAlone) {
  const auto draw = [](bool alone) {
    Svg svg(10, 20, "a<b", "what \"is\" seen");
    svg.dots(std::vector<SvgPoint>{{1, 2}, {3.25, 4}}, 1.5, "s0");
    svg.rect({0, 0}, -1, 5, "c1", "tip & more");
    return std::move(svg).finish(alone);
  };
  const std::string in_page = draw(false);
  EXPECT_EQ(in_page.rfind("<svg ", 0), 0u);
  EXPECT_NE(in_page.find("<title>a&lt;b</title><desc>what &quot;is&quot; seen</desc>"),
            std::string::npos);
  EXPECT_NE(in_page.find("d=\"M1 2h.01M3.2 4h.01\""), std::string::npos);
  EXPECT_NE(in_page.find("width=\"0\" height=\"5\" class=\"c1\"><title>tip &amp; more</title>"),
            std::string::npos);
  EXPECT_EQ(in_page.find("<style>"), std::string::npos);
  EXPECT_NE(draw(true).find("<style>"), std::string::npos);
}

TEST(PathData, JoinsPoints) {
  const std::vector<SvgPoint> points = {{0, 0}, {1, 2}, {3, 4.5}};
  EXPECT_EQ(polyline(points), "M0 0L1 2L3 4.5");
  EXPECT_EQ(stairs(points), "M0 0H1V2H3V4.5");
  EXPECT_EQ(box_data({1, 2}, 3, 4), "M1 2h3v4h-3z");
  EXPECT_EQ(polyline({}), "");
}

TEST(Axis, CoversARangeInRoundSteps) {
  const Axis axis = round_axis(0.13, 0.97, 5);
  EXPECT_DOUBLE_EQ(axis.low, 0);
  EXPECT_DOUBLE_EQ(axis.high, 1);
  EXPECT_DOUBLE_EQ(axis.step, 0.2);
  const auto ticks = ticks_of(axis);
  ASSERT_EQ(ticks.size(), 6u);
  EXPECT_EQ(ticks[1].text, "0.2");
  EXPECT_EQ(ticks[5].text, "1.0");
}

TEST(Axis, OfOneValueOrNoneIsWide) {
  for (const double value : {0.0, 5.0, -1e9, std::nan(""), HUGE_VAL}) {
    const Axis axis = round_axis(value, value, 5);
    EXPECT_LT(axis.low, axis.high);
    EXPECT_FALSE(ticks_of(axis).empty());
  }
}

TEST(Axis, OfLogarithmsHasPowersOfTen) {
  const Axis axis = log_axis(0.001, 10);
  EXPECT_DOUBLE_EQ(axis.place(0.1), 0.5);
  const auto ticks = ticks_of(axis);
  ASSERT_EQ(ticks.size(), 5u);
  EXPECT_EQ(ticks[0].text, "0.001");
  EXPECT_EQ(ticks[4].text, "10");
  // Narrow ones have twos and fives as well.
  EXPECT_EQ(ticks_of(log_axis(1, 10)).size(), 4u);
}

TEST(TickText, HasTheDigitsOfTheStep) {
  EXPECT_EQ(tick_text(0.85, 0.05), "0.85");
  EXPECT_EQ(tick_text(1200, 200), "1200");
  EXPECT_EQ(tick_text(2500000, 500000), "2.5e6");
  EXPECT_EQ(tick_text(-3e-9, 1e-9), "-3e-9");
  EXPECT_EQ(tick_text(-1e-17, 0.1), "0.0");
}

TEST(Plot, PlacesValuesWithinItsFrame) {
  PlotSpec spec;
  spec.x = {0, 10, 2};
  spec.y = {0, 1, 0.5};
  Plot plot(spec);
  EXPECT_DOUBLE_EQ(plot.x(0), plot.left());
  EXPECT_DOUBLE_EQ(plot.x(10), plot.right());
  EXPECT_DOUBLE_EQ(plot.y(1), plot.top());
  EXPECT_DOUBLE_EQ(plot.y(0.5), (plot.top() + plot.bottom()) / 2);
  EXPECT_DOUBLE_EQ(plot.y(7), plot.top());
  EXPECT_DOUBLE_EQ(plot.x(std::nan("")), plot.left());
}

TEST(BarChart, DrawsTheFirstAndSaysWhatIsLeftOut) {
  const std::vector<Bar> bars = {{"a", 2, "2"}, {"b<", 1, "1"}, {"c", -1, "-1"}, {"d", NAN, "-"}};
  const Figure all = bar_figure("t", "w", bars);
  EXPECT_EQ(count_of(all.svg, "<rect"), 4u);
  EXPECT_NE(all.svg.find("b&lt;"), std::string::npos);
  EXPECT_TRUE(all.note.empty());
  const Figure some = bar_figure("t", "w", bars, 3);
  EXPECT_EQ(count_of(some.svg, "<rect"), 3u);
  EXPECT_EQ(some.note, "1 more are less.");
  EXPECT_EQ(bar_figure("t", "w", {}).svg, "");
}

TEST(ColumnSketch, CountsNumbersAndLevels) {
  datasets::Column numbers;
  numbers.name = "n";
  numbers.numbers = {0, 1, 1, 2, NAN};
  numbers.all_integers = true;
  // Three whole numbers are three bars.
  EXPECT_EQ(count_of(column_sketch(numbers), "z"), 3u);
  numbers.numbers = {NAN};
  EXPECT_EQ(column_sketch(numbers), "");
  datasets::Column levels;
  levels.type = datasets::ColumnType::kCategorical;
  levels.levels = {"a", "b", "c"};
  levels.codes = {2, 2, 3, 0};
  EXPECT_EQ(count_of(column_sketch(levels), "z"), 2u);
}

TEST(HtmlPage, EscapesEveryTextAndHeadsItsTables) {
  const std::string bad = "</title><script>x</script>&\"'";
  HtmlPage page(bad, bad);
  page.section("one", bad);
  page.paragraph(bad);
  page.note(bad);
  page.facts({{bad, bad}});
  HtmlTable table;
  table.caption = bad;
  table.columns = {{bad, false}, {"n", true}};
  table.rows = {{HtmlCell(bad), HtmlCell(bad)}};
  page.table(table);
  page.folded(bad, table);
  page.preformatted(bad);
  page.folded_text(bad, bad);
  Figure figure;
  figure.title = bad;
  figure.note = bad;
  figure.svg = "<svg/>";
  figure.legend = {{LegendItem::Mark::kDot, "c0", bad}};
  page.figures({figure});
  page.wide_figure(figure);
  const std::string html = std::move(page).finish(bad);
  EXPECT_EQ(html.rfind(HtmlPage::kStart, 0), 0u);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(count_of(html, "</title>"), 1u);
  EXPECT_EQ(count_of(html, "<th scope=\"col\""), 4u);
  EXPECT_EQ(count_of(html, "<th scope=\"row\""), 2u);
  EXPECT_EQ(count_of(html, "<section"), count_of(html, "</section>"));
  EXPECT_EQ(count_of(html, "<a href=\"#one\">"), 1u);
}

}  // namespace
}  // namespace assay::automl
